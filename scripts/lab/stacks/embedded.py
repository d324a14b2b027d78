"""The embedded engine: docker-compose.yml's topology as processes, from wheels alone."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import requests

from lab.checkout import MINIO
from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.stacks.build import LINES, RECORD, build_release, copy_build, is_built, manage_command
from lab.stacks.machine import Environment
from lab.stacks.model import Plan, Publish, Replica, Say
from lab.stacks.nginx import NAME as GATEWAY
from lab.stacks.nginx import Gateway
from lab.stacks.objectstore import BUCKET, IDENTITIES, REGION, ObjectStore, make_store
from lab.stacks.ports import free_port, is_free
from lab.stacks.processes import (
    JOBS,
    Processes,
    base_environment,
    last_lines,
    with_this_lab,
)
from lab.stacks.stack import READY_SECONDS, MachineEngine
from lab.stacks.state import State

STORE = "store"
STORED = (STORE, GATEWAY, "releases", "pids")
"""The folders that go with the stack."""


class EmbeddedEngine(MachineEngine):
    """Builds into .lab/build, runs under .lab/<stack>."""

    name = "embedded"

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Copy each release and do to the copy what app/Dockerfile does in its image."""
        for release in releases:
            say(f"building {release}")
            build_release(release)

    def is_built(self, release: str) -> bool:
        """Return whether `lab build` has made the release."""
        return is_built(release)

    def claim(self, plan: Plan) -> EmbeddedMachine:
        """Claim the name of a new stack."""
        state = State(name=plan.name, engine=self.name, strategy=plan.strategy, port=plan.port)
        state.claim()
        return EmbeddedMachine(state)

    def find(self, state: State) -> EmbeddedMachine:
        """Return what runs a stack that has been claimed."""
        return EmbeddedMachine(state)


class EmbeddedMachine:
    """Processes under one folder."""

    store = "seaweedfs"

    def __init__(self, state: State) -> None:
        self.state, self.folder = state, state.folder
        self.processes = Processes(self.folder)
        self.gateway = Gateway(state, self.processes)
        self.store_port: int = state.details.get("store_port", 0)
        self.litter: list[str] = state.details.get("litter", [])
        """Files that the store leaves behind outside its folder."""
        self.ports: dict[str, int] = state.details.get("ports", {})
        """The port of each replica, by its name."""
        self.server: ObjectStore | None = None

    @cached_property
    def origin_port(self) -> int:
        """Return the port for assets that are in no bucket; only a cell of the matrix has such."""
        return free_port()

    def find_missing(self) -> list[str]:
        """Return the programs that should run and do not."""
        expected = dict.fromkeys((STORE, GATEWAY, *self.processes.services()))
        return [name for name in expected if self.processes.find(name) is None]

    def require_running(self, part: str) -> None:
        """See that a program has not ended."""
        self.processes.require_running(part)

    def wait_for(self, part: str, holds: Callable[[], bool], problem: str) -> None:
        """Wait for a program, unless it has ended."""

        def runs_and_holds() -> bool:
            self.require_running(part)
            return holds()

        wait_until(runs_and_holds, READY_SECONDS, f"{part} {problem}", lambda: self.logs(part))

    def start_store(self, *, is_open: bool = False) -> None:  # noqa: ARG002 - it always is
        """Start the S3 server and set its bucket up, as the `setup` service does."""
        server = self.server = make_store(self.folder / STORE)
        self.store_port, self.litter = server.port, [*server.litter]
        self.state.keep(store_port=self.store_port, litter=self.litter)
        self.start_store_again()
        setup = {**base_environment(), **server.settings}
        done = self.processes.run("setup", [sys.executable, MINIO / "setup.py"], setup, self.folder)
        if done.returncode:
            self.require_running(STORE)
            raise UnavailableError(
                f"the bucket could not be set up: {last_lines(done.stderr, 1)}; "
                f"the store's last words:\n{self.logs(STORE)}"
            )

    def start_store_again(self) -> None:
        """Start the S3 server if it does not run, and wait until it listens."""
        server = self.server
        if server and self.processes.find(STORE) is None:
            folder = self.folder / STORE
            self.processes.start(STORE, server.command, base_environment(), folder)
            self.wait_for(STORE, lambda: not is_free(server.port), "is not ready")

    def stop_store(self) -> None:
        """Stop the S3 server, which keeps what it holds."""
        self.processes.stop(STORE)

    def settings(self, role: str) -> dict[str, str]:
        """Return the app's environment for an identity, as docker-compose.yml gives it."""
        return {
            **base_environment(),
            "STATICFILES_STRATEGY": self.state.strategy,
            "PUBLIC_HOST": self.state.host,
            "SECRET_KEY": "for-this-demonstration-on-127.0.0.1-only-and-nowhere-else",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{self.store_port}",
            "S3_BUCKET": BUCKET,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": IDENTITIES[f"{role}_ACCESS_KEY"],
            "AWS_SECRET_ACCESS_KEY": IDENTITIES[f"{role}_SECRET_KEY"],
        }

    def release_folder(self, release: str) -> Path:
        """Return the stack's own copy of a release, made when it is first needed."""
        return copy_build(release, self.folder / "releases" / release)

    def collect(self, release: str, environment: Environment, *options: str) -> Publish:
        """Run the release's collectstatic to its end."""
        name, folder = f"publish-{release}", self.release_folder(release)
        started = time.monotonic()
        command = manage_command("collectstatic", "--no-input", *options)
        environment = environment or self.settings("PUBLISHER")
        done = self.processes.run(name, command, environment, folder)
        seconds = time.monotonic() - started
        log = (done.stdout + done.stderr).strip()
        with (self.processes.log_folder / f"{name}.log").open("a") as file:
            file.write(log + "\n")
        return Publish(
            release=release,
            exit_code=done.returncode,
            seconds=seconds,
            log=last_lines(log, LINES),
        )

    def kill_publish(self, release: str) -> None:
        """Kill the collectstatic that runs."""
        self.processes.send(f"{JOBS}publish-{release}", signal.SIGKILL)

    def manage(self, release: str, environment: Environment, *command: str) -> str | None:
        """Run a command of manage.py; return the last line of one that fails."""
        folder, environment = (
            self.release_folder(release),
            environment or self.settings("PUBLISHER"),
        )
        done = self.processes.run(command[0], manage_command(*command), environment, folder)
        return last_lines(done.stderr, 1) if done.returncode else None

    @contextmanager
    def beside_store(self, module: str, *arguments: str) -> Iterator[str]:
        """Run a module of the lab as one more process."""
        name, port = module.rpartition(".")[2], free_port()
        told = [f"127.0.0.1:{self.store_port}", *arguments, f"127.0.0.1:{port}"]
        command = [sys.executable, "-m", module, *told]
        self.processes.start(name, command, with_this_lab(base_environment()), self.folder)
        try:
            self.wait_for(name, lambda: not is_free(port), "does not listen")
            yield f"http://127.0.0.1:{port}"
        finally:
            self.processes.stop(name)

    def start_replica(self, release: str, environment: Environment) -> Replica:
        """Start one more gunicorn, which need not be ready yet."""
        taken = [int(name.rpartition("-")[2]) for name in self.ports]
        name = f"web-{release}-{max(taken, default=0) + 1}"
        self.ports[name] = free_port()
        self.state.keep(ports=self.ports)
        own = {
            "REPLICA": name,
            "BIND": f"127.0.0.1:{self.ports[name]}",
            # Not among the pids, whose folder goes as soon as it is empty.
            "DRAIN_FILE": str(self.folder / "releases" / f"{name}.draining"),
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "gunicorn", "shop.wsgi"]
        environment = {**(environment or self.settings("WEB")), **own}
        self.processes.start(name, command, environment, self.release_folder(release))
        return Replica(release, name)

    def answers(self, replica: Replica, path: str) -> bool:
        """Return whether a replica answers a path with 200."""
        try:
            return requests.get(f"http://{self.address(replica)}{path}", timeout=2).ok
        except requests.RequestException:
            return False

    def address(self, replica: Replica) -> str:
        """Return host and port of a replica."""
        return f"127.0.0.1:{self.ports[replica.name]}"

    def find_servers(self, release: str, replicas: Sequence[Replica]) -> list[str]:  # noqa: ARG002
        """Return the addresses of these replicas, which never change."""
        return [self.address(each) for each in replicas]

    def replicas(self, release: str) -> list[Replica]:
        """Return the release's running replicas, oldest first."""
        running = (name for name in self.ports if self.processes.find(name))
        return [Replica(release, name) for name in running if name.startswith(f"web-{release}-")]

    def recycle(self, replica: Replica) -> None:
        """HUP it: gunicorn starts fresh workers, and the old ones finish what they were doing."""
        self.require_running(replica.name)
        before = worker_pids(self.processes, replica.name)
        self.processes.send(replica.name, signal.SIGHUP)
        self.wait_for(
            replica.name,
            lambda: not before & worker_pids(self.processes, replica.name),
            "still has its old workers",
        )

    def stop_replica(self, replica: Replica) -> None:
        """Let a replica finish, and stop it."""
        self.ports.pop(replica.name, None)
        self.processes.stop(replica.name)
        self.state.keep(ports=self.ports)

    def start_gateway(
        self, traffic: str, template: str | None = None, assets_port: int | None = None
    ) -> None:
        """Start nginx, which need not be ready yet."""
        self.gateway.start(assets_port or self.store_port, traffic, template)

    def tell_gateway(self, traffic: str) -> None:
        """Put another traffic.conf in place."""
        self.gateway.route(traffic)

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every object of the store, as a publisher may list it."""
        folder = next(path for path in (self.folder / "releases").iterdir() if path.is_dir())
        settings = self.settings("PUBLISHER")
        done = self.processes.run("inventory", manage_command("inventory"), settings, folder)
        if done.returncode:
            raise UnavailableError(f"the store cannot be listed: {last_lines(done.stderr, 1)}")
        listing: dict[str, dict[str, Any]] = json.loads(done.stdout)
        return listing

    def record(self, release: str) -> dict[str, Any]:
        """Return what the release's build wrote down: manifest and digests."""
        record: dict[str, Any] = json.loads((self.release_folder(release) / RECORD).read_text())
        return record

    def logs(self, part: str, lines: int = 20) -> str:
        """Return the last lines that a program wrote."""
        return self.processes.log(part, lines)

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

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""
        self.processes.stop_all()
        for part in STORED:
            shutil.rmtree(self.folder / part, ignore_errors=True)
        for pattern in self.litter:
            for path in Path("/").glob(pattern.lstrip("/")):
                path.unlink(missing_ok=True)
        self.state.forget()


def worker_pids(processes: Processes, name: str) -> set[int]:
    """Return the pids of a gunicorn's workers."""
    master = processes.find(name)
    try:
        return {worker.pid for worker in master.children()} if master else set()
    except psutil.NoSuchProcess:
        return set()
