"""One embedded stack: its processes, its folder, and the verbs of a rollout on them."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import requests

from lab.checkout import MINIO
from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.stacks.build import LINES, RECORD, copy_build, manage
from lab.stacks.model import Publish, Replica
from lab.stacks.nginx import NAME as GATEWAY
from lab.stacks.nginx import Gateway
from lab.stacks.objectstore import BUCKET, IDENTITIES, REGION, ObjectStore, make_store, store_kind
from lab.stacks.ports import free_ports, is_free
from lab.stacks.processes import Processes, base_environment, last_lines
from lab.stacks.state import State
from lab.stacks.traffic import render_traffic

STORE = "store"
READY_SECONDS = 60.0
DRAIN_SECONDS = 2.0
"""How long a replica that fails readiness still serves; the gateway has dropped it before."""
STORED = (STORE, GATEWAY, "releases", "pids")
"""The folders that go with the stack."""


class EmbeddedStack:
    """Gateway, store and replicas under one folder."""

    gunicorn: tuple[str, ...] = ()
    """Its options, beside those of app/gunicorn.conf.py."""
    drain_seconds = DRAIN_SECONDS

    def __init__(self, state: State) -> None:
        self.state = state
        self.name, self.strategy = state.name, state.strategy
        self.base, self.folder = state.base, state.folder
        self.processes = Processes(self.folder)
        self.gateway = Gateway(state, self.processes)
        details = state.details
        self.store: str = details.get("store") or store_kind()
        self.store_port: int = details.get("store_port", 0)
        self.litter: list[str] = details.get("litter", [])
        """Files that the store leaves behind outside its folder."""
        self.weights: dict[str, int] = details.get("weights", {})
        self.ports: dict[str, int] = details.get("ports", {})
        """The port of each replica, by its name."""

    def save(self) -> None:
        """Write down what has changed."""
        self.state.details = {
            "store": self.store,
            "store_port": self.store_port,
            "litter": self.litter,
            "weights": self.weights,
            "ports": self.ports,
        }
        self.state.save()

    def gone(self) -> list[str]:
        """The programs that should run and do not."""
        expected = dict.fromkeys((STORE, GATEWAY, *self.processes.services()))
        return [name for name in expected if self.processes.find(name) is None]

    def start_store(self) -> None:
        """Start the S3 server and set its bucket up, as the `setup` service does."""
        store = make_store(self.store, self.folder / STORE)
        self.store_port, self.litter = store.port, [*store.litter]
        self.save()
        self.run_store(store)
        setup = {**base_environment(), **store.settings}
        done = self.processes.run("setup", [sys.executable, MINIO / "setup.py"], setup, self.folder)
        if done.returncode:
            raise UnavailableError(
                f"the bucket could not be set up: {last_lines(done.stderr, 1)}; "
                f"the store's last words:\n{self.logs(STORE)}"
            )

    def run_store(self, store: ObjectStore) -> None:
        """Start the S3 server, and wait until it listens."""
        environment = {**base_environment(), **store.environment}
        self.processes.start(STORE, store.command, environment, self.folder / STORE)
        self.wait_for(STORE, lambda: not is_free(store.port))

    def settings(self, role: str) -> dict[str, str]:
        """The app's environment for one identity of the store, as docker-compose.yml gives it."""
        return {
            **base_environment(),
            "STATICFILES_STRATEGY": self.strategy,
            "PUBLIC_HOST": self.state.host,
            "SECRET_KEY": "for-this-demonstration-on-127.0.0.1-only-and-nowhere-else",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{self.store_port}",
            "S3_BUCKET": BUCKET,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": IDENTITIES[f"{role}_ACCESS_KEY"],
            "AWS_SECRET_ACCESS_KEY": IDENTITIES[f"{role}_SECRET_KEY"],
        }

    def release_folder(self, release: str) -> Path:
        """The stack's own copy of a release, made when it is first needed."""
        return copy_build(release, self.folder / "releases" / release)

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""
        return self.collect(release, self.settings("PUBLISHER"))

    def collect(self, release: str, environment: Mapping[str, str], *options: str) -> Publish:
        """Run collectstatic to its end, in an environment of one's choice."""
        name, folder = f"publish-{release}", self.release_folder(release)
        started = time.monotonic()
        command = manage("collectstatic", "--no-input", *options)
        done = self.processes.run(name, command, environment, folder)
        log = (done.stdout + done.stderr).strip()
        with (self.processes.log_folder / f"{name}.log").open("a") as file:
            file.write(log + "\n")
        seconds = time.monotonic() - started
        return Publish(release, done.returncode, seconds, last_lines(log, LINES))

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Every object of the store, as a publisher may list it."""
        folder = self.release_folder(next(iter(self.weights)))
        done = self.processes.run(
            "inventory", manage("inventory"), self.settings("PUBLISHER"), folder
        )
        if done.returncode:
            raise UnavailableError(f"the store cannot be listed: {last_lines(done.stderr, 1)}")
        listing: dict[str, dict[str, Any]] = json.loads(done.stdout)
        return listing

    def record(self, release: str) -> dict[str, Any]:
        """What the release's build wrote down: manifest and digests."""
        record: dict[str, Any] = json.loads((self.release_folder(release) / RECORD).read_text())
        return record

    def replicas(self, release: str) -> list[Replica]:
        """The release's running replicas, oldest first."""
        running = (name for name in self.ports if self.processes.find(name))
        return [Replica(release, name) for name in running if name.startswith(f"web-{release}-")]

    def add_replica(self, release: str) -> Replica:
        """Start one more replica, wait until it is ready, and tell the gateway where it is."""
        replica = self.start_replica(release, self.settings("WEB"))
        port = self.ports[replica.name]
        self.wait_for(replica.name, lambda: is_ready(f"http://127.0.0.1:{port}/"))
        if release in self.weights:
            self.route(self.weights)
        return replica

    def start_replica(self, release: str, settings: Mapping[str, str]) -> Replica:
        """Start one more replica, which need not be ready yet."""
        taken = [int(name.rpartition("-")[2]) for name in self.ports]
        name = f"web-{release}-{max(taken, default=0) + 1}"
        (port,) = free_ports(1)
        self.ports[name] = port
        self.save()
        environment = {
            **settings,
            "REPLICA": name,
            "BIND": f"127.0.0.1:{port}",
            "DRAIN_FILE": str(self.folder / "pids" / f".{name}.draining"),
            "DRAIN_SECONDS": str(self.drain_seconds),
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "gunicorn", *self.gunicorn, "shop.wsgi"]
        self.processes.start(name, command, environment, self.release_folder(release))
        return Replica(release, name)

    def wait_for(self, name: str, ready: Callable[[], bool], problem: str = "is not ready") -> None:
        """Wait until a program is ready; one that has ended is not waited for."""

        def runs_and_is_ready() -> bool:
            self.processes.require_running(name)
            return ready()

        wait_until(runs_and_is_ready, READY_SECONDS, f"{name} {problem}", lambda: self.logs(name))

    def recycle(self, replica: Replica) -> None:
        """HUP: gunicorn starts fresh workers, and the old ones finish what they were doing."""
        self.processes.require_running(replica.name)
        before = worker_pids(self.processes, replica.name)
        self.processes.send(replica.name, signal.SIGHUP)
        self.wait_for(
            replica.name,
            lambda: not before & worker_pids(self.processes, replica.name),
            "still has its old workers",
        )

    def drain(self, replica: Replica) -> None:
        """Take the replica out of the traffic, then let it finish and stop."""
        self.ports.pop(replica.name, None)
        if self.replicas(replica.release):
            self.route(self.weights)
        self.processes.stop(replica.name)
        self.save()

    def start_gateway(self, weights: Mapping[str, int]) -> None:
        """Start nginx, and wait until it reaches a replica."""
        self.weights = dict(weights)
        self.save()
        self.gateway.start(self.store_port, self.traffic(weights))
        self.wait_for(GATEWAY, lambda: is_ready(self.base))

    def traffic(self, weights: Mapping[str, int]) -> str:
        """The gateway's traffic.conf for these weights and the replicas of this moment."""
        servers = {
            release: [f"127.0.0.1:{self.ports[each.name]}" for each in self.replicas(release)]
            for release in weights
        }
        return render_traffic(weights, servers)

    def route(self, weights: Mapping[str, int]) -> None:
        """Give the traffic other weights, without dropping a connection."""
        self.gateway.route(self.traffic(weights))
        self.weights = dict(weights)
        self.save()

    def logs(self, service: str, lines: int = 20) -> str:
        """The last lines that a service wrote."""
        return self.processes.log(service, lines)

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""
        self.processes.stop_all()
        for part in STORED:
            shutil.rmtree(self.folder / part, ignore_errors=True)
        for pattern in self.litter:
            for path in Path("/").glob(pattern.lstrip("/")):
                path.unlink(missing_ok=True)
        self.state.forget()


def is_ready(base: str) -> bool:
    """Whether /readyz is answered with 200."""
    try:
        return requests.get(f"{base}readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def worker_pids(processes: Processes, name: str) -> set[int]:
    """The pids of a gunicorn's workers."""
    master = processes.find(name)
    try:
        return {worker.pid for worker in master.children()} if master else set()
    except psutil.NoSuchProcess:
        return set()
