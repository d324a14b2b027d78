"""What tests ask of a verdict: the one fault, its words, and the name of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.judge.findings import Status

if TYPE_CHECKING:
    from tests.unit.lab_probe.conftest import Bench

    from lab.judge.findings import Finding
    from lab.judge.verdict import Verdict


def only_fault(verdict: Verdict, checker: str) -> Finding:
    """Return the finding of a checker, having seen that no other one found anything."""
    failed = [finding.checker for finding in verdict.findings if finding.status is Status.FAIL]
    assert failed == [checker]
    assert verdict.status is Status.FAIL
    assert verdict.exit_code == 1
    return verdict.finding(checker)


def says(finding: Finding) -> str:
    """Return the first evidence without its time, which is never the same."""
    assert finding.first is not None
    assert finding.first.sentence.startswith(f"at {finding.first.t:.2f} s ")
    return finding.first.sentence.partition(" s ")[2]


def name_of(bench: Bench, source: str, release: str = "v1") -> str:
    return bench.shop.releases[release].paths[source]
