"""What a steady load met: at rest, and while the stack rolled."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.history import Fetch, Run

BEGINNINGS = {"load-at-rest": "at rest", "load-rolling": "rolling"}
"""The events at which a phase begins; it lasts until the next, or until the load ends."""
END = "load-ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPhase:
    """The pages that were due in one phase of a load; milliseconds count from when each was due.

    Attributes:
        name: "at rest" or "rolling".
        seconds: how long it was.
        pages: how many were due.
        rate: how many were answered in a second.
        p50, p99, longest: milliseconds; None where nothing was answered.
        refused: how many were refused, reset or timed out.
        errors: how many were answered 500 and above.
    """

    name: str
    seconds: float
    pages: int
    rate: float
    p50: float | None
    p99: float | None
    longest: float | None
    refused: int
    errors: int


def find_phases(run: Run) -> tuple[LoadPhase, ...]:
    """Return the phases of a run's load, if it had any."""
    moments = [event for event in run.events if event.event in (*BEGINNINGS, END)]
    load = [fetch for fetch in run.fetches if fetch.how == "load"]
    return tuple(
        measure_phase(BEGINNINGS[begin.event], begin.t, end.t, load)
        for begin, end in itertools.pairwise(moments)
        if begin.event in BEGINNINGS
    )


def measure_phase(name: str, begin: float, end: float, load: Sequence[Fetch]) -> LoadPhase:
    """Return what was due between two moments."""
    due = [fetch for fetch in load if begin <= fetch.t < end]
    answered = [fetch.answer for fetch in due if fetch.answer.status is not None]
    times = sorted(answer.ms for answer in answered)
    came = sum(
        begin <= each.t + each.answer.ms / 1000 < end
        for each in load
        if each.answer.status is not None
    )
    return LoadPhase(
        name=name,
        seconds=round(end - begin, 3),
        pages=len(due),
        rate=round(came / (end - begin), 1),
        p50=percentile(times, 50),
        p99=percentile(times, 99),
        longest=times[-1] if times else None,
        refused=len(due) - len(answered),
        errors=sum((answer.status or 0) >= 500 for answer in answered),
    )


def percentile(times: Sequence[float], percent: float) -> float | None:
    """Return the nearest rank of sorted times: a time that was really met."""
    return times[math.ceil(len(times) * percent / 100) - 1] if times else None
