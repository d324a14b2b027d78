"""What the cells of the matrix ask of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from lab.matrix.breakpoint import Pause
from lab.stacks.model import Publish, Replica
from lab.stacks.state import State

SHARED = "releases"
"""The folder of a stack that its processes see, under the path that it has for the lab."""
GUNICORN = ("--preload", "--workers", "1")
"""A fresh worker is a fork of a master that has imported everything and rendered nothing."""
DRAIN_SECONDS = 0.01


class Machine(Protocol):
    """Runs a store, a gateway, replicas and jobs, for one cell after another."""

    engine: str
    name: str
    folder: Path
    state: State
    store: str
    """What kind of S3 server it has."""
    store_port: int
    """Where the lab itself reaches the store, on 127.0.0.1."""
    origin_port: int
    """Where the gateway gets assets from that are in no bucket, on its own 127.0.0.1."""

    def start_store(self) -> None:
        """Start the S3 server, set its bucket up, and prepare what all cells have in common."""

    def stop_store(self) -> None:
        """Stop the S3 server, which keeps what it holds."""

    def start_store_again(self) -> None:
        """Start the S3 server if it does not run."""

    def clear(self) -> None:
        """Stop everything but the store."""

    def break_off(self) -> None:
        """End at once all that runs, jobs as well: the lab was interrupted."""

    def settings(self, role: str) -> dict[str, str]:
        """The app's environment for one identity of the store: PUBLISHER or WEB."""

    def collect(self, release: str, environment: Mapping[str, str], *options: str) -> Publish:
        """Run the release's collectstatic to its end, in an environment of one's choice."""

    def kill_publish(self, release: str) -> None:
        """Kill the collectstatic that runs."""

    def manage(self, release: str, environment: Mapping[str, str], *command: str) -> str | None:
        """Run a command of manage.py; returns the last words of one that fails."""

    def proxied(self, pause: Pause) -> AbstractContextManager[dict[str, str]]:
        """A proxy before the store that holds a publish, and what tells a job of it."""

    def start_replica(self, release: str, environment: Mapping[str, str]) -> Replica:
        """Start one more replica, which need not live yet."""

    def answers(self, replica: Replica, path: str) -> bool:
        """Whether a replica answers a path with 200.

        Raises:
            UnavailableError: it has ended.
        """

    def address(self, replica: Replica) -> str:
        """Host and port of a replica, as the gateway knows it."""

    def replicas(self, release: str) -> list[Replica]:
        """The release's running replicas, oldest first."""

    def recycle(self, replica: Replica) -> None:
        """Replace the replica's worker processes gracefully."""

    def stop_replica(self, replica: Replica) -> None:
        """Stop a replica that draws no traffic any more."""

    def run_gateway(self, template: str, traffic: str, assets_port: int | None) -> None:
        """Start the gateway, which need not be ready yet.

        Args:
            template: its configuration.
            traffic: its traffic.conf.
            assets_port: where assets are, on its own 127.0.0.1; None for the store.
        """

    def tell_gateway(self, traffic: str) -> None:
        """Put another traffic.conf in place."""

    def logs(self, service: str, lines: int = 20) -> str:
        """The last lines that a service wrote."""

    def record(self, release: str) -> dict[str, Any]:
        """What the release's build wrote down."""

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""
