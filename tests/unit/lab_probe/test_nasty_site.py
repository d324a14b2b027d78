"""What a nasty site does to a probe: nothing, but what is a fault is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.lab_probe.nasty import serve
from tests.unit.lab_probe.traps import TRAPS

from lab.judge.findings import Status
from lab.judge.verdict import Verdict, judge
from lab.probe import Limits
from lab.runs.external import Look, look_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.lab_probe.nasty import Server
    from tests.unit.lab_probe.traps import Trap

LIMITS = Limits(connect=2, read=2, total=0.3, body=200_000, pages=50, depth=3, assets=50)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with serve() as site, serve() as other:
        site.other, other.other = other, site
        yield site, other


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let histories go to a folder of the test's own, and the probe lose patience soon."""
    monkeypatch.setattr("lab.checkout.WORK", tmp_path)
    monkeypatch.setattr("lab.runs.external.LIMITS", LIMITS)
    return tmp_path


def set_up(trap: Trap, server: Server, files: dict[str, object]) -> None:
    for path, route in files.items():
        server.routes[f"/{trap.name}/{path}"] = route


def look(url: str, **wanted: object) -> Verdict:
    return judge(look_at(Look(url, **wanted), lambda _line: None))


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_a_trap_is_what_it_is_and_nothing_else(trap: Trap, servers: tuple[Server, Server]) -> None:
    site, other = servers
    set_up(trap, site, trap.files)
    set_up(trap, other, trap.others)

    verdict = look(f"{site.url}{trap.name}/", visits=trap.visits)

    found = {
        finding.checker: " ".join(evidence.sentence for evidence in finding.samples.values())
        for finding in verdict.findings
        if finding.faults
    }
    assert found.keys() == trap.faults.keys(), found
    for checker, words in trap.faults.items():
        assert words in found[checker]
    for checker in trap.passes:
        finding = verdict.finding(checker)
        assert (finding.status, bool(finding.judged)) == (Status.PASS, True)
    doubts = [each.reason or "" for each in verdict.findings if each.status is Status.UNKNOWN]
    doubts = [reason for reason in doubts if reason != "no data"]
    assert len(doubts) == bool(trap.unknown)
    assert trap.unknown in " ".join(doubts)
    for paths, asks in ((trap.asked, True), (trap.spared, False)):
        asked = {path: is_asked(path, trap, servers) for path in paths}
        assert asked == dict.fromkeys(paths, asks)


def is_asked(path: str, trap: Trap, servers: tuple[Server, Server]) -> bool:
    over_there = path.startswith("other:")
    return servers[over_there].asked[f"/{trap.name}/{path.removeprefix('other:')}"] > 0
