"""What one checker finds in a run: a conclusion, counts, and the evidence at both ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.history import Run
    from lab.judge.evidence import Checker, Evidence, Judgement


class Status(StrEnum):
    """What a checker, or all of them together, conclude."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one checker found.

    Attributes:
        checker: its name.
        promise: what it stands for, as a sentence.
        status: its conclusion.
        judged: how many sightings it could say something about.
        faults: how many of them broke the promise.
        reason: why it is UNKNOWN or not applicable.
        kinds: faults by kind, such as a status.
        subjects: faults by what broke: `v1 /cart/`, `v1 css/site.….css`.
        samples: the first evidence of each kind, the commonest kind first.
        first, last: the evidence at both ends.
        faulty: the indices of the faulty fetches in the run.
    """

    checker: str
    promise: str
    status: Status
    judged: int = 0
    faults: int = 0
    reason: str | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)
    subjects: Mapping[str, int] = field(default_factory=dict)
    samples: Mapping[str, Evidence] = field(default_factory=dict)
    first: Evidence | None = None
    last: Evidence | None = None
    faulty: frozenset[int] = field(default=frozenset(), repr=False)


def apply_checker(run: Run, checker: Checker) -> Finding:
    """Let one checker judge a run; one that crashes knows nothing, and says so."""
    collected = Collected()
    try:
        excuse = checker.excuse(run)
        if excuse:
            status = Status.NOT_APPLICABLE
            return Finding(
                checker=checker.name, promise=checker.promise, status=status, reason=excuse
            )
        for judged in checker.judge(run):
            collected.add(judged)
    except Exception as error:
        reason = f"the checker crashed: {type(error).__name__}: {error}"
        return Finding(
            checker=checker.name, promise=checker.promise, status=Status.UNKNOWN, reason=reason
        )
    return collected.conclude(checker)


def check_wholeness(run: Run) -> Finding:
    """Say whether the history is whole; a run of which a part is missing proves nothing."""
    crashes = [event for event in run.events if event.event == "probe-crashed"]
    unseen = (event.detail for event in run.events if event.event == "unseen")
    reasons = [
        *([] if run.header else ["no line says what ran"]),
        *([] if run.ended else ["the run was interrupted: its history has no end"]),
        *run.damage,
        *(FULL for event in run.events if event.event == "full"),
        *(f"{each.get('what')} {each.get('why')}" for each in unseen),
        *(f"visitor {event.detail.get('visitor')} crashed" for event in crashes),
    ]
    more = [f"{len(reasons) - 3} more"] if len(reasons) > 3 else []
    reason = "; ".join(reasons[:3] + more)
    status = Status.UNKNOWN if reasons else Status.PASS
    return Finding(
        checker="history whole",
        promise="the history is whole",
        status=status,
        reason=reason or None,
    )


FULL = "the history was full: give a longer --history-size, a lower --rate or a shorter --for"


def find_worst(statuses: Iterable[Status]) -> Status:
    """Return the worst: FAIL, then UNKNOWN, then PASS; what does not apply says nothing."""
    found = set(statuses)
    for status in (Status.FAIL, Status.UNKNOWN, Status.PASS):
        if status in found:
            return status
    return Status.UNKNOWN


class Collected:
    """The sum of what a checker said."""

    def __init__(self) -> None:
        self.judged = 0
        self.faults = 0
        self.doubts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.subjects: Counter[str] = Counter()
        self.samples: dict[str, Evidence] = {}
        self.first: Evidence | None = None
        self.last: Evidence | None = None
        self.faulty: set[int] = set()

    def add(self, judged: Judgement) -> None:
        """Take in one judgement."""
        evidence = judged.evidence
        if judged.doubt:
            self.doubts[judged.doubt] += 1
            return
        self.judged += 1
        if evidence:
            self.faults += 1
            self.kinds[evidence.kind] += 1
            self.subjects[name_subject(evidence)] += 1
            self.samples.setdefault(evidence.kind, evidence)
            self.first = self.first or evidence
            self.last = evidence
            if judged.index is not None:
                self.faulty.add(judged.index)

    def conclude(self, checker: Checker) -> Finding:
        """Return what all of them come to."""
        return Finding(
            checker=checker.name,
            promise=checker.promise,
            status=self.find_status(),
            judged=self.judged,
            faults=self.faults,
            reason=self.find_reason(),
            kinds=dict(self.kinds.most_common()),
            subjects=dict(self.subjects.most_common()),
            samples={kind: self.samples[kind] for kind, _count in self.kinds.most_common()},
            first=self.first,
            last=self.last,
            faulty=frozenset(self.faulty),
        )

    def find_status(self) -> Status:
        """Return FAIL for any fault, UNKNOWN for any doubt or no data, else PASS."""
        if self.faults:
            return Status.FAIL
        return Status.UNKNOWN if self.doubts or not self.judged else Status.PASS

    def find_reason(self) -> str | None:
        """Return the commonest doubt, or that there is no data."""
        if self.doubts:
            doubt, _times = self.doubts.most_common(1)[0]
            return f"{doubt} ({self.doubts.total()} could not be judged)"
        return None if self.judged else "no data"


def name_subject(evidence: Evidence) -> str:
    """Return what broke: `v1 /cart/`, `v1 css/site.….css`."""
    return " ".join(filter(None, (evidence.release, evidence.asset or evidence.page)))
