"""What the lab asks of an orchestrator, which replaces the replicas by itself.

The lab says which image, and watches: see docs/adr/0028 and 0042. Two engines implement this, Kubernetes and
Swarm. Everything else about such a stack (its store, its publish jobs, its records) is a `RunningStack`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lab.stacks.model import RunningStack


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
    """A roll at one moment: its replicas, the oldest first, and what the orchestrator says of it."""

    replicas: Sequence[Seen]
    outcome: Outcome
    message: str = ""


class Orchestrator(RunningStack, Protocol):
    """A stack whose replicas an orchestrator replaces."""

    def set_release(self, release: str) -> None:
        """Say which image the replicas shall have from now on; return at once."""

    def undo(self) -> None:
        """Go back to the image of before, as the orchestrator's own command does; return at once."""

    def pause(self) -> None:
        """Let the roll go no further.

        Raises:
            LabError: this orchestrator cannot.
        """

    def resume(self) -> None:
        """Let a paused roll go on."""

    def progress(self) -> Progress:
        """Return the roll as it is now."""
