"""Makes a publish into a directory stop at a gate; Python imports it at the start of the process.

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

ROOT = os.environ["HOLD_ROOT"]
DESCRIPTION: dict[str, Any] = json.loads(Path(os.environ["HOLD_GATE"]).read_text())
GATE = Gate(**{**DESCRIPTION, "used": frozenset(DESCRIPTION["used"])})


def hold(event: str, arguments: tuple[Any, ...]) -> None:
    """Stop this process, if the gate says so."""
    if event == "os.remove":
        operation = "delete"
    elif event == "open" and arguments[2] & os.O_CREAT:
        operation = "write"
    else:
        return
    path = arguments[0]
    if not isinstance(path, str) or not path.startswith(ROOT):
        return
    if GATE.stops(operation, f"static/{path.removeprefix(ROOT).lstrip('/')}"):
        os.kill(os.getpid(), signal.SIGSTOP)


sys.addaudithook(hold)
