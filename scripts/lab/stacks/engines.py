"""The engines: what runs a stack. `choose` gives the asked for, or what the machine has."""

from __future__ import annotations

from lab.errors import LabError, UnavailableError
from lab.stacks.model import Engine, Say

ENGINES = ("compose", "embedded")


def choose(name: str, say: Say = lambda _line: None) -> Engine:
    """Return the engine of that name; `auto` takes Compose where a Docker Engine answers.

    Raises:
        LabError: there is no such engine.
        UnavailableError: the engine cannot work on this machine.
    """
    if name != "auto":
        return reach(name)
    try:
        from lab.stacks.composecommand import require_compose

        engine = reach("compose")
        require_compose()
    except UnavailableError as error:
        say(f"engine embedded, for there is no compose: {error}")
        return reach("embedded")
    return engine


def reach(name: str) -> Engine:
    """Return the engine that a stack runs on.

    Raises:
        LabError: there is no such engine.
        UnavailableError: it does not answer.
    """
    # Imported here, so that a machine without Docker never loads its SDK, and the other way round.
    if name == "compose":
        from lab.stacks.composeengine import ComposeEngine

        return ComposeEngine()
    if name == "embedded":
        from lab.stacks.embeddedengine import EmbeddedEngine

        return EmbeddedEngine()
    raise LabError(f"unknown engine {name}: there are auto, {', '.join(ENGINES)}")
