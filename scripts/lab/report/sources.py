"""What there is to report on: the cells of a matrix, or histories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import checkout
from lab.errors import LabError
from lab.matrix.result import Result, file_of, load, load_wanted
from lab.matrix.scenarios import SCENARIOS
from lab.strategies import STRATEGIES


@dataclass(frozen=True)
class Source:
    """One run: its history, and what it came to where it is a cell of a matrix."""

    history: Path | None
    result: Result | None = None


def find_sources(names: Iterable[str]) -> list[Source]:
    """Find what a person names.

    Raises:
        LabError: there is no such thing, or nothing in it.
    """
    return [source for name in names for source in iterate_sources(find_run(name))]


def find_run(name: str) -> Path:
    """The history or the folder of that name; a run of the matrix has a short one."""
    for path in (Path(name), checkout.WORK / checkout.MATRIX / name):
        if path.exists():
            return path
    raise LabError(
        f"no run {name}: give a history that the lab has written, a folder of them, "
        f"or a run of {checkout.WORK / checkout.MATRIX}"
    )


def iterate_sources(run: Path) -> Iterator[Source]:
    """What is in a run.

    Raises:
        LabError: nothing, or a cell that cannot be read.
    """
    if run.is_file():
        yield Source(run)
        return
    if cells := find_cells(run):
        yield from (Source(history_of(run, cell), cell) for cell in cells)
        return
    histories = [*sorted(run.glob("*.jsonl")), *sorted(run.glob("*/*.jsonl"))]
    if not histories:
        raise LabError(f"{run}: neither cells of a matrix nor histories are in it")
    yield from map(Source, histories)


def find_cells(run: Path) -> list[Result]:
    """The cells of a run of the matrix, strategy by strategy."""
    pairs = ((strategy, scenario) for strategy in STRATEGIES for scenario in SCENARIOS)
    return [cell for pair in pairs if (cell := read_cell(run, *pair))]


def read_cell(run: Path, strategy: str, scenario: str) -> Result | None:
    """One cell, if there is one.

    Raises:
        LabError: it is damaged.
    """
    try:
        return load(run, strategy, scenario)
    except (ValueError, TypeError, KeyError, OSError) as error:
        file = file_of(run, strategy, scenario)
        raise LabError(
            f"cell {file} is damaged ({type(error).__name__}): delete it, and run it again with "
            f'"lab matrix --resume {run.name}"'
        ) from error


def count_cells(names: Iterable[str]) -> int:
    """How many cells the runs of the matrix among these should have."""
    return sum(len(wanted_cells(find_run(name))) for name in names)


def wanted_cells(run: Path) -> set[tuple[str, str]]:
    """The cells that a run should have; of one that is too old to say so, those that it has."""
    if run.is_file():
        return set()
    return {*load_wanted(run), *((each.strategy, each.scenario) for each in find_cells(run))}


def history_of(run: Path, cell: Result) -> Path | None:
    """A cell's history: where it was written, or beside the cell if the run has been moved."""
    if not cell.history:
        return None
    beside = run / cell.strategy / Path(cell.history).name
    return beside if beside.exists() else Path(cell.history)
