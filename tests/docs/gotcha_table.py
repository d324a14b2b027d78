"""The README's table of what each strategy lets happen, written from a real comparison.

    .venv/bin/lab gotcha --json | .venv/bin/python -m tests.docs.gotcha_table

It holds what is the same in every run, on every engine: what each checker concludes. Counts and
times are not.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tests.docs.markdown import marked_part
from tests.docs.project import ROOT

from lab.judge.checkers import CHECKERS
from lab.judge.findings import Status, find_worst
from lab.strategies import CONTROL, CURE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Outcomes = Mapping[str, Mapping[str, str]]
    """What each checker concluded, by strategy and by the checker's name."""

README = ROOT / "README.md"
STRATEGIES = (CONTROL, "versioned", CURE)
LUCK = "by luck"
# Whether anybody meets the gap between a delete and the upload after it (docs/adr/0003).
BY_LUCK = {("asset resolves", CONTROL), ("asset resolves", "versioned")}
BEGIN = "<!-- gotcha: begin. It is written by tests/docs/gotcha_table.py. -->\n"
END = "<!-- gotcha: end -->\n"


def cell(checker: str, strategy: str, status: str) -> str:
    """Return what stands in the table for what a checker concluded."""
    if (checker, strategy) in BY_LUCK and status in (Status.PASS, Status.FAIL):
        return LUCK
    return status


def columns(outcomes: Outcomes) -> dict[str, list[str]]:
    """Return the cells of each strategy, the verdict last."""
    found = {}
    for strategy in STRATEGIES:
        statuses = outcomes[strategy]
        cells = [cell(each.name, strategy, statuses[each.name]) for each in CHECKERS]
        found[strategy] = [*cells, str(find_worst(Status(status) for status in statuses.values()))]
    return found


def render(outcomes: Outcomes) -> str:
    """Return the table as it stands in the README, with its marks."""
    by_strategy = columns(outcomes)
    promises = [*(checker.promise for checker in CHECKERS), "**verdict**"]
    head = ["", *(f"`{strategy}`" for strategy in STRATEGIES)]
    rows = zip(promises, *(by_strategy[strategy] for strategy in STRATEGIES), strict=True)
    lines = [
        head,
        ["---"] * len(head),
        *([promise, *map(strong, cells)] for promise, *cells in rows),
    ]
    return BEGIN + "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n" + END


def find_stale(said: Mapping[str, str], came: Mapping[str, str], strategy: str) -> list[str]:
    """Return what the table says of a strategy and a real run did not come to."""
    cells = {name: cell(name, strategy, status) for name, status in came.items()}
    return [
        f"{name} under {strategy}: the table says {said[name]}, it came to {cells[name]}"
        for name in cells
        if cells[name] != said[name]
    ]


def strong(text: str) -> str:
    """Make a failure stand out."""
    return f"**{text}**" if text == Status.FAIL else text


def read(document: dict[str, object]) -> Outcomes:
    """Return what matters of the JSON that `lab gotcha` prints."""
    strategies = document["strategies"]
    assert isinstance(strategies, dict)
    return {
        name: {each["checker"]: each["status"] for each in verdict["checkers"]}
        for name, verdict in strategies.items()
    }


def section(text: str) -> str:
    """Return the marked part of the README, marks and all."""
    return marked_part(text, BEGIN, END, "lab gotcha")


def write(outcomes: Outcomes, readme: Path = README) -> None:
    """Put the table into the README."""
    text = readme.read_text()
    readme.write_text(text.replace(section(text), render(outcomes)))


if __name__ == "__main__":
    write(read(json.load(sys.stdin)))
