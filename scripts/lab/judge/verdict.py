"""The verdict of a run, from its history and nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from lab.history import read_history
from lab.judge.checkers import CHECKERS, OPTIONAL
from lab.judge.evidence import find_prefixes, find_static_prefix
from lab.judge.findings import Finding, Status, apply_checker, check_wholeness, find_worst
from lab.judge.latency import LoadPhase, find_phases
from lab.judge.tally import Tally, count_by_release

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lab.history import Event, Header, Run
    from lab.judge.evidence import Checker

EXIT_CODES = {Status.PASS: 0, Status.FAIL: 1, Status.UNKNOWN: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All findings of one run, and what follows from them."""

    status: Status
    findings: tuple[Finding, ...]
    releases: Mapping[str | None, Tally]
    header: Header | None
    history: str | None = None
    guard: tuple[Event, ...] = ()
    """What a guard saw and did."""
    load: tuple[LoadPhase, ...] = ()
    """What a steady load met."""

    @property
    def exit_code(self) -> int:
        """Return the lab's exit code: 0 PASS, 1 FAIL, 2 UNKNOWN."""
        return EXIT_CODES[self.status]

    @property
    def total(self) -> Tally:
        """Return the sum over all releases."""
        return sum(self.releases.values(), Tally())

    def finding(self, checker: str) -> Finding:
        """Return what one checker found, such as `page answers`."""
        return {finding.checker: finding for finding in self.findings}[checker]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as an object that `json.dumps` takes."""
        return {
            "verdict": str(self.status),
            "history": self.history,
            "run": asdict(self.header) if self.header else None,
            "total": asdict(self.total),
            "releases": {release or "": asdict(sums) for release, sums in self.releases.items()},
            "checkers": [finding_to_json(finding) for finding in self.findings],
            **({"guard": [asdict(event) for event in self.guard]} if self.guard else {}),
            **({"load": [asdict(phase) for phase in self.load]} if self.load else {}),
        }


def judge_history(history: Path, checkers: Sequence[Checker] = CHECKERS) -> Verdict:
    """Judge a history file.

    Raises:
        HistoryError: the file cannot be read at all.
    """
    return judge_run(read_history(history), checkers, str(history))


def judge_run(
    run: Run, checkers: Sequence[Checker] = CHECKERS, history: str | None = None
) -> Verdict:
    """Judge a run that has been read."""
    if run.records and find_static_prefix(run) is None:
        run = replace(run, prefixes=find_prefixes(run))
    asked = [checker for checker in OPTIONAL if checker.excuse(run) is None]
    findings = (
        check_wholeness(run),
        *(apply_checker(run, checker) for checker in (*checkers, *asked)),
    )
    status = find_worst(finding.status for finding in findings)
    guard = tuple(event for event in run.events if event.event.startswith("guard-"))
    counts = count_by_release(run, findings)
    return Verdict(
        status=status,
        findings=findings,
        releases=counts,
        header=run.header,
        history=history,
        guard=guard,
        load=find_phases(run),
    )


def conclude_comparison(
    verdicts: Mapping[str, Verdict], compared: Sequence[str], cure: str, control: str
) -> tuple[Status, str]:
    """Return the outcome of a comparison, and why: the cure passes where the control fails.

    Args:
        verdicts: by what was compared, as far as it came.
        compared: all that should have been, the last one first in time.
        cure: what has to pass.
        control: what has to fail, or the comparison proves nothing.
    """
    status = {name: verdict.status for name, verdict in verdicts.items()}
    if missing := [name for name in compared if name not in status]:
        return Status.UNKNOWN, f"stopped before {' and '.join(reversed(missing))}"
    if status[control] != Status.FAIL:
        return Status.UNKNOWN, f"the control, {control}, did not fail: this run proves nothing"
    if status[cure] == Status.FAIL:
        return Status.FAIL, f"{cure} did not hold what it promises"
    if status[cure] != Status.PASS:
        return Status.UNKNOWN, f"{cure} could not be judged"
    return Status.PASS, f"{cure} passed where the control, {control}, failed"


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as an object that `json.dumps` takes."""
    document = asdict(finding)
    del document["faulty"]
    return document | {"status": str(finding.status)}
