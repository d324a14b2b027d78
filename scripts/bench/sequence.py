"""One peer in one cell: it publishes a tree, publishes it again, then what has changed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import tree
from bench.peers import AGAIN, COLD, FIVE, ONE, RENAMED, Copier, Hasher, environment
from bench.project import DJANGO, Project
from bench.runs import Cell, Run
from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bench.peers import Peer
    from bench.servers import Servers

STOPWATCH = Path(__file__).with_name("stopwatch.py")
SAID = re.compile(r"([\d,]+) requests")
RELEASES = {COLD: "v1", AGAIN: "v1", RENAMED: "v2", ONE: "v3", FIVE: "v4"}
LATER = 10.0
"""Seconds by which a changed file is newer than what is stored, for those who compare dates."""
FILMS = (6, 50)  # so many files of so many MiB
"""The tree "films", that shows whether memory grows with the bytes."""


@dataclass(frozen=True)
class Figures:
    """What the stopwatch wrote down, and what the program said."""

    seconds: float
    cpu: float
    peak: int
    said: str


def timed(command: Iterable[str | Path], env: Mapping[str, str], folder: Path) -> Figures:
    """Run a program to its end in a folder.

    Raises:
        LabError: it failed.
    """
    file = folder / "figures.json"
    watch: list[str | Path] = [sys.executable, "-I", "-S", STOPWATCH, file]
    done = subprocess.run(
        [*watch, *command],
        env={**env},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    found = json.loads(file.read_text())
    if found["code"]:
        words = done.stdout.strip().splitlines()[-3:]
        raise LabError(f"{' '.join(map(str, command))} exits with {found['code']}: {words}")
    cpu = found["user"] + found["system"]
    return Figures(found["seconds"], cpu, found["peak"], done.stdout)


@dataclass(frozen=True)
class Sequence:
    """A peer's situations, one after another, since each begins with what the last one left."""

    peer: Peer
    cell: Cell
    repeat: int
    situations: tuple[str, ...]

    def run(self, servers: Servers) -> Iterator[Run]:
        """Yield a run for each situation."""
        sources = servers.folder / f"sources-{self.peer.name}"
        write_sources(sources, self.cell.tree)
        project = self.peer.project(servers, sources, self.cell.latency)
        project.write()
        if isinstance(self.peer, Copier):
            make_files(servers, sources)
        for situation in self.situations:
            if has_situation(self.cell.tree, situation):
                change_sources(sources, self.cell.tree, situation)
                yield self.measure(servers, situation)
        shutil.rmtree(sources)

    def measure(self, servers: Servers, situation: str) -> Run:
        """Run the peer's command once."""
        cell, peer = self.cell, self.peer
        command = peer.command(servers, cell.latency)
        folder = servers.folder / peer.name
        servers.gateway.count()
        figures = timed(command, environment(RELEASES[situation], servers.folder), folder)
        requests = servers.gateway.count()
        said = SAID.search(figures.said)
        return Run(
            cell,
            peer.name,
            situation,
            self.repeat,
            round(figures.seconds, 4),
            round(figures.cpu, 3),
            figures.peak,
            dict(requests),
            int(said[1].replace(",", "")) if said else None,
            servers.objects(f"{peer.name}/"),
            round(float(figures.said), 4) if isinstance(peer, Hasher) else None,
        )


def number_of(tree_name: str) -> int:
    """Return how many files a tree has beside the admin's."""
    return int(tree_name) if tree_name.isdigit() else 0


def has_situation(tree_name: str, situation: str) -> bool:
    """Return whether a tree can be in a situation: the admin's own files do not change."""
    return situation not in (ONE, FIVE) or number_of(tree_name) > 0


def write_sources(folder: Path, tree_name: str) -> None:
    """Write the static files besides the admin's."""
    folder.mkdir()
    tree.write_tree(folder, number_of(tree_name))
    if tree_name == "films":
        tree.write_big(folder, *FILMS)


def change_sources(folder: Path, tree_name: str, situation: str) -> None:
    """Change what the situation wants changed."""
    files = number_of(tree_name)
    changed = {ONE: 1, FIVE: files * 5 // 100}.get(situation, 0)
    edition = 1 if situation == ONE else 2
    tree.change(folder, files, changed, edition, time.time() + LATER)


def make_files(servers: Servers, sources: Path) -> None:
    """Let Django's own storage hash the files, and sort them for the calls of s5cmd."""
    folder, made = servers.folder / "django", servers.folder / "made"
    if made.exists():
        return
    Project(folder, sources, {"BACKEND": DJANGO}).write()
    command = [sys.executable, "manage.py", "collectstatic", "--no-input"]
    timed(command, environment("v1", servers.folder), folder)
    root = folder / "root"
    paths = json.loads((root / "staticfiles.json").read_text())["paths"]
    for name in paths.values():
        link(root / name, made / "s5cmd" / name)
    for name in {*paths, *paths.values()}:
        link(root / name, made / "s5cmdcopies" / name)


def link(file: Path, place: Path) -> None:
    """Have the file in another place too."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.hardlink_to(file)
