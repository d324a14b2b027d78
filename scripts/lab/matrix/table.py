"""The matrix as a table for a terminal, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lab.findings import Status
from lab.matrix.result import Result
from lab.tables import STYLES


def conclude(results: Sequence[Result], wanted: int) -> tuple[Status, str]:
    """What the run proves.

    Args:
        results: the cells that there are.
        wanted: how many there should be.
    """
    wrong = [each for each in results if each.surprises and each.status != Status.UNKNOWN]
    unknown = [each for each in results if each.status == Status.UNKNOWN]
    judged = len(results) - len(unknown)
    part = [f"{judged} of {wanted} cells have been run"] if len(results) < wanted else []
    if wrong:
        names = ", ".join(f"{each.strategy} x {each.scenario}" for each in wrong)
        return Status.FAIL, "; ".join([f"not as expected: {names}", *part])
    if unknown:
        names = ", ".join(f"{each.strategy} x {each.scenario}" for each in unknown)
        return Status.UNKNOWN, "; ".join([f"could not be judged: {names}", *part])
    if part:
        return Status.UNKNOWN, part[0]
    return Status.PASS, f"all {wanted} cells are as expected"


def render(results: Sequence[Result]) -> Group:
    """The evidence of what failed, and below it strategies in columns, scenarios in rows."""
    strategies = list(dict.fromkeys(each.strategy for each in results))
    scenarios = list(dict.fromkeys(each.scenario for each in results))
    cells = {(each.scenario, each.strategy): each for each in results}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    table.add_column("", no_wrap=True)
    for strategy in strategies:
        table.add_column(strategy.replace("-", "-\n"), justify="right")
    for scenario in scenarios:
        row = (cells.get((scenario, strategy)) for strategy in strategies)
        table.add_row(scenario, *(brief(each) if each else Text("") for each in row))
    return Group(*evidence(results), table)


def brief(result: Result) -> Text:
    """A cell: its status, and a mark where that is a surprise."""
    text = Text(str(result.status), style=STYLES[result.status])
    return text.append(" !") if result.surprises else text


def evidence(results: Sequence[Result]) -> list[RenderableType]:
    """What was seen first and last in each cell that did not pass, and how much of it."""
    parts: list[RenderableType] = []
    for each in results:
        if each.status in (Status.FAIL, Status.UNKNOWN):
            lines = [f"seed {each.seed}, {counts(each)}, {each.history or 'no history'}"]
            if each.surprises:
                lines.append(f"expected {each.expected}")
            lines += filter(None, dict.fromkeys((each.reason, each.first, each.last)))
            parts.append(Text(f"{each.strategy} x {each.scenario}", style="bold"))
            parts.append(Padding(Text("\n".join(lines)), (0, 0, 0, 2)))
    return parts


def counts(result: Result) -> str:
    """How much was fetched, and how much of it was broken, by kind."""
    seen = f"{result.counts.get('pages', 0):,} pages, {result.counts.get('assets', 0):,} assets"
    kinds = (
        f"{checker}: {', '.join(f'{count:,} x {kind}' for kind, count in [*kinds.items()][:3])}"
        for checker, kinds in result.faults.items()
    )
    return "; ".join([seen, *kinds])
