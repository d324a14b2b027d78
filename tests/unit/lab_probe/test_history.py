from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from lab.history import (
    Answer,
    Asset,
    Event,
    Fetch,
    Header,
    History,
    HistoryError,
    Record,
    Reuse,
    read_history,
)
from lab.judge.findings import Status, check_wholeness

if TYPE_CHECKING:
    from pathlib import Path

HEADER = Header(
    strategy="shared",
    engine="embedded",
    action="rollout",
    base="http://shop.test/",
    static="http://shop.test/static/",
    started="now",
)
PAGE = Fetch(
    t=1.5,
    role="page",
    url="http://shop.test/",
    page="http://shop.test/",
    via=None,
    how="seed",
    release="v1",
    visitor="3",
    answer=Answer(status=200, sha256="aa", ms=2.5),
)
ASSET = Fetch(
    t=2.0,
    role="asset",
    url="http://shop.test/a.css",
    page=PAGE.url,
    via=PAGE.url,
    how="stylesheet",
    release="v1",
    visitor="3",
    answer=Answer(error="timeout", retried=True, replica="web-1", pid="7"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


def test_what_is_written_is_read_back(path: Path) -> None:
    record = Record(
        release="v1", paths={"a.css": "a.1.css"}, assets={"a.1.css": Asset("aa", 3)}, django="5.2"
    )
    with History(path) as history:
        history.begin(HEADER)
        history.add_release(record)
        history.add_event("weights", "v2", v1=50, v2=50)
        history.add_fetch(PAGE)
        history.add_fetch(ASSET)
        history.end()
    run = read_history(path)
    assert run.header == HEADER
    assert run.records == {"v1": record}
    (event,) = run.events
    assert event == Event(t=event.t, event="weights", release="v2", detail={"v1": 50, "v2": 50})
    assert run.fetches == (PAGE, ASSET)
    assert (run.ended, run.damage) == (True, ())


def test_a_line_is_the_object_that_the_format_describes(path: Path) -> None:
    with History(path, clock=iter([10.0, 13.25]).__next__) as history:
        history.add_event("replica-stopped", "v1", replica="web-2")
        history.add_fetch(ASSET)
    event, fetch = map(json.loads, path.read_text().splitlines())
    assert event == {
        "kind": "event", "t": 3.25, "event": "replica-stopped", "release": "v1",
        "detail": {"replica": "web-2"},
    }  # fmt: skip
    assert fetch == {
        "kind": "fetch", "id": 1, "t": 2.0, "role": "asset", "url": "http://shop.test/a.css",
        "page": "http://shop.test/", "via": "http://shop.test/", "how": "stylesheet",
        "release": "v1", "visitor": "3", "status": None, "error": "timeout", "content_type": None,
        "cache_control": None, "bytes": None, "sha256": None, "md5": None, "ms": 0.0,
        "replica": "web-1", "pid": "7", "redirected_to": None, "retried": True,
    }  # fmt: skip


def test_the_record_that_a_build_writes_is_taken_as_it_is(path: Path) -> None:
    document = {
        "release": "v1",
        "django": "5.2",
        "paths": {"a": "a.1"},
        "assets": {"a.1": {"sha256": "x", "bytes": 1}},
    }
    with History(path) as history:
        history.add_release(document)
    assert read_history(path).records["v1"] == Record(
        release="v1", paths={"a": "a.1"}, assets={"a.1": Asset("x", 1)}, django="5.2"
    )


def test_a_reuse_is_read_as_the_fetches_that_it_stands_for(path: Path) -> None:
    other = Fetch(
        t=3.0,
        role="page",
        url="http://shop.test/b/",
        page="http://shop.test/b/",
        via=PAGE.url,
        how="a",
        release="v2",
        visitor="3",
        answer=Answer(status=200),
    )
    with History(path) as history:
        history.add_fetch(PAGE)
        asset = history.add_fetch(ASSET)
        number = history.add_fetch(other)
        history.add_reuse(other, [Reuse(asset, "preload", number)])
        history.add_reuse(other, [])
    fetches = read_history(path).fetches
    (reused,) = [fetch for fetch in fetches if fetch.cached]
    assert len(path.read_text().splitlines()) == 4
    assert (reused.page, reused.via, reused.how) == (other.url, other.url, "preload")
    assert (reused.release, reused.visitor, reused.url) == ("v2", "3", ASSET.url)
    assert reused.answer == ASSET.answer


def test_a_torn_last_line_is_dropped(path: Path) -> None:
    with History(path) as history:
        history.begin(HEADER)
        history.add_fetch(PAGE)
        history.add_fetch(ASSET)
    path.write_bytes(path.read_bytes()[:-20])
    run = read_history(path)
    assert run.fetches == (PAGE,)
    assert (run.ended, run.damage) == (False, ())


def test_damage_is_reported_with_its_line(path: Path) -> None:
    path.write_text('{"kind":"end","t":1}\nrubbish\n{"kind":"fetch","t":1}\n{"kind":"gossip"}\n')
    damage = read_history(path).damage
    assert [line.partition(":")[0] for line in damage] == ["line 2", "line 3", "line 4"]


def test_a_fetch_with_neither_status_nor_error_is_damage(path: Path) -> None:
    with History(path) as history:
        history.add_fetch(
            Fetch(
                t=1.0,
                role="page",
                url="u",
                page="u",
                via=None,
                how="seed",
                release=None,
                visitor="1",
                answer=Answer(),
            )
        )
    assert "either a status or an error" in read_history(path).damage[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("t", "soon"),
        ("t", 1e300),
        ("status", "200"),
        ("url", None),
        ("release", ["v1"]),
        ("md5", 7),
    ],
)
def test_a_fetch_with_a_field_of_another_type_is_damage(
    path: Path, name: str, value: object
) -> None:
    with History(path) as history:
        history.add_fetch(PAGE)
    line = json.loads(path.read_text()) | {name: value}
    path.write_text(json.dumps(line) + "\n")
    run = read_history(path)
    assert run.fetches == ()
    assert run.damage == (f"line 1: TypeError: {name} is {value!r}",)


@pytest.mark.parametrize(
    "line",
    [
        '{"kind":"event","t":NaN,"event":"recycled","release":"v1"}',
        '{"kind":"event","t":1,"event":7,"release":"v1"}',
        '{"kind":"record","t":1,"release":null,"paths":{},"assets":{}}',
        '{"kind":"reuse","t":[],"page":"u","release":"v1","visitor":"1","uses":[]}',
        '{"kind":"run","t":0,"strategy":[],"engine":null,"action":"probe","base":"u","static":null,'
        '"started":"now","format":1}',
        '{"kind":"run","t":0,"strategy":null,"engine":null,"action":"probe","base":"u",'
        '"static":null,"started":"now","format":Infinity}',
    ],
)
def test_any_other_line_with_a_field_of_another_type_is_damage_too(path: Path, line: str) -> None:
    path.write_text(f"{line}\n")
    assert len(read_history(path).damage) == 1


def test_fetches_are_read_in_the_order_of_time(path: Path) -> None:
    with History(path) as history:
        history.add_fetch(ASSET)
        history.add_fetch(PAGE)
    assert read_history(path).fetches == (PAGE, ASSET)


def test_a_history_is_never_overwritten(path: Path) -> None:
    path.write_text("old\n")
    with pytest.raises(HistoryError, match="it is there already; a run writes a new one"):
        History(path)
    assert path.read_text() == "old\n"


def test_a_history_that_cannot_be_written_or_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be written: No such file or directory"):
        History(tmp_path / "nowhere" / "history.jsonl")
    with pytest.raises(HistoryError, match="cannot be read: No such file or directory"):
        read_history(tmp_path / "nothing.jsonl")


def test_a_history_of_a_newer_lab_is_refused(path: Path) -> None:
    with History(path) as history:
        history.begin(
            Header(
                strategy="s",
                engine="e",
                action="rollout",
                base="b",
                static=None,
                started="now",
                format=2,
            )
        )
    with pytest.raises(HistoryError, match="format 2 is newer than this lab's 1"):
        read_history(path)


def test_threads_do_not_tear_each_others_lines(path: Path) -> None:
    with History(path) as history:
        threads = [
            threading.Thread(target=lambda: [history.add_fetch(ASSET) for _ in range(200)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        history.end()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["id"] for line in lines[:-1]] == list(range(1, 1601))
    assert len(read_history(path).fetches) == 1600


def test_a_killed_process_keeps_what_it_wrote(path: Path) -> None:
    program = (
        "import sys, pathlib; from lab.history import *\n"
        f"history = History(pathlib.Path({str(path)!r}))\n"
        "for n in range(50): history.add_event('n', n=n)\n"
        "print('written', flush=True); sys.stdin.read()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    run = read_history(path)
    assert [event.detail["n"] for event in run.events] == list(range(50))
    assert (run.ended, run.damage) == (False, ())


def test_a_full_history_says_so_and_takes_no_more(tmp_path: Path) -> None:
    with History(tmp_path / "full.jsonl", most=2000) as written:
        written.begin(
            Header(
                strategy=None,
                engine=None,
                action="probe",
                base="http://x/",
                static=None,
                started="now",
            )
        )
        while not written.full:
            written.add_event("left-out", what="x" * 100)
        for _ in range(100):
            written.add_event("left-out", what="x" * 100)
        written.end()
    assert written.path.stat().st_size < 2300
    run = read_history(written.path)
    assert ([event.event for event in run.events].count("full"), run.ended) == (1, True)
    wholeness = check_wholeness(run)
    assert wholeness.status is Status.UNKNOWN
    assert "the history was full" in (wholeness.reason or "")


def test_an_asset_that_is_used_again_fills_a_history_as_a_fetch_does(tmp_path: Path) -> None:
    answer = Answer(status=200)
    page = Fetch(
        t=0,
        role="page",
        url="u",
        page="u",
        via=None,
        how="a",
        release=None,
        visitor="1",
        answer=answer,
    )
    with History(tmp_path / "full.jsonl", most=100_000) as written:
        written.add_reuse(page, [Reuse(1, "img", 1)] * 400)
        assert not written.full
        written.add_reuse(page, [Reuse(1, "img", 1)] * 400)
        assert written.full
