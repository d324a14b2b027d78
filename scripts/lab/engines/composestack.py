"""One stack of containers, and the verbs of a rollout on them, through the Docker SDK."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Mapping
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from lab.checkout import WORK
from lab.engines.processes import wait_until
from lab.errors import LabError, UnavailableError
from lab.stack import Plan, Publish, Replica, Say
from lab.traffic import render_traffic

PROJECT_PREFIX = "skewproof"
READY_SECONDS = 60.0
JOB_SECONDS = 600
STOP_SECONDS = 20


class ComposeStack:
    """The containers of one Compose project, found by the labels that Compose gave them."""

    def __init__(self, client: docker.DockerClient, name: str, strategy: str, port: int) -> None:
        self.client, self.name, self.strategy, self.port = client, name, strategy, port
        self.project = f"{PROJECT_PREFIX}-{name}".lower()
        self.host = f"127.0.0.1:{port}"
        self.base = f"http://{self.host}/"
        self.folder = WORK / name

    @classmethod
    def load(cls, client: docker.DockerClient, name: str) -> ComposeStack | None:
        """The stack that was written down under that name."""
        try:
            state = json.loads((WORK / name / "stack.json").read_text())
        except FileNotFoundError:
            return None
        if state["engine"] != "compose":
            return None
        return cls(client, name, state["strategy"], state["port"])

    def save(self) -> None:
        """Write down what the containers do not say."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {"engine": "compose", "strategy": self.strategy, "port": self.port}
        (self.folder / "stack.json").write_text(json.dumps(state, indent=1))

    def containers(self, service: str) -> list[Container]:
        """The service's containers, running or not, by their number."""
        labels = [
            f"com.docker.compose.project={self.project}",
            f"com.docker.compose.service={service}",
        ]
        found = self.client.containers.list(all=True, filters={"label": labels})
        return sorted(found, key=lambda each: int(each.labels["com.docker.compose.container-number"]))

    def container(self, service: str) -> Container:
        """The one container of a service."""
        found = self.containers(service)
        if not found:
            raise UnavailableError(f"stack {self.name} has no container of {service}")
        return found[0]

    def gone(self) -> list[str]:
        """The parts that should run and do not."""
        return [
            service
            for service in ("minio", "gateway")
            if not any(each.status == "running" for each in self.containers(service))
        ]

    def start(self, plan: Plan, say: Say) -> None:
        """Start in the order that docker-compose.yml gives by `depends_on`."""
        say("starting minio")
        self.container("minio").start()
        setup = self.run_job("setup")
        if setup[0]:
            raise UnavailableError(f"the bucket could not be set up:\n{setup[1]}")
        for release in plan.publishes:
            say(f"publishing {release}")
            publish = self.publish(release)
            if publish.exit_code:
                raise UnavailableError(f"{release} could not be published:\n{publish.log}")
        for release in plan.weights:
            for _ in range(plan.replicas):
                say(f"starting a replica of {release}")
                self.add_replica(release)
        say("starting the gateway")
        self.start_container(self.container("gateway"))
        self.route(plan.weights)

    def start_container(self, container: Container) -> None:
        """Start a container and wait until its own health check says healthy."""
        try:
            container.start()
        except APIError as error:
            raise UnavailableError(f"{container.name} does not start: {error.explanation}") from error

        def healthy() -> bool:
            container.reload()
            state = container.attrs["State"]
            if not state["Running"]:
                tail = container.logs(tail=15).decode(errors="replace")
                raise UnavailableError(f"{container.name} ended; its last words:\n{tail}")
            return bool(state["Health"]["Status"] == "healthy")

        wait_until(
            healthy,
            READY_SECONDS,
            f"{container.name} is not healthy",
            lambda: container.logs(tail=15).decode(errors="replace"),
        )

    def run_job(self, service: str) -> tuple[int, str]:
        """Run a one-shot service to its end; returns its exit code and what it wrote."""
        container = self.container(service)
        since = time.time()
        container.start()
        code = int(container.wait(timeout=JOB_SECONDS)["StatusCode"])
        return code, container.logs(since=since).decode(errors="replace").strip()

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""
        started = time.monotonic()
        code, log = self.run_job(f"publish-{release}")
        tail = "\n".join(log.splitlines()[-15:])
        return Publish(release, code, time.monotonic() - started, tail)

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Every object of the store, as a publisher may list it."""
        publisher = self.container("publish-v1")
        output = self.client.containers.run(
            publisher.image.id,
            ["python", "manage.py", "inventory"],
            environment=publisher.attrs["Config"]["Env"],
            network=f"{self.project}_default",
            read_only=True,
            tmpfs={"/tmp": ""},  # noqa: S108 - inside the container, and its only writable place
            remove=True,
            stderr=False,
        )
        listing: dict[str, dict[str, Any]] = json.loads(output)
        return listing

    def record(self, release: str) -> dict[str, Any]:
        """What the release's build wrote into its image."""
        chunks, _ = self.container(f"publish-{release}").get_archive("/app/record.json")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.extractfile("record.json")
            if member is None:
                raise LabError(f"the image of {release} holds no record.json; build it again")
            record: dict[str, Any] = json.load(member)
        return record

    def replicas(self, release: str) -> list[Replica]:
        """The release's running replicas, oldest first."""
        running = [each for each in self.containers(f"web-{release}") if each.status == "running"]
        running.sort(key=lambda each: str(each.attrs["State"]["StartedAt"]))
        return [Replica(release, str(each.name)) for each in running]

    def add_replica(self, release: str) -> Replica:
        """Start one more of the containers that were created, and wait until it is ready."""
        idle = [each for each in self.containers(f"web-{release}") if each.status != "running"]
        if not idle:
            raise LabError(f"stack {self.name} has no further replica of {release} to start")
        self.start_container(idle[0])
        return Replica(release, str(idle[0].name))

    def recycle(self, replica: Replica) -> None:
        """HUP: gunicorn starts fresh workers, and the old ones finish what they were doing."""
        container = self.client.containers.get(replica.name)
        before = worker_pids(container)
        container.kill("HUP")
        wait_until(
            lambda: not before & worker_pids(container),
            READY_SECONDS,
            f"{replica.name} still has its old workers",
            lambda: container.logs(tail=15).decode(errors="replace"),
        )

    def drain(self, replica: Replica) -> None:
        """SIGTERM: the app fails readiness, serves on for a moment, and stops."""
        self.client.containers.get(replica.name).stop(timeout=STOP_SECONDS)

    def route(self, weights: Mapping[str, int]) -> None:
        """Give the traffic other weights, without dropping a connection."""
        servers = {release: [f"web-{release}:8000 resolve"] for release in weights}
        traffic = render_traffic(weights, servers)
        done = self.container("gateway").exec_run(["gateway", "route", traffic])
        if done.exit_code:
            raise UnavailableError(f"the gateway refuses its weights: {done.output.decode()}")

    def logs(self, service: str, lines: int = 20) -> str:
        """The last lines that a service wrote."""
        try:
            return self.container(service).logs(tail=lines).decode(errors="replace").strip()
        except NotFound:
            return ""

    def down(self) -> None:
        """Remove containers, volume and network; the containers' logs are kept."""
        labels = {"label": f"com.docker.compose.project={self.project}"}
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for container in self.client.containers.list(all=True, filters=labels):
            (logs / f"{container.name}.log").write_bytes(container.logs())
            container.remove(force=True, v=True)
        for volume in self.client.volumes.list(filters=labels):
            volume.remove(force=True)
        for network in self.client.networks.list(filters=labels):
            network.remove()
        (self.folder / "stack.json").unlink(missing_ok=True)


def worker_pids(container: Container) -> set[str]:
    """The pids of gunicorn's workers: every process of the container but its first."""
    top = container.top()
    pid, parent = top["Titles"].index("PID"), top["Titles"].index("PPID")
    pids = {row[pid] for row in top["Processes"]}
    return {row[pid] for row in top["Processes"] if row[parent] in pids}
