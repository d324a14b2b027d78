"""Where a publish waits at its gate: files in a folder that the lab and the publish both see.

In a publish into a directory the gate stands in the process itself. Django's code and its system
calls are untouched: an audit hook of Python is told of each `open` and `os.remove` before it
happens, and waits there. Imports nothing of the lab but the gate, as it runs in the publish job.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.matrix.gate import Gate

GATE, HELD, LET_GO, DROPPED = "gate.json", "held", "let-go", "dropped"
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 1.0
HOLD_SECONDS = 600.0
"""After so long a publish is let go, whatever became of those who held it."""


class Hold:
    """A gate and whether somebody waits there, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, gate: Gate) -> None:
        """Make the folder, which must be new."""
        self.folder.mkdir(parents=True)
        told = asdict(gate) | {"used": sorted(gate.used), "deleted": []}
        (self.folder / GATE).write_text(json.dumps(told))

    def gate(self) -> Gate:
        """The gate, as new."""
        told = json.loads((self.folder / GATE).read_text())
        return Gate(**told | {"used": frozenset(told["used"]), "deleted": set()})

    def is_held(self) -> bool:
        """Whether somebody waits, or has waited."""
        return (self.folder / HELD).exists()

    def let_go(self, *, dropped: bool = False) -> None:
        """Let it go on; or, with a publish that has been killed, what is held is lost."""
        (self.folder / (DROPPED if dropped else LET_GO)).touch()

    def wait(self, still_here: Callable[[], None] = lambda: None) -> bool:
        """Wait to be let go; returns False when what is held is to be lost.

        Args:
            still_here: called each PATIENCE_SECONDS meanwhile.
        """
        (self.folder / HELD).touch()
        deadline = time.monotonic() + HOLD_SECONDS
        patient_until = time.monotonic() + PATIENCE_SECONDS
        while not (self.folder / LET_GO).exists() and time.monotonic() < deadline:
            if (self.folder / DROPPED).exists():
                return False
            if time.monotonic() > patient_until:
                patient_until = time.monotonic() + PATIENCE_SECONDS
                still_here()
            time.sleep(POLL_SECONDS)
        return True


def write_hook(hold: Hold, root: Path) -> None:
    """Write what a process imports at its start when the hold's folder is on its PYTHONPATH.

    Args:
        hold: where to stop.
        root: the directory that is published into.
    """
    code = f"from lab.matrix.hold import install\n\ninstall({str(hold.folder)!r}, {str(root)!r})\n"
    (hold.folder / "sitecustomize.py").write_text(code)


def install(folder: str, root: str) -> None:
    """Hold this process where the gate says."""
    hold = Hold(Path(folder))
    gate = hold.gate()

    def stop(event: str, arguments: tuple[Any, ...]) -> None:
        operation = operation_of(event, arguments)
        path = arguments[0] if operation else None
        if operation and isinstance(path, str) and path.startswith(root):
            key = path.removeprefix(root).lstrip("/")
            if gate.stops(operation, f"static/{key}"):
                hold.wait()

    sys.addaudithook(stop)


def operation_of(event: str, arguments: tuple[Any, ...]) -> str | None:
    """What an audit event does to a directory: https://docs.python.org/3/library/audit_events.html."""
    if event == "os.remove":
        return "delete"
    return "write" if event == "open" and arguments[2] & os.O_CREAT else None
