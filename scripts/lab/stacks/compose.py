"""One stack of containers, and the verbs of a rollout on them, through the Docker SDK."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import docker
from docker.errors import ContainerError
from docker.models.containers import Container

from lab.checkout import releases
from lab.deadline import wait_until
from lab.errors import LabError, UnavailableError
from lab.stacks.build import LINES
from lab.stacks.composecommand import compose
from lab.stacks.composeproject import READY_SECONDS, Project, answered, logs_of, worker_pids
from lab.stacks.model import REPLICAS, Publish, Replica
from lab.stacks.processes import Processes, last_lines
from lab.stacks.state import State
from lab.stacks.traffic import render_traffic

PROJECT_PREFIX = "skewproof"
STOP_SECONDS = 20


def project_of(stack: str) -> str:
    """The name of a stack's Compose project."""
    return f"{PROJECT_PREFIX}-{stack}"


class ComposeStack:
    """The containers of one Compose project."""

    store = "minio"

    def __init__(self, client: docker.DockerClient, state: State, replicas: int = REPLICAS) -> None:
        self.client, self.state, self.created = client, state, replicas
        self.name, self.strategy = state.name, state.strategy
        self.base, self.folder = state.base, state.folder
        """How many replicas of each release are created with the stack."""
        self.project = Project(client, project_of(state.name))
        self.jobs = Processes(self.folder)
        self.serving: list[str] = state.details.get("serving", [])
        """The names of the replicas that were started and not stopped."""

    def save(self) -> None:
        """Write down what the containers do not say."""
        self.state.details = {"serving": self.serving}
        self.state.save()

    @answered
    def gone(self) -> list[str]:
        """The parts that should run and do not."""
        services = [name for name in ("minio", "gateway") if not self.project.running(name)]
        running = {each.name for release in releases() for each in self.replicas(release)}
        return services + [name for name in self.serving if name not in running]

    @answered
    def start_store(self) -> None:
        """Create every container of the project, start MinIO and set its bucket up."""
        self.create()
        self.project.container("minio").start()
        code, log = self.project.run_job("setup")
        if code:
            raise UnavailableError(
                f"the bucket could not be set up: {last_lines(log, 1)}; "
                f"the store's last words:\n{self.logs('minio')}"
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
            GATEWAY_PORT=str(self.state.port),
            PUBLIC_HOST=self.state.host,
            STATICFILES_STRATEGY=self.strategy,
        )

    @answered
    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""
        started = time.monotonic()
        code, log = self.project.run_job(f"publish-{release}")
        return Publish(release, code, time.monotonic() - started, last_lines(log, LINES))

    @answered
    def inventory(self) -> dict[str, dict[str, Any]]:
        """Every object of the store, as a publisher may list it."""
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
        """What the release's build wrote into its image."""
        content = self.project.read_file(f"publish-{release}", "/app/record.json")
        record: dict[str, Any] = json.loads(content)
        return record

    @answered
    def replicas(self, release: str) -> list[Replica]:
        """The release's running replicas, oldest first."""
        return [Replica(release, str(each.name)) for each in self.project.running(f"web-{release}")]

    @answered
    def add_replica(self, release: str) -> Replica:
        """Start one more of the containers that were created, and wait until it is ready."""
        created = self.project.containers(f"web-{release}")
        idle = next((each for each in created if each.status != "running"), None)
        if idle is None:
            raise LabError(f"stack {self.name} has no further replica of {release} to start")
        self.project.start(idle)
        self.serving.append(str(idle.name))
        self.save()
        return Replica(release, str(idle.name))

    @answered
    def recycle(self, replica: Replica) -> None:
        """HUP: gunicorn starts fresh workers, and the old ones finish what they were doing."""
        container = self.client.containers.get(replica.name)
        before = worker_pids(container)
        container.kill("HUP")
        wait_until(
            lambda: not before & worker_pids(container),
            READY_SECONDS,
            f"{replica.name} still has its old workers",
            lambda: logs_of(container),
        )

    @answered
    def drain(self, replica: Replica) -> None:
        """SIGTERM: the app fails readiness, serves on for a moment, and stops."""
        with suppress(ValueError):
            self.serving.remove(replica.name)
        self.save()
        self.client.containers.get(replica.name).stop(timeout=STOP_SECONDS)

    @answered
    def start_gateway(self, weights: Mapping[str, int]) -> None:
        """Start nginx, and wait until it reaches a replica."""
        self.project.start(self.project.container("gateway"))
        self.route(weights)

    @answered
    def route(self, weights: Mapping[str, int]) -> None:
        """Give the traffic other weights, without dropping a connection."""
        servers = {release: [f"web-{release}:8000 resolve"] for release in weights}
        reroute(self.project.container("gateway"), render_traffic(weights, servers))

    @answered
    def logs(self, service: str, lines: int = 20) -> str:
        """The last lines that a service wrote; a replica is asked for by its own name."""
        found = self.project.containers(service)
        return logs_of(found[0], lines) if found else ""

    @answered
    def down(self) -> None:
        """Remove containers, volume and network; the containers' logs are kept."""
        self.jobs.stop_all()  # a `docker compose` of a lab that was killed
        self.project.remove(self.jobs.log_folder)
        self.state.forget()


def reroute(gateway: Container, traffic: str) -> None:
    """Put another traffic.conf in place; returns when no request sees the old one.

    Raises:
        UnavailableError: nginx refuses it.
    """
    done = gateway.exec_run(["gateway", "route", traffic])
    if done.exit_code and isinstance(done.output, bytes):
        tail = last_lines(done.output.decode(errors="replace"), 5)
        raise UnavailableError(f"the gateway refuses its weights; its last words:\n{tail}")
