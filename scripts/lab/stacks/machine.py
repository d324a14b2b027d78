"""What the one Stack is built on: the primitives of an engine whose replicas the lab replaces.

There are two machines: processes of this computer (`embedded`) and containers (`compose`). What is
decided here and there in the same way (weights, members, drain, the order of a start) is not theirs
but the Stack's. An orchestrator that replaces replicas itself is no machine: see docs/adr/0028.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from lab.stacks.model import Publish, Replica
from lab.stacks.state import State

SHARED = "releases"
"""The folder of a stack that its processes see under the same path as the lab."""

Environment = Mapping[str, str] | None
"""All of a process's environment; None for that of docker-compose.yml."""


class Machine(Protocol):
    """Runs the parts of one stack: a store, a gateway, replicas and jobs.

    Attributes:
        state: what is written down of the stack.
        store: which S3 server it has.
        store_port: where the lab itself reaches the store on 127.0.0.1; only the store that was
            started as an open one has such a port.
    """

    state: State
    store: str
    store_port: int

    @property
    def origin_port(self) -> int:
        """Return where a gateway may serve what is in no bucket, on its own 127.0.0.1."""

    def start_store(self, *, is_open: bool = False) -> None:
        """Start the S3 server and set its bucket up.

        Args:
            is_open: whether the lab itself must reach it, and not only the stack's parts.
        """

    def stop_store(self) -> None:
        """Stop the S3 server, which keeps what it holds."""

    def start_store_again(self) -> None:
        """Start the S3 server if it does not run."""

    def settings(self, role: str) -> dict[str, str]:
        """Return the app's environment for one identity of the store: PUBLISHER or WEB."""

    def collect(self, release: str, environment: Environment, *options: str) -> Publish:
        """Run the release's collectstatic to its end."""

    def kill_publish(self, release: str) -> None:
        """Kill the collectstatic that runs."""

    def manage(self, release: str, environment: Environment, *command: str) -> str | None:
        """Run a command of manage.py; return the last line of one that fails."""

    def beside_store(self, module: str, *arguments: str) -> AbstractContextManager[str]:
        """Run a module of the lab beside the store; the block gets its URL as jobs know it.

        It is told the store's host and port, the arguments, and the host and port to listen at.
        """

    def start_replica(self, release: str, environment: Environment) -> Replica:
        """Start one more replica, which need not be ready yet."""

    def require_running(self, part: str) -> None:
        """See that a replica, the store or the gateway has not ended.

        Raises:
            UnavailableError: it has; with the last lines that it wrote.
        """

    def answers(self, replica: Replica, path: str) -> bool:
        """Return whether a replica answers a path with 200."""

    def find_servers(self, release: str, replicas: Sequence[Replica]) -> list[str]:
        """Return the arguments of nginx's `server` directives that reach these replicas."""

    def replicas(self, release: str) -> list[Replica]:
        """Return the release's running replicas, oldest first."""

    def recycle(self, replica: Replica) -> None:
        """Replace the replica's worker processes gracefully, as `max_requests` does."""

    def stop_replica(self, replica: Replica) -> None:
        """Let a replica that draws no traffic any more finish, and stop it."""

    def start_gateway(
        self, traffic: str, template: str | None = None, assets_port: int | None = None
    ) -> None:
        """Start the gateway, which need not be ready yet.

        Args:
            traffic: its traffic.conf.
            template: its configuration; by default that of the image.
            assets_port: where assets are, on its own 127.0.0.1; None for the store.
        """

    def tell_gateway(self, traffic: str) -> None:
        """Put another traffic.conf in place; return when no request sees the old one."""

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every object of the store, as a publisher may list it."""

    def record(self, release: str) -> dict[str, Any]:
        """Return what the release's build wrote down: manifest and digests."""

    def logs(self, part: str, lines: int = 20) -> str:
        """Return the last lines that a part wrote."""

    def find_missing(self) -> list[str]:
        """Return the parts that should run and do not."""

    def clear(self) -> None:
        """Stop everything but the store."""

    def break_off(self) -> None:
        """End at once all that runs, jobs as well: the lab was interrupted."""

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""
