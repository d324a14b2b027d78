"""What a stack is to those who start it, roll it or watch it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

REPLICAS = 2
"""Replicas of a release that serves all the traffic."""

Say = Callable[[str], None]
"""Takes one line of progress."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to start: everything that tells one stack from another.

    Attributes:
        name: the stack's name.
        strategy: how it keeps static files.
        port: where its gateway listens on 127.0.0.1.
        weights: percent of the requests by release; each release named here gets its replicas.
        publishes: what is published first, in this order; at least the releases of `weights`.
        replicas: how many a release gets.
    """

    name: str
    strategy: str
    port: int
    weights: Mapping[str, int]
    publishes: Sequence[str]
    replicas: int = REPLICAS


@dataclass(frozen=True)
class Replica:
    """One running copy of a release: a container, or a gunicorn with its workers."""

    release: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Publish:
    """How a publish job ended, after how many seconds, and the last lines that it wrote."""

    release: str
    exit_code: int
    seconds: float
    log: str


class Replicated(Protocol):
    """What has replicas, whoever has started them."""

    @property
    def name(self) -> str:
        """Return what it is called."""

    def replicas(self, release: str) -> list[Replica]:
        """Return the release's running replicas, oldest first."""


class Recyclable(Replicated, Protocol):
    """What can be given fresh workers: a stack of the lab, or what `docker compose up` runs."""

    def recycle(self, replica: Replica) -> None:
        """Replace the replica's worker processes gracefully, as `max_requests` does."""


class RunningStack(Replicated, Protocol):
    """What can be asked of a stack by those who watch it, whoever replaces its replicas."""

    @property
    def strategy(self) -> str:
        """Return how it keeps static files."""

    @property
    def base(self) -> str:
        """Return the URL of the gateway's root, with its slash."""

    @property
    def folder(self) -> Path:
        """Return where logs and histories go."""

    def find_missing(self) -> list[str]:
        """Return the parts that should run and do not: what makes a stack half up."""

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every object of the store: key -> last_modified, etag, bytes."""

    def record(self, release: str) -> dict[str, Any]:
        """Return what the release's build wrote down: manifest and digests."""

    def logs(self, service: str, lines: int = 20) -> str:
        """Return the last lines that a service wrote."""

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""
