"""What a cell came to, as it is kept in a file of its own and printed as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.judge.findings import Status
from lab.judge.verdict import Verdict
from lab.matrix.scenarios import Scenario
from lab.strategies import Strategy

WANTED = "cells.json"
"""What a run is to consist of, in its folder."""


@dataclass(frozen=True)
class Result:
    """One cell.

    Attributes:
        strategy, scenario: which.
        status: PASS, FAIL, UNKNOWN or n/a.
        expected: what it should be.
        reason: why it should be so, or why nobody can tell.
        seed: chooses what the scenario leaves open.
        counts: pages and assets fetched, and how many were broken.
        faults: by checker, how many of which kind.
        first, last: the evidence at both ends.
        history: the file that it was judged by.
        seconds: how long the cell took.
        engine: what it ran on.
    """

    strategy: str
    scenario: str
    status: Status
    expected: str
    reason: str | None = None
    seed: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    first: str | None = None
    last: str | None = None
    history: str | None = None
    seconds: float = 0.0
    engine: str = "embedded"

    @property
    def surprises(self) -> bool:
        """Whether it is not what was expected."""
        return self.status != self.expected

    def to_json(self) -> dict[str, Any]:
        """The cell as an object that `json.dumps` takes."""
        return asdict(self) | {"status": str(self.status)}

    def save(self, folder: Path) -> None:
        """Keep it, whole or not at all: what is there need not be run again."""
        write_whole(file_of(folder, self.strategy, self.scenario), self.to_json())


def write_whole(file: Path, document: object) -> None:
    """Write a file of JSON, or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(document, indent=1))
    beside.rename(file)


def add_wanted(folder: Path, cells: Iterable[tuple[str, str]]) -> None:
    """Note which cells a run is to have, beside those that were noted before."""
    write_whole(folder / WANTED, list(dict.fromkeys([*load_wanted(folder), *cells])))


def load_wanted(folder: Path) -> list[tuple[str, str]]:
    """Strategy and scenario of each cell that a run is to have, as far as it was noted.

    Raises:
        LabError: what was noted cannot be read.
    """
    try:
        document = json.loads((folder / WANTED).read_text())
        return [(str(strategy), str(scenario)) for strategy, scenario in document]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, OSError) as error:
        why = type(error).__name__
        raise LabError(f"{folder / WANTED} is damaged ({why}): delete it") from error


def load(folder: Path, strategy: str, scenario: str) -> Result | None:
    """The cell, if it has been run to its end."""
    try:
        document = json.loads(file_of(folder, strategy, scenario).read_text())
    except FileNotFoundError:
        return None
    return Result(**document | {"status": Status(document["status"])})


def file_of(folder: Path, strategy: str, scenario: str) -> Path:
    """Where a cell is kept."""
    return folder / strategy / f"{scenario}.json"


def judged(
    strategy: Strategy, scenario: Scenario, verdict: Verdict, seed: str, seconds: float
) -> Result:
    """The result of a cell that was run to its end."""
    evidence = sorted(
        (found for each in verdict.findings for found in (each.first, each.last) if found),
        key=lambda found: found.t,
    )
    unsure = [each.reason for each in verdict.findings if each.status == Status.UNKNOWN]
    return Result(
        strategy.name,
        scenario.name,
        verdict.status,
        scenario.expected(strategy.name),
        unsure[0] if unsure else scenario.fails.get(strategy.name),
        seed,
        asdict(verdict.total),
        {each.checker: each.kinds for each in verdict.findings if each.faults},
        evidence[0].sentence if evidence else None,
        evidence[-1].sentence if evidence else None,
        verdict.history,
        round(seconds, 2),
    )


def not_applicable(strategy: Strategy, scenario: Scenario) -> Result:
    """The result of a cell that cannot be."""
    why = scenario.without[strategy.name]
    return Result(strategy.name, scenario.name, Status.NOT_APPLICABLE, "n/a", why)


def conclude_cells(results: Sequence[Result], wanted: int) -> tuple[Status, str]:
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
