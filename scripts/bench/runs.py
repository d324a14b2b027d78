"""What was measured: one run of one peer, the file of all runs, and medians."""

from __future__ import annotations

import dataclasses
import json
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Cell:
    """What is compared: runs of different peers in the same cell.

    Attributes:
        tree: The static files besides the admin's: how many, or the name of a tree.
        latency: Milliseconds that are added to each request.
    """

    tree: str
    latency: int


@dataclass(frozen=True)
class Run:
    """One process from its start to its end.

    Attributes:
        cell: Where it ran.
        peer: Whose it was.
        situation: What had changed before it.
        repeat: The how-manieth of its kind it was, from 1.
        seconds: Wall time.
        cpu: Seconds of user and system time.
        peak: Most bytes of memory that were resident at once.
        requests: How many of each method came through the gateway.
        claimed: How many requests the program itself says that it made.
        objects: How many objects the bucket held afterwards under the peer's prefix.
        inner: Seconds of what is measured within the process, without its start, if that is known.
    """

    cell: Cell
    peer: str
    situation: str
    repeat: int
    seconds: float
    cpu: float
    peak: int
    requests: Mapping[str, int]
    claimed: int | None
    objects: int
    inner: float | None = None

    @property
    def total(self) -> int:
        """Return how many requests there were."""
        return sum(number for method, number in self.requests.items() if method != "failed")


@dataclass(frozen=True)
class Runs:
    """All that was measured, from a file with one JSON line a run."""

    runs: tuple[Run, ...]

    @classmethod
    def read(cls, file: Path) -> Runs:
        """Read the file; one that is not there holds nothing."""
        lines = file.read_text().splitlines() if file.exists() else []
        found = []
        for line in lines:
            values = json.loads(line)
            found.append(Run(**{**values, "cell": Cell(**values["cell"])}))
        return cls(tuple(found))

    def of(self, cell: Cell, peer: str, situation: str) -> tuple[Run, ...]:
        """Return the repeats of one figure."""
        wanted = (cell, peer, situation)
        return tuple(run for run in self.runs if (run.cell, run.peer, run.situation) == wanted)

    def cells(self) -> list[Cell]:
        """Return the cells in the order in which they were first run."""
        return list(dict.fromkeys(run.cell for run in self.runs))


def median(runs: Iterable[Run], figure: Callable[[Run], float]) -> float:
    """Return the median of a figure."""
    return statistics.median(map(figure, runs))


def append(file: Path, runs: Iterable[Run]) -> None:
    """Add runs to the file, whole lines only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(dataclasses.asdict(run)) + "\n" for run in runs)
    with file.open("a") as out:
        out.write(lines)
