"""Breakpoints: the races of a publish, made certain by pausing it at its worst moment.

A breakpoint sees each write and each delete before it is carried out, and says at which one to
stop. It stands in the store proxy for a bucket, and in the publish process itself for a directory:
Django's code and its system calls are untouched, an audit hook of Python is told of each `open` and
`os.remove` before it happens, and waits there. The publish job imports this module, so it needs
nothing but the standard library. See docs/adr/0025.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.deadline import POLL_SECONDS

MANIFEST = re.compile(r"(?:^|/)staticfiles[^/]*\.json$")


@dataclass(kw_only=True)
class Breakpoint:
    """Says at which operation of a publish to stop, once.

    Attributes:
        at: "rewrite", before an asset in use is written that the publish has deleted; "manifest
            gap", the same for the manifest; "half-way", after so many writes; "last", before
            anything is done to the manifest, or where there is none half-way.
        used: the keys of the assets that a release is serving.
        manifest: whether the strategy writes a manifest.
        after: how many writes go through.
    """

    at: str
    used: frozenset[str] = frozenset()
    manifest: bool = True
    after: int = 0
    deleted: set[str] = field(default_factory=set)
    writes: int = 0
    armed: bool = True

    def is_hit(self, operation: str, key: str) -> bool:
        """Return whether to stop before this operation: "write" or "delete" of a key."""
        deletes = operation == "delete"
        self.writes += not deletes
        if self.armed and self.matches(key, deletes=deletes):
            self.armed = False
            return True
        if deletes:
            self.deleted.add(key)
        return False

    def matches(self, key: str, *, deletes: bool) -> bool:
        """Return whether this is what the breakpoint waits for."""
        is_manifest = bool(MANIFEST.search(key))
        if self.at == "last" and self.manifest:
            return is_manifest
        if deletes:
            return False
        if self.at == "manifest gap":
            return is_manifest and key in self.deleted
        if self.at == "rewrite":
            return key in self.deleted and key in self.used
        return self.writes > self.after


BREAKPOINT, PAUSED, RESUMED, DROPPED = "breakpoint.json", "paused", "resumed", "dropped"
PATIENCE_SECONDS = 1.0
PAUSE_SECONDS = 600.0
"""After so long a publish goes on, whatever became of those who paused it."""


class Pause:
    """A breakpoint and whether somebody waits there, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, point: Breakpoint) -> None:
        """Make the folder, which must be new."""
        self.folder.mkdir(parents=True)
        told = asdict(point) | {"used": sorted(point.used), "deleted": []}
        (self.folder / BREAKPOINT).write_text(json.dumps(told))

    def read(self) -> Breakpoint:
        """Return the breakpoint, as new."""
        told = json.loads((self.folder / BREAKPOINT).read_text())
        return Breakpoint(**told | {"used": frozenset(told["used"]), "deleted": set()})

    def is_paused(self) -> bool:
        """Return whether somebody waits, or has waited."""
        return (self.folder / PAUSED).exists()

    def resume(self, *, dropped: bool = False) -> None:
        """Let it go on; or, with a publish that has been killed, what waits is lost."""
        (self.folder / (DROPPED if dropped else RESUMED)).touch()

    def wait(self, still_here: Callable[[], None] = lambda: None) -> bool:
        """Wait to go on; return False when what waits is to be lost.

        Args:
            still_here: called each PATIENCE_SECONDS meanwhile.
        """
        (self.folder / PAUSED).touch()
        deadline = time.monotonic() + PAUSE_SECONDS
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while not (self.folder / RESUMED).exists() and time.monotonic() < deadline:
            if (self.folder / DROPPED).exists():
                return False
            if time.monotonic() > patient_until:
                patient_until = time.monotonic() + PATIENCE_SECONDS
                still_here()
            time.sleep(POLL_SECONDS)
        return True


def write_hook(pause: Pause, root: Path) -> None:
    """Write what a process imports at its start when the pause's folder is on its PYTHONPATH.

    Args:
        pause: where to stop.
        root: the directory that is published into.
    """
    told = f"{str(pause.folder)!r}, {str(root)!r}"
    code = f"from lab.matrix.breakpoint import install\n\ninstall({told})\n"
    (pause.folder / "sitecustomize.py").write_text(code)


def install(folder: str, root: str) -> None:
    """Hold this process where the breakpoint says."""
    pause = Pause(Path(folder))
    point = pause.read()

    def stop(event: str, arguments: tuple[Any, ...]) -> None:
        operation = operation_of(event, arguments)
        path = arguments[0] if operation else None
        if operation and isinstance(path, str) and path.startswith(root):
            key = path.removeprefix(root).lstrip("/")
            if point.is_hit(operation, f"static/{key}"):
                pause.wait()

    sys.addaudithook(stop)


def operation_of(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Return what an audit event does to a directory: https://docs.python.org/3/library/audit_events.html."""
    if event == "os.remove":
        return "delete"
    return "write" if event == "open" and arguments[2] & os.O_CREAT else None
