"""The engines: what runs a stack. `choose` gives the one that is asked for, or that the machine has."""

from __future__ import annotations

from lab.errors import LabError, UnavailableError
from lab.stack import Engine

ENGINES = ("compose", "embedded")


def choose(name: str) -> Engine:
    """Return the engine of that name; `auto` takes Compose where a Docker Engine answers.

    Raises:
        LabError: there is no such engine.
        UnavailableError: the engine cannot work on this machine.
    """
    # Imported here, so that a machine without Docker never loads its SDK, and the other way round.
    if name in ("auto", "compose"):
        from lab.engines.compose import ComposeEngine

        try:
            return ComposeEngine()
        except UnavailableError:
            if name == "compose":
                raise
    if name in ("auto", "embedded"):
        from lab.engines.embedded import EmbeddedEngine

        return EmbeddedEngine()
    raise LabError(f"unknown engine {name}: there are auto, {', '.join(ENGINES)}")
