"""The machine of local processes: an embedded stack, one cell after another."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests

from lab.checkout import releases
from lab.matrix.breakpoint import Pause
from lab.matrix.machine import DRAIN_SECONDS, GUNICORN
from lab.matrix.storeproxy import StoreProxy
from lab.stacks.build import manage
from lab.stacks.embedded import STORE, EmbeddedStack
from lab.stacks.model import Replica
from lab.stacks.nginx import NAME as GATEWAY
from lab.stacks.objectstore import BUCKET, ObjectStore
from lab.stacks.ports import free_ports
from lab.stacks.processes import JOBS, last_lines
from lab.stacks.state import State


class EmbeddedMachine(EmbeddedStack):
    """Processes under one folder."""

    engine = "embedded"
    gunicorn = GUNICORN
    drain_seconds = DRAIN_SECONDS

    def __init__(self, state: State) -> None:
        super().__init__(state)
        (self.origin_port,) = free_ports(1)

    def start_store(self) -> None:
        """Start the S3 server, and copy what has been built."""
        super().start_store()
        for release in releases():
            self.release_folder(release)

    def run_store(self, store: ObjectStore) -> None:
        """Start the S3 server, and remember how."""
        self.object_store = store
        super().run_store(store)

    def stop_store(self) -> None:
        """Stop the S3 server, which keeps what it holds."""
        self.processes.stop(STORE)

    def start_store_again(self) -> None:
        """Start the S3 server if it does not run."""
        if self.processes.find(STORE) is None:
            self.run_store(self.object_store)

    def clear(self) -> None:
        """Stop everything but the store."""
        for name in reversed(self.processes.services()):
            if name != STORE:
                self.processes.stop(name)
        self.ports = {}
        shutil.rmtree(self.folder / GATEWAY, ignore_errors=True)

    def break_off(self) -> None:
        """End at once all that runs, jobs as well."""
        self.processes.stop_all()

    def kill_publish(self, release: str) -> None:
        """Kill the collectstatic that runs."""
        self.processes.send(f"{JOBS}publish-{release}", signal.SIGKILL)

    def manage(self, release: str, environment: Mapping[str, str], *command: str) -> str | None:
        """Run a command of manage.py; returns the last words of one that fails."""
        folder = self.release_folder(release)
        done = self.processes.run(command[0], manage(*command), environment, folder)
        return last_lines(done.stderr, 1) if done.returncode else None

    @contextmanager
    def proxied(self, pause: Pause) -> Iterator[dict[str, str]]:
        """A proxy in the lab itself."""
        with StoreProxy(f"127.0.0.1:{self.store_port}", BUCKET, pause) as proxy:
            yield {"S3_ENDPOINT_URL": proxy.url}

    def answers(self, replica: Replica, path: str) -> bool:
        """Whether a replica answers a path with 200."""
        self.processes.require_running(replica.name)
        try:
            return requests.get(f"http://{self.address(replica)}{path}", timeout=2).ok
        except requests.RequestException:
            return False

    def address(self, replica: Replica) -> str:
        """Host and port of a replica."""
        return f"127.0.0.1:{self.ports[replica.name]}"

    def stop_replica(self, replica: Replica) -> None:
        """Stop a replica that draws no traffic any more."""
        self.processes.stop(replica.name)
        del self.ports[replica.name]

    def run_gateway(self, template: str, traffic: str, assets_port: int | None) -> None:
        """Start nginx."""
        self.gateway.start(assets_port or self.store_port, traffic, template)

    def tell_gateway(self, traffic: str) -> None:
        """Put another traffic.conf in place."""
        self.gateway.route(traffic)
