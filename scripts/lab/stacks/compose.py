"""The machine of containers: those of docker-compose.yml, unedited.

Compose creates every container of a project, the SDK starts them (docs/adr/0004). Where a cell of
the matrix asks for another environment, another template or an open store, the container is a
clone: one like the service's, with its image and its hardening, and with what differs.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import ContainerError, NotFound
from docker.models.containers import Container

from lab.checkout import ROOT, releases
from lab.deadline import wait_until
from lab.errors import LabError, UnavailableError
from lab.stacks.build import LINES
from lab.stacks.composeproject import (
    CLONE,
    COMPOSE_FILE,
    JOB_SECONDS,
    PAGES,
    READY_SECONDS,
    Clone,
    Project,
    answered,
    clone,
    clones,
    compose,
    is_healthy,
    logs_of,
    recycle_workers,
    remove_part,
    service_environment,
)
from lab.stacks.machine import SHARED, Environment
from lab.stacks.model import REPLICAS, Publish, Replica
from lab.stacks.ports import free_port, is_free
from lab.stacks.processes import Processes, last_lines
from lab.stacks.state import State

PROJECT_PREFIX = "skewproof"
STORE, GATEWAY = "store", "gateway"
SERVICES = {STORE: "minio"}
"""The service behind the name of a part, where they differ."""
STORE_PORT, APP_PORT = 9000, 8000
STOP_SECONDS = 20
ETC = "/etc/gateway"
ASK = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)
s.sendall(f"GET {sys.argv[2]} HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n".encode())
sys.exit(b" 200 " not in s.recv(32))
"""
"""As the health check of the image does."""


def project_of(stack: str) -> str:
    """Return the name of a stack's Compose project."""
    return f"{PROJECT_PREFIX}-{stack}"


class ComposeMachine:
    """The containers of one Compose project."""

    store = "minio"
    origin_port = 8081

    def __init__(self, client: docker.DockerClient, state: State, replicas: int = REPLICAS) -> None:
        self.client, self.state, self.folder = client, state, state.folder
        self.created = replicas
        """How many replicas of each release are created with the stack."""
        self.project = Project(client, project_of(state.name))
        self.files: Sequence[Path] = (COMPOSE_FILE,)
        """What Compose reads, each laid over those before it."""
        self.jobs = Processes(self.folder)
        self.serving: list[str] = state.details.get("serving", [])
        """The names of the replicas that were started and not stopped."""
        self.shared = self.folder / SHARED
        self.store_port = 0
        self.cloned = 0
        """How many replicas were clones."""

    @answered
    def find(self, part: str) -> Container:
        """Return the container of a part, a clone before that of the service.

        Raises:
            UnavailableError: there is none.
        """
        name = part.removeprefix(f"{self.project.name}-")
        try:
            return self.client.containers.get(f"{self.project.name}-{name}")
        except NotFound:
            return self.project.container(SERVICES.get(name, name))

    def remove(self, container: Container) -> None:
        """Remove a clone, and keep what it wrote."""
        remove_part(container, self.jobs.log_folder)

    @answered
    def find_missing(self) -> list[str]:
        """Return the parts that should run and do not."""
        services = [name for name in ("minio", GATEWAY) if not self.project.running(name)]
        running = {each.name for release in releases() for each in self.replicas(release)}
        return services + [name for name in self.serving if name not in running]

    @answered
    def require_running(self, part: str) -> None:
        """See that a container has not ended."""
        container = self.find(part)
        if not container.attrs["State"]["Running"]:
            raise UnavailableError(f"{container.name} ended; its last words:\n{logs_of(container)}")

    @answered
    def start_store(self, *, is_open: bool = False) -> None:
        """Create every container of the project, start MinIO and set its bucket up."""
        self.create()
        self.shared.mkdir(parents=True, exist_ok=True)
        if is_open:
            self.store_port = free_port()
            changes = Clone(aliases=(self.store,), ports={STORE_PORT: self.store_port})
            clone(self.project, self.store, STORE, changes)
        self.start_store_again()
        code, log = self.project.run_job("setup")
        if code:
            raise UnavailableError(
                f"the bucket could not be set up: {last_lines(log, 1)}; "
                f"the store's last words:\n{self.logs(STORE)}"
            )

    def create(self) -> None:
        """Create every container of the project, of which none runs yet."""
        compose(
            self.jobs,
            self.project.name,
            "create",
            "--no-build",
            "--pull=never",
            *(f"--scale=web-{release}={self.created}" for release in releases()),
            files=self.files,
            GATEWAY_PORT=str(self.state.port),
            PUBLIC_HOST=self.state.host,
            STATICFILES_STRATEGY=self.state.strategy,
        )

    @answered
    def start_store_again(self) -> None:
        """Start MinIO if it does not run; one that is open is waited for."""
        self.find(STORE).start()
        if self.store_port:
            wait_until(
                lambda: not is_free(self.store_port),
                READY_SECONDS,
                f"{self.store} does not listen",
                lambda: self.logs(STORE),
            )

    @answered
    def stop_store(self) -> None:
        """Stop MinIO, which keeps what it holds."""
        self.find(STORE).stop(timeout=5)

    @answered
    def settings(self, role: str) -> dict[str, str]:
        """Return the app's environment for one identity of the store: PUBLISHER or WEB."""
        service = "publish" if role == "PUBLISHER" else "web"
        return service_environment(self.project, f"{service}-{releases()[0]}")

    def changes(self, environment: Environment, *command: str, **names: Any) -> Clone:
        """Return how a clone sees the folders of the lab, whose files it writes as its user."""
        return Clone(
            command=command,
            environment=environment,
            binds={str(self.shared): str(self.shared), str(ROOT / "scripts"): f"{ROOT}/scripts:ro"},
            user=f"{os.getuid()}:{os.getgid()}",
            **names,
        )

    @answered
    def run_clone(
        self, name: str, release: str, environment: Environment, *command: str
    ) -> tuple[int, str]:
        """Run a command of manage.py in a clone of the publish job, to its end.

        Returns:
            Its exit code and the last lines that it wrote.
        """
        changes = self.changes(environment, "python", "manage.py", *command)
        container = clone(self.project, f"publish-{release}", name, changes)
        try:
            container.start()
            code = int(container.wait(timeout=JOB_SECONDS)["StatusCode"])
            return code, logs_of(container, LINES)
        finally:
            self.remove(container)

    @answered
    def collect(self, release: str, environment: Environment, *options: str) -> Publish:
        """Run the release's one-shot publish job to its end, or a clone of it."""
        started, job = time.monotonic(), f"publish-{release}"
        if environment is None and not options:
            code, log = self.project.run_job(job)
        else:
            command = ("collectstatic", "--no-input", *options)
            code, log = self.run_clone(job, release, environment, *command)
        seconds = time.monotonic() - started
        log = last_lines(log, LINES)
        return Publish(release=release, exit_code=code, seconds=seconds, log=log)

    @answered
    def kill_publish(self, release: str) -> None:
        """Kill the collectstatic that runs."""
        self.find(f"publish-{release}").kill()

    def manage(self, release: str, environment: Environment, *command: str) -> str | None:
        """Run a command of manage.py; return the last line of one that fails."""
        code, log = self.run_clone("job", release, environment, *command)
        return last_lines(log, 1) if code else None

    @contextmanager
    def beside_store(self, module: str, *arguments: str) -> Iterator[str]:
        """Run a module of the lab in a container of its own."""
        name = module.rpartition(".")[2]
        container = self.start_beside(name, module, *arguments)
        try:
            yield f"http://{name}:{STORE_PORT}"
        finally:
            self.remove(container)

    @answered
    def start_beside(self, name: str, module: str, *arguments: str) -> Container:
        """Start the container, and wait until the module says that it listens."""
        told = (f"{self.store}:{STORE_PORT}", *arguments, f"0.0.0.0:{STORE_PORT}")
        environment = {**self.settings("PUBLISHER"), "PYTHONPATH": f"{ROOT}/scripts"}
        changes = self.changes(environment, "python", "-m", module, *told, aliases=[name])
        container = clone(self.project, f"publish-{releases()[0]}", name, changes)
        container.start()
        wait_until(
            lambda: "listens" in logs_of(container),
            READY_SECONDS,
            f"{name} does not listen",
            lambda: logs_of(container),
        )
        return container

    @answered
    def start_replica(self, release: str, environment: Environment) -> Replica:
        """Start one of the containers that were created, or a clone of one."""
        container = self.idle(release) if environment is None else self.copy(release, environment)
        name = str(container.name)
        if environment is None:
            self.project.start(container)
            self.serving.append(name)
            self.state.keep(serving=self.serving)
        else:
            container.start()
        return Replica(release, name)

    def idle(self, release: str) -> Container:
        """Return a container of the release that does not run."""
        for each in self.project.containers(f"web-{release}"):
            if each.status != "running":
                return each
        raise LabError(f"stack {self.state.name} has no further replica of {release} to start")

    def copy(self, release: str, environment: Environment) -> Container:
        """Return one more container like those of the release, in another environment."""
        self.cloned += 1
        changes = self.changes(environment, release=release)
        return clone(self.project, f"web-{release}", f"replica-{release}-{self.cloned}", changes)

    @answered
    def answers(self, replica: Replica, path: str) -> bool:
        """Return whether a replica answers 200; one with a health check is asked by that."""
        container = self.client.containers.get(replica.name)
        if container.attrs["State"].get("Health"):
            return is_healthy(container)
        asked = container.exec_run(["python", "-IS", "-c", ASK, str(APP_PORT), path])
        return asked.exit_code == 0

    @answered
    def find_servers(self, release: str, replicas: Sequence[Replica]) -> list[str]:
        """Return the service's name, for DNS to resolve; of clones each address.

        See docs/adr/0002. The name of a clone would be asked for again and again.
        """
        networks = [self.network_of(each) for each in replicas]
        addresses = [network["IPAddress"] for network in networks if network]
        if addresses:
            return [f"{address}:{APP_PORT}" for address in addresses]
        return [f"web-{release}:{APP_PORT} resolve"]

    def network_of(self, replica: Replica) -> dict[str, Any] | None:
        """Return where the gateway reaches a clone; None for a container that Compose has made."""
        container = self.client.containers.get(replica.name)
        if CLONE not in container.labels:
            return None
        return dict(container.attrs["NetworkSettings"]["Networks"][self.project.network(PAGES)])

    @answered
    def replicas(self, release: str) -> list[Replica]:
        """Return the release's running replicas, oldest first."""
        found = [*self.project.running(f"web-{release}"), *clones(self.project, release)]
        return [Replica(release, str(each.name)) for each in found]

    @answered
    def recycle(self, replica: Replica) -> None:
        """HUP it: gunicorn starts fresh workers, and the old ones finish what they were doing."""
        recycle_workers(self.client.containers.get(replica.name))

    @answered
    def stop_replica(self, replica: Replica) -> None:
        """SIGTERM it: the app fails readiness, serves on for a moment, and stops."""
        if replica.name in self.serving:
            self.serving.remove(replica.name)
            self.state.keep(serving=self.serving)
        container = self.client.containers.get(replica.name)
        container.stop(timeout=STOP_SECONDS)
        if CLONE in container.labels:
            self.remove(container)

    @answered
    def start_gateway(
        self, traffic: str, template: str | None = None, assets_port: int | None = None
    ) -> None:
        """Start nginx: the service's container, or a clone with another template."""
        if template is None:
            self.run_gateway()
            self.tell_gateway(traffic)
            return
        own = {"gateway.conf.template": template, "traffic.conf": traffic}
        binds = {str(self.shared): f"{self.shared}:ro"}
        for name, text in own.items():
            file = self.shared / name
            file.write_text(text)
            binds[str(file)] = f"{ETC}/{name}:ro"
        environment = service_environment(self.project, GATEWAY)
        if assets_port:
            origin = f"127.0.0.1:{assets_port}"
            environment |= {"STORE": origin, "STORE_HOST": origin}
        changes = Clone(environment=environment, binds=binds)
        clone(self.project, GATEWAY, GATEWAY, changes).start()

    @answered
    def run_gateway(self) -> None:
        """Start the gateway as Compose has created it, and wait until it reaches a replica."""
        self.project.start(self.project.container(GATEWAY))

    @answered
    def tell_gateway(self, traffic: str) -> None:
        """Put another traffic.conf in place.

        Raises:
            UnavailableError: nginx refuses it.
        """
        done = self.find(GATEWAY).exec_run(["gateway", "route", traffic])
        if done.exit_code and isinstance(done.output, bytes):
            tail = last_lines(done.output.decode(errors="replace"), 5)
            raise UnavailableError(f"the gateway refuses its weights; its last words:\n{tail}")

    @answered
    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every object of the store, as a publisher may list it."""
        service = f"publish-{releases()[0]}"
        try:
            output = self.project.run_beside(service, "python", "manage.py", "inventory")
        except ContainerError as error:
            said = error.stderr or b""
            why = last_lines(said if isinstance(said, str) else said.decode(errors="replace"), 1)
            raise UnavailableError(f"the store cannot be listed: {why}") from error
        listing: dict[str, dict[str, Any]] = json.loads(output)
        return listing

    @answered
    def record(self, release: str) -> dict[str, Any]:
        """Return what the release's build wrote into its image."""
        content = self.project.read_file(f"publish-{release}", "/app/record.json")
        record: dict[str, Any] = json.loads(content)
        return record

    @answered
    def logs(self, part: str, lines: int = 20) -> str:
        """Return the last lines that a part wrote."""
        return logs_of(self.find(part), lines)

    @answered
    def clear(self) -> None:
        """Remove every clone but the store's."""
        for each in clones(self.project):
            if each.name != f"{self.project.name}-{STORE}":
                self.remove(each)

    @answered
    def break_off(self) -> None:
        """End at once all that runs, jobs as well."""
        for each in clones(self.project):
            self.remove(each)

    @answered
    def down(self) -> None:
        """Remove containers, volume, network and what was shared; the containers' logs are kept."""
        self.jobs.stop_all()  # a `docker compose` of a lab that was killed
        self.project.remove(self.jobs.log_folder)
        shutil.rmtree(self.shared, ignore_errors=True)
        self.state.forget()
