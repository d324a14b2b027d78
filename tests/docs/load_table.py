"""The table of docs/zero-downtime.md, from real runs under load.

    .venv/bin/lab rollout --rate 200
    .venv/bin/lab rollback --rate 200
    .venv/bin/python -m tests.docs.load_table .lab/lab/*-roll*.jsonl

It is told from their histories. A run that did not pass, as when a page was refused, is not shown.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.project import ROOT

from lab.judge.findings import Status
from lab.judge.verdict import Verdict, judge_history

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.judge.latency import LoadPhase

PAGE = ROOT / "docs" / "zero-downtime.md"
BEGIN = "<!-- load: begin. It is written by tests/docs/load_table.py. -->\n"
END = "<!-- load: end -->\n"
TITLES = ("pages", "answered a second", "p50", "p99", "longest", "refused", "5xx")


def read(verdict: Verdict) -> dict[str, LoadPhase]:
    """Return the phases of a run.

    Raises:
        ValueError: there was no load, or the run did not pass.
    """
    if verdict.status is not Status.PASS or verdict.header is None or not verdict.load:
        raise ValueError(f"no run to show: {verdict.status}, {len(verdict.load)} phases of a load")
    action = verdict.header.action
    return {f"{action}, {phase.rate:.0f}/s, {phase.name}": phase for phase in verdict.load}


def render(phases: Mapping[str, LoadPhase]) -> str:
    """Return the table as it stands in the page, with its marks."""
    rows = ([name, *cells(phase)] for name, phase in phases.items())
    lines = [["", *TITLES], ["---", *("---:" for _ in TITLES)], *rows]
    return BEGIN + "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n" + END


def cells(phase: LoadPhase) -> Iterable[str]:
    """Return what is told of a phase."""
    times = (f"{each:.1f} ms" for each in (phase.p50, phase.p99, phase.longest) if each is not None)
    return f"{phase.pages:,}", f"{phase.rate:.1f}", *times, str(phase.refused), str(phase.errors)


def write(phases: Mapping[str, LoadPhase], page: Path = PAGE) -> None:
    """Put the table into the page."""
    text = page.read_text()
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    page.write_text(marked.sub(lambda _found: render(phases), text, count=1))


if __name__ == "__main__":
    found: dict[str, LoadPhase] = {}
    for history in sys.argv[1:]:
        found |= read(judge_history(Path(history)))
    write(found)
