"""The engines: what runs a stack. `choose` gives the one asked for, or what the machine has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from lab.errors import LabError, UnavailableError
from lab.stacks.machine import Machine
from lab.stacks.model import Engine, Plan, Say
from lab.stacks.stack import Stack, start
from lab.stacks.state import State

ENGINES = ("compose", "embedded")


class MachineEngine(ABC):
    """An engine on whose machine the lab itself starts, replaces and stops the replicas."""

    name: str

    @abstractmethod
    def build(self, releases: Sequence[str], say: Say) -> None:
        """Build the releases, and what serves them."""

    @abstractmethod
    def is_built(self, release: str) -> bool:
        """Return whether the release can be started."""

    @abstractmethod
    def claim(self, plan: Plan) -> Machine:
        """Claim the name of a new stack, and return what will run it.

        Raises:
            LabError: the name is taken, or something that has to be built is not.
        """

    @abstractmethod
    def find(self, state: State) -> Machine:
        """Return what runs a stack that has been claimed."""

    def up(self, plan: Plan, say: Say) -> Stack:
        """Start the stack; what had been started is stopped when something fails."""
        return start(Stack(self.claim(plan)), plan, say)

    def attach(self, name: str) -> Stack | None:
        """Return the stack that `up` wrote down."""
        state = State.load(name)
        return Stack(self.find(state)) if state and state.engine == self.name else None


def choose(name: str, say: Say = lambda _line: None) -> Engine:
    """Return the engine of that name; `auto` takes Compose where a Docker Engine answers.

    Raises:
        LabError: there is no such engine.
        UnavailableError: the engine cannot work on this machine.
    """
    if name != "auto":
        return reach(name)
    try:
        from lab.stacks.composeproject import require_compose

        engine = reach("compose")
        require_compose()
    except UnavailableError as error:
        say(f"engine embedded, for there is no compose: {error}")
        return reach("embedded")
    return engine


def reach(name: str) -> MachineEngine:
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
        from lab.stacks.embedded import EmbeddedEngine

        return EmbeddedEngine()
    raise LabError(f"unknown engine {name}: there are auto, {', '.join(ENGINES)}")
