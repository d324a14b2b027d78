"""`lab probe URL` as one types it, on a real server."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import histories
from tests.unit.lab_probe.nasty import CSS, Headers, Reply, Server, hashed, page, serve

from lab.history import read_history

BODY = "body { color: teal }"
SITE = hashed("site.css", BODY)


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as site:
        site.routes["/"] = page(f"<link rel=stylesheet href={SITE}>", **{"X-Release": "v1"})
        site.routes[f"/{SITE}"] = Reply(BODY, CSS)
        yield site


def test_a_healthy_site_passes_and_its_history_can_be_judged_again(
    lab: Command, server: Server, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("probe", server.url, "--visits", 3, "--rate", 500) == 0
    shown = capsys.readouterr()
    assert f"» visiting {server.url}, at most 500 requests a second" in shown.err
    assert "PASS probe" in shown.out
    (history,) = histories(work)
    assert lab("check", history, "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["releases"]["v1"]["pages"], verdict["run"]["base"]) == (3, server.url)


@pytest.mark.parametrize(("status", "code"), [(200, 2), (404, 1)])
def test_an_interrupt_gives_the_verdict_on_what_was_seen_and_keeps_the_history(
    lab: Command,
    server: Server,
    work: Path,
    capsys: pytest.CaptureFixture[str],
    status: int,
    code: int,
) -> None:
    def stylesheet(number: int, _headers: Headers) -> Reply:
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return Reply(BODY, CSS, status)

    server.routes[f"/{SITE}"] = stylesheet
    assert lab("probe", server.url, "--for", "1h", "--json") == code
    shown = capsys.readouterr()
    assert json.loads(shown.out)["verdict"] == {1: "FAIL", 2: "UNKNOWN"}[code]
    assert shown.err.endswith("» interrupted: the history has no end\n")
    (path,) = histories(work)
    history = read_history(path)
    assert not history.ended
    assert not history.damage
    assert len(history.fetches) >= 4


def test_what_names_the_release_and_what_it_has_may_be_said(
    lab: Command, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "staticfiles.json"
    manifest.write_text(json.dumps({"paths": {"site.css": "site.000000000000.css"}}))
    server.routes["/"] = page(f"<link rel=stylesheet href=/{SITE}><b>of 7</b>", **{"X-App": "v7"})
    known = tmp_path / "own.json"
    known.write_text(json.dumps({"paths": {"site.css": SITE}}))
    for said, code in (((f"v7={known}",), 0), ((f"v7={manifest}", f"v6={known}"), 1)):
        options = [word for each in said for word in ("--manifest", each)]
        assert lab("probe", server.url, "--release-header", "x-app", *options) == code
    capsys.readouterr()
    options = ["--release-pattern", "of ([0-9])", "--manifest", f"7={known}", "--json"]
    assert lab("probe", server.url, *options) == 0
    assert json.loads(capsys.readouterr().out)["releases"]["7"]["pages"] == 1


def test_a_site_that_robots_may_not_see_is_refused_in_one_line(
    lab: Command, server: Server, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /")
    assert lab("probe", server.url) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert 'let the probe in by the lines "User-agent: skewproof-probe" and "Allow: /"' in line
    assert histories(work) == []
