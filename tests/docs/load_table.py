"""The table of docs/zero-downtime.md, from real runs under load.

    .venv/bin/lab rollout --rate 200 --json > rollout.json
    .venv/bin/lab rollback --rate 200 --json > rollback.json
    .venv/bin/python -m tests.docs.load_table rollout.json rollback.json

A run in which a page was refused, or that did not pass, is refused.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.findings import Status
from lab.latency import Phase

from .project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PAGE = ROOT / "docs" / "zero-downtime.md"
BEGIN = "<!-- load: begin. It is written by tests/docs/load_table.py. -->\n"
END = "<!-- load: end -->\n"
TITLES = ("pages", "answered a second", "p50", "p99", "longest", "refused", "5xx")


def read(document: Mapping[str, Any]) -> dict[str, Phase]:
    """Return the phases of a run, as `lab rollout --json` prints it.

    Raises:
        ValueError: there was no load, or the run did not pass.
    """
    if document["verdict"] != Status.PASS or not document.get("load"):
        raise ValueError(f"no run to show: {document['verdict']}")
    action = document["run"]["action"]
    return {f"{action}, {each['name']}": Phase(**each) for each in document["load"]}


def render(phases: Mapping[str, Phase]) -> str:
    """Return the table as it stands in the page, with its marks."""
    rows = ([name, *cells(phase)] for name, phase in phases.items())
    lines = [["", *TITLES], ["---", *("---:" for _ in TITLES)], *rows]
    return BEGIN + "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n" + END


def cells(phase: Phase) -> Iterable[str]:
    """Return what is told of a phase."""
    times = (f"{each:.1f} ms" for each in (phase.p50, phase.p99, phase.longest) if each is not None)
    return f"{phase.pages:,}", f"{phase.rate:.1f}", *times, str(phase.refused), str(phase.errors)


def write(phases: Mapping[str, Phase], page: Path = PAGE) -> None:
    """Put the table into the page."""
    text = page.read_text()
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    page.write_text(marked.sub(lambda _found: render(phases), text, count=1))


if __name__ == "__main__":
    found: dict[str, Phase] = {}
    for file in sys.argv[1:]:
        found |= read(json.loads(Path(file).read_text()))
    write(found)
