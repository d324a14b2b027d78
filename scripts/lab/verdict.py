"""The verdict of a run, from its history and nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from .checkers import CHECKERS
from .checkers.evidence import find_prefixes, static_of
from .findings import Finding, Status, check, check_wholeness, conclude
from .history import read_history
from .tally import Tally, tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .checkers import Checker
    from .history import Header, Run

EXIT_CODES = {Status.PASS: 0, Status.FAIL: 1, Status.UNKNOWN: 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings of one run, and what follows from them."""

    status: Status
    findings: tuple[Finding, ...]
    releases: Mapping[str | None, Tally]
    header: Header | None
    history: str | None = None

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
            "checkers": [_finding_to_json(finding) for finding in self.findings],
        }


def judge(history: Path, checkers: Sequence[Checker] = CHECKERS) -> Verdict:
    """Judge a history file.

    Raises:
        HistoryError: the file cannot be read at all.
    """
    return judge_run(read_history(history), checkers, str(history))


def judge_run(
    run: Run, checkers: Sequence[Checker] = CHECKERS, history: str | None = None
) -> Verdict:
    """Judge a run that has been read."""
    if run.records and static_of(run) is None:
        run = replace(run, prefixes=find_prefixes(run))
    findings = (check_wholeness(run), *(check(run, checker) for checker in checkers))
    status = conclude(finding.status for finding in findings)
    return Verdict(status, findings, tally(run, findings), run.header, history)


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    document = asdict(finding)
    del document["faulty"]
    return document | {"status": str(finding.status)}
