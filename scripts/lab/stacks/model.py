"""What an engine offers: a stack that is running, and the few verbs of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

REPLICAS = 2
"""Replicas of a release that serves all the traffic."""

Say = Callable[[str], None]
"""Takes one line of progress."""


@dataclass(frozen=True)
class Plan:
    """What to start: everything that tells one stack from another."""

    name: str
    strategy: str
    port: int
    weights: Mapping[str, int]
    """Percent by release; each release named here gets its replicas."""
    publishes: Sequence[str]
    """What is published first, in this order; at least the releases of `weights`."""
    replicas: int = REPLICAS


@dataclass(frozen=True)
class Replica:
    """One running copy of a release: a container, or a gunicorn with its workers."""

    release: str
    name: str


@dataclass(frozen=True)
class Publish:
    """How a publish ended."""

    release: str
    exit_code: int
    seconds: float
    log: str


class Stack(Protocol):
    """A stack that runs, whatever runs it."""

    name: str
    strategy: str
    base: str
    """The URL of the gateway's root, with its slash."""
    folder: Path
    """Where logs and histories go."""

    def gone(self) -> list[str]:
        """The parts that should run and do not: what makes a stack half up."""

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Every object of the store: key -> last_modified, etag, bytes."""

    def record(self, release: str) -> dict[str, Any]:
        """What the release's build wrote down: manifest and digests."""

    def replicas(self, release: str) -> list[Replica]:
        """The release's running replicas, oldest first."""

    def add_replica(self, release: str) -> Replica:
        """Start one more replica and wait until it is ready."""

    def recycle(self, replica: Replica) -> None:
        """Replace the replica's worker processes gracefully, as `max_requests` does."""

    def drain(self, replica: Replica) -> None:
        """Fail readiness, finish what runs, stop; returns when the replica is gone."""

    def route(self, weights: Mapping[str, int]) -> None:
        """Give the traffic other weights, without dropping a connection."""

    def logs(self, service: str, lines: int = 20) -> str:
        """The last lines that a service wrote."""

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""


class Engine(Protocol):
    """Builds releases and starts stacks."""

    name: str

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Build the releases, and what serves them."""

    def built(self, release: str) -> bool:
        """Whether the release can be started."""

    def up(self, plan: Plan, say: Say) -> Stack:
        """Start the stack of `plan`; on an error stop what had been started."""

    def attach(self, name: str) -> Stack | None:
        """The stack of that name, if there is one, running or not."""
