"""The engines: what runs a stack. `choose` gives the one asked for, or what the machine has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lab.errors import LabError, UnavailableError
from lab.stacks.model import Plan, Recyclable, Say
from lab.stacks.orchestrator import Orchestrator
from lab.stacks.stack import MachineEngine, Stack

MACHINES = ("compose", "embedded")
"""The engines on which the lab itself replaces the replicas."""
ORCHESTRATORS = ("kubernetes", "swarm")
"""Those on which an orchestrator does."""
ENGINES = (*MACHINES, *ORCHESTRATORS)


class Engine(Protocol):
    """Builds releases, starts stacks, and finds them again.

    Attributes:
        pauses: whether a roll can be held in its middle, so that a guard may look.
    """

    name: str
    pauses: bool

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Build the releases, and what serves them."""

    def is_built(self, release: str) -> bool:
        """Return whether the release can be started."""

    def up(self, plan: Plan, say: Say) -> Stack | Orchestrator:
        """Start the stack of `plan`; on an error stop what had been started."""

    def attach(self, name: str) -> Stack | Orchestrator | None:
        """Return the stack of that name if there is one, running or not."""


@runtime_checkable
class TakesImages(Protocol):
    """An engine whose nodes have to be brought what was built; `images` says how."""

    images: str | None


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


def reach(name: str) -> Engine:
    """Return the engine that a stack runs on.

    Raises:
        LabError: there is no such engine.
        UnavailableError: it does not answer.
    """
    if name in MACHINES:
        return reach_machine(name)
    if name == "swarm":
        from lab.stacks.swarmengine import SwarmEngine

        return SwarmEngine()
    if name == "kubernetes":
        from lab.stacks.kubernetesengine import KubernetesEngine

        return KubernetesEngine()
    raise LabError(f"unknown engine {name}: there are auto, {', '.join(ENGINES)}")


def reach_machine(name: str) -> MachineEngine:
    """Return the engine of that name, on which the lab itself replaces the replicas.

    Raises:
        UnavailableError: it does not answer.
    """
    # Imported here, so that a machine without Docker never loads its SDK, and the other way round.
    if name == "compose":
        from lab.stacks.composeengine import ComposeEngine

        return ComposeEngine()
    from lab.stacks.embedded import EmbeddedEngine

    return EmbeddedEngine()


def require_machine(name: str, what: str) -> str:
    """Return the name of such an engine.

    Raises:
        LabError: it is that of an orchestrator, with `what` cannot be had there; or of nothing.
    """
    if name in ORCHESTRATORS:
        raise LabError(
            f"{what} takes --engine {' or '.join(MACHINES)}: on {name} an orchestrator replaces "
            f'the replicas; for what happens there see "lab rollout --engine {name} --scenario"'
        )
    if name not in MACHINES:
        raise LabError(f"unknown engine {name}: {what} takes {' or '.join(MACHINES)}")
    return name


def find_composed() -> Recyclable | None:
    """Return what `docker compose up` would run here, running or not; None without a Docker."""
    from lab.stacks.compose import PROJECT_PREFIX
    from lab.stacks.composeengine import connect
    from lab.stacks.composeproject import Project
    from lab.stacks.composeup import ComposeUp

    try:
        return ComposeUp(Project(connect(), PROJECT_PREFIX))
    except UnavailableError:
        return None
