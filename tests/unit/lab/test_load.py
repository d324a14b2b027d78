"""A steady load beside a rollout, on a miniature stack; and what its numbers mean."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine, histories

from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.history import Answer, Event, Fetch, History, Run, read_history
from lab.judge.latency import find_phases, measure_phase, percentile
from lab.runs.load import Load
from lab.stacks.ports import free_port


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that is at rest for a moment only, and visitors who do not wait."""
    monkeypatch.setattr("lab.runs.load.WARM_SECONDS", 0.0)
    monkeypatch.setattr("lab.runs.load.REST_SECONDS", 0.5)
    monkeypatch.setattr("lab.runs.session.PACE_SECONDS", 0.0)


@pytest.mark.usefixtures("brief", "miniature")
def test_a_rollout_under_load_tells_its_rates_and_times(
    lab: Command, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("rollout", "--visitors", 2, "--rate", 50, "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    rest, rolling = verdict["load"]
    assert [rest["name"], rolling["name"]] == ["at rest", "rolling"]
    for phase in (rest, rolling):
        assert phase["refused"] == phase["errors"] == 0
        assert phase["pages"] > 0
        assert phase["p50"] <= phase["p99"] <= phase["longest"]
    (path,) = histories(work)
    load = [fetch for fetch in read_history(path).fetches if fetch.how == "load"]
    assert {fetch.release for fetch in load} == {"v1", "v2"}
    assert lab("check", path) == 0
    assert "Under load" in capsys.readouterr().out


@pytest.mark.usefixtures("brief")
def test_an_interrupt_under_load_leaves_nothing(
    lab: Command, miniature: MiniatureEngine, work: Path
) -> None:
    miniature.plan_failure("drain", KeyboardInterrupt())
    assert lab("rollout", "--visitors", 2, "--rate", 50) == 2
    assert miniature.still_up() == []
    (path,) = histories(work)
    assert not read_history(path).damage


class Slow(BaseHTTPRequestHandler):
    """A site that answers one page after another, and takes its time."""

    protocol_version = "HTTP/1.1"
    turn = threading.Lock()

    def do_GET(self) -> None:
        with self.turn:
            time.sleep(0.02)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def slow() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def load_until(count: int, page: str, path: Path) -> Run:
    """Ask for a page a hundred times a second, until so many answers have come."""

    def came() -> int:
        return path.read_text().count('"kind":"fetch"')

    with History(path) as history, Load([page], 100, history):
        wait_until(lambda: came() >= count, 60, "too few answers", str)
    return read_history(path)


def test_what_is_late_counts_from_when_it_was_due(slow: str, tmp_path: Path) -> None:
    load = load_until(50, slow, tmp_path / "slow.jsonl").fetches
    dues = [fetch.t for fetch in load]
    gaps = {round(later - earlier, 3) for earlier, later in itertools.pairwise(dues)}
    assert gaps == {0.01}  # the questions do not wait for the answers
    # Fifty answers take a second, for which half a second had been planned.
    assert max(fetch.answer.ms for fetch in load) > 400


def test_what_refuses_is_counted_as_such(tmp_path: Path) -> None:
    port = free_port()
    run = load_until(5, f"http://127.0.0.1:{port}/", tmp_path / "refused.jsonl")
    assert {fetch.answer.error for fetch in run.fetches} == {"refused"}


def test_a_load_that_cannot_go_on_is_an_error(tmp_path: Path) -> None:
    with History(tmp_path / "killed.jsonl") as history:
        load = Load(["http://127.0.0.1:9/"], 1, history).__enter__()
        load.process.kill()
        with pytest.raises(UnavailableError, match="the load ended by itself, with exit code -9"):
            load.__exit__(None, None, None)


def page(t: float, ms: float = 0.0, status: int | None = 200, error: str | None = None) -> Fetch:
    answer = Answer(status=status, error=error, ms=ms)
    return Fetch(
        t=t,
        role="page",
        url="http://x/",
        page="http://x/",
        via=None,
        how="load",
        release="v1",
        visitor="load-1",
        answer=answer,
    )


def test_a_phase_counts_what_was_due_in_it_and_the_rate_what_was_answered_in_it() -> None:
    load = [page(0.9, 200), page(1.0, 10), page(1.5, 900), page(1.9, 30, 503), page(2.0)]
    load.append(page(1.2, 1, None, "reset"))
    phase = measure_phase("at rest", 1.0, 2.0, sorted(load, key=lambda each: each.t))
    assert (phase.pages, phase.refused, phase.errors) == (4, 1, 1)
    assert (phase.p50, phase.p99, phase.longest) == (30, 900, 900)
    assert phase.rate == 3  # of 0.9, 1.0 and 1.9


def test_a_percentile_is_a_time_that_was_met() -> None:
    assert percentile(range(1, 101), 99) == 99
    assert percentile([7.0], 50) == 7.0
    assert percentile([], 50) is None


def test_an_interrupted_load_has_the_phases_that_ended() -> None:
    events = [
        Event(t=1, event="load-at-rest", release=None, detail={}),
        Event(t=2, event="load-rolling", release=None, detail={}),
    ]
    assert [phase.name for phase in find_phases(Run(header=None, events=tuple(events)))] == [
        "at rest"
    ]
