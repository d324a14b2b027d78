"""Makes a publish into a directory stop at a gate, from within its process.

Django's code and its system calls are untouched: an audit hook of Python is told of each `open` and
`os.remove` before it happens, and stops the whole process there by SIGSTOP, as a scheduler might.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from lab.matrix.gate import Gate

FILE = "gate.json"


def write_hold(folder: Path, root: Path, gate: Gate) -> None:
    """Write what a process imports at its start when `folder` is on its PYTHONPATH.

    Args:
        folder: a new folder.
        root: the directory that is published into.
        gate: where to stop.
    """
    folder.mkdir()
    told = {"kind": gate.kind, "manifest": gate.manifest, "after": gate.after}
    file = folder / FILE
    file.write_text(json.dumps({"root": str(root), "gate": told, "used": sorted(gate.used)}))
    code = f"from lab.matrix.hold import install\n\ninstall({str(file)!r})\n"
    (folder / "sitecustomize.py").write_text(code)


def install(file: str) -> None:
    """Stop this process where the file says."""
    told = json.loads(Path(file).read_text())
    root, gate = told["root"], Gate(**told["gate"], used=frozenset(told["used"]))

    def hold(event: str, arguments: tuple[Any, ...]) -> None:
        operation = operation_of(event, arguments)
        path = arguments[0] if operation else None
        if operation and isinstance(path, str) and path.startswith(root):
            key = path.removeprefix(root).lstrip("/")
            if gate.stops(operation, f"static/{key}"):
                os.kill(os.getpid(), signal.SIGSTOP)

    sys.addaudithook(hold)


def operation_of(event: str, arguments: tuple[Any, ...]) -> str | None:
    """What an audit event does to a directory: https://docs.python.org/3/library/audit_events.html."""
    if event == "os.remove":
        return "delete"
    return "write" if event == "open" and arguments[2] & os.O_CREAT else None
