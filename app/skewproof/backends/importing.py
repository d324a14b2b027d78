"""Whether a module that is being imported asks for a file, which needs a release too early."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def explain_import(error: Exception) -> None:
    """Say in an error which module asks while it is imported, if one does."""
    if module := find_importing_module():
        said = (
            f"{error}; {module} asks for a file while it is imported, so that no command can run "
            "before, not even collectstatic: call static() in a function, or lazily"
        )
        error.args = (*error.args[:-1], said)


def find_importing_module() -> str | None:
    """Return the innermost module whose import has led to this call."""
    frame: FrameType | None = sys._getframe(1)
    while frame:
        caller = frame.f_back
        by_import = caller and caller.f_code.co_filename.startswith("<frozen importlib")
        if by_import and frame.f_code.co_name == "<module>":
            return str(frame.f_globals["__name__"])
        frame = caller
    return None
