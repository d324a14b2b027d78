"""What the lab asks of an orchestrator, which replaces the replicas by itself.

The lab says which image, and watches: see docs/adr/0028 and 0042. Kubernetes and Swarm implement
this. Everything else about such a stack (store, publish jobs, records) is a `RunningStack`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from lab.stacks.model import Replica, RunningStack


class Phase(StrEnum):
    """How far a replica is, as its orchestrator says."""

    STARTING = "starting"
    READY = "ready"
    """It may draw traffic."""
    LEAVING = "leaving"
    """It has been told to end, and draws no new traffic."""


class Outcome(StrEnum):
    """How far a roll is, as its orchestrator says."""

    ROLLING = "rolling"
    PAUSED = "paused"
    DONE = "done"
    STALLED = "stalled"
    """It has given up waiting, and leaves things as they are (`progressDeadlineSeconds`)."""
    ROLLED_BACK = "rolled back"
    """It went back by itself (`failure_action: rollback`)."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One replica at one moment: a pod, or a task of a service.

    Attributes:
        release: what its image is.
        name: as it calls itself in X-Replica.
        phase: how far it is.
        why: what the orchestrator says of one that is not ready, in a few words; empty if nothing.
    """

    release: str
    name: str
    phase: Phase
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A roll at one moment: its replicas, the oldest first, and what is said of it."""

    replicas: Sequence[Seen]
    outcome: Outcome
    message: str = ""


@runtime_checkable
class Orchestrator(RunningStack, Protocol):
    """A stack whose replicas an orchestrator replaces.

    Its `replicas` are those that are ready. One that has been started with a release has no release
    of before: so the `up` of an engine starts the first that the plan publishes, and rolls from
    there to the one that has the weight, so that a rollback has somewhere to go.
    """

    def set_release(self, release: str, variables: Mapping[str, str]) -> None:
        """Say which image the replicas shall have from now on; return at once.

        Args:
            release: the image's.
            variables: beside those of before, as of a configuration that is changed with it.
        """

    def undo(self) -> None:
        """Go back to what was before the last `set_release`; return at once.

        As the orchestrator's own command does; also while a roll is under way, or paused.

        Raises:
            LabError: there is nothing to go back to.
        """

    def pause(self) -> None:
        """Let the roll go no further.

        Raises:
            LabError: this orchestrator cannot.
        """

    def resume(self) -> None:
        """Let a paused roll go on."""

    def lose(self, replica: Replica) -> None:
        """End a replica from outside, as a node that is drained does; return at once.

        It gets a SIGTERM, and time to finish. The orchestrator puts another in its place.
        """

    def recycle(self, replica: Replica) -> None:
        """Replace the workers of a replica gracefully, as `max_requests` and a crash do."""

    def progress(self) -> Progress:
        """Return the roll as it is now: that which `set_release` or `undo` began last.

        Where neither did, or all is as it asked for, the outcome is DONE; also after an `undo` that
        came to its end.
        """


@runtime_checkable
class PausingOrchestrator(Orchestrator, Protocol):
    """One that can pause a roll, and to which something may happen while it is paused."""

    def grow(self) -> None:
        """Ask for more replicas of the releases that serve; return at once."""
