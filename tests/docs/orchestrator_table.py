"""The table in docs/lab.md of what an orchestrator does by itself, from real runs.

    .venv/bin/lab rollout --engine swarm --scenario crashing --strategy shared
    .venv/bin/python -m tests.docs.orchestrator_table .lab/*/*.jsonl

Each history fills one cell; other cells stay as they were. A cell holds what is the same in
every run: the verdict on what visitors saw, and how the rolls ended.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.markdown import marked_part
from tests.docs.project import ROOT

from lab.history import read_history
from lab.judge.actions import ROLL
from lab.judge.findings import Status, find_worst
from lab.judge.verdict import judge_run
from lab.runs.scenarios import ROLLBACK, ROLLOUT, SCENARIOS
from lab.strategies import CONTROL, CURE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.history import Run

    Cells = Mapping[tuple[str, str, str], str]
    """What a run came to, by scenario, engine and strategy."""

PAGE = ROOT / "docs" / "lab.md"
BEGIN = "<!-- orchestrators: begin. It is written by tests/docs/orchestrator_table.py. -->\n"
END = "<!-- orchestrators: end -->\n"
STRATEGIES = (CONTROL, CURE)
NAMES = (*SCENARIOS, ROLLBACK.name)
ROW = re.compile(r"^\| `([\w-]+)` \| (\w+) \| (.*?) \| (.*?) \|$", re.MULTILINE)
NO_RUN = "not run"


def read(run: Run) -> tuple[tuple[str, str, str], str]:
    """Return what a run came to, and which cell it fills.

    Raises:
        ValueError: it has no end, or no orchestrator rolled.
    """
    ends = [each.detail["outcome"] for each in run.events if each.event == "roll-ended"]
    header = run.header
    if header is None or not run.ended or not ends:
        raise ValueError("no run to show: it has no end, or no orchestrator rolled")
    findings = [each for each in judge_run(run).findings if each.checker != ROLL.name]
    seen = find_worst(each.status for each in findings)
    scenario = ROLLOUT.name if header.action == "rollout" else header.action
    key = (scenario, str(header.engine), str(header.strategy))
    return key, f"{strong(seen)}; {', then '.join(ends)}"


def strong(status: Status) -> str:
    """Make a failure stand out."""
    return f"**{status}**" if status is Status.FAIL else str(status)


def read_all(histories: Iterable[Path]) -> dict[tuple[str, str, str], str]:
    """Return what these runs came to."""
    return dict(read(read_history(path)) for path in histories)


def stated(page: str) -> dict[tuple[str, str, str], str]:
    """Return what the table says."""
    rows = ROW.findall(section(page))
    return {
        (scenario, engine, strategy): cell
        for scenario, engine, *cells in rows
        for strategy, cell in zip(STRATEGIES, cells, strict=True)
        if cell != NO_RUN
    }


def render(cells: Cells) -> str:
    """Return the table as it stands in the page, with its marks."""
    engines = sorted({engine for _scenario, engine, _strategy in cells})
    lines = [["scenario", "engine", *(f"`{each}`" for each in STRATEGIES)], ["---"] * 4]
    for scenario in NAMES:
        for engine in engines:
            told = [cells.get((scenario, engine, each), NO_RUN) for each in STRATEGIES]
            if set(told) != {NO_RUN}:
                lines.append([f"`{scenario}`", engine, *told])
    return BEGIN + "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n" + END


def section(text: str) -> str:
    """Return the marked part of the page, marks and all."""
    return marked_part(text, BEGIN, END, "scenarios of orchestrators")


def write(cells: Cells, page: Path = PAGE) -> None:
    """Put what these runs came to into the page."""
    text = page.read_text()
    page.write_text(text.replace(section(text), render({**stated(text), **cells})))


if __name__ == "__main__":
    write(read_all(Path(each) for each in sys.argv[1:]))
