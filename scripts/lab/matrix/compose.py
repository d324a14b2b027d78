"""The machine of containers: those of docker-compose.yml, cloned with what a cell changes in them.

Compose creates the project; of its containers none is started but the `setup` job. A clone has the
image, the hardening and the environment of its model, and goes with the project.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from docker.errors import NotFound
from docker.models.containers import Container

from lab.checkout import ROOT, releases
from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.matrix.breakpoint import Pause
from lab.matrix.machine import DRAIN_SECONDS, GUNICORN, SHARED
from lab.stacks.build import LINES
from lab.stacks.compose import ComposeStack, reroute
from lab.stacks.composeengine import ComposeEngine, connect
from lab.stacks.composeproject import (
    JOB_SECONDS,
    READY_SECONDS,
    Clone,
    answered,
    clone,
    clones,
    logs_of,
    remove_part,
    service_environment,
)
from lab.stacks.model import Publish, Replica
from lab.stacks.objectstore import BUCKET
from lab.stacks.ports import free_ports, is_free
from lab.stacks.processes import last_lines
from lab.stacks.state import State

MINIO_PORT, APP_PORT = 9000, 8000
STORE, GATEWAY, PROXY = "store", "gateway", "pause"
"""The names of clones; those of jobs are like publish-v1, those of replicas like replica-v1-1."""
ETC = "/etc/gateway"
ASK = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)
s.sendall(f"GET {sys.argv[2]} HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n".encode())
sys.exit(b" 200 " not in s.recv(32))
"""
"""As the health check of the image does."""


class ComposeMachine(ComposeStack):
    """Containers of one Compose project."""

    engine = "compose"
    origin_port = 8081

    def __init__(self, state: State) -> None:
        super().__init__(connect(), state, replicas=1)
        (self.store_port,) = free_ports(1)
        self.shared = self.folder / SHARED
        self.started = 0

    def find(self, name: str) -> Container:
        """The clone of that name.

        Raises:
            UnavailableError: there is none.
        """
        try:
            return self.client.containers.get(f"{self.project.name}-{name}")
        except NotFound:
            raise UnavailableError(f"{self.project.name} has no {name} any more") from None

    def remove(self, container: Container) -> None:
        """Remove a clone, and keep what it wrote."""
        remove_part(container, self.jobs.log_folder)

    @answered
    def start_store(self) -> None:
        """Create the project, start MinIO where the lab reaches it, and set its bucket up."""
        ComposeEngine().require_images()
        self.create()
        self.shared.mkdir(parents=True, exist_ok=True)
        changes = Clone(aliases=(self.store,), ports={MINIO_PORT: self.store_port})
        clone(self.project, self.store, STORE, changes)
        self.start_store_again()
        code, log = self.project.run_job("setup")
        if code:
            raise UnavailableError(
                f"the bucket could not be set up: {last_lines(log, 1)}; "
                f"the store's last words:\n{self.logs(STORE)}"
            )

    @answered
    def stop_store(self) -> None:
        """Stop MinIO, which keeps what it holds."""
        self.find(STORE).stop(timeout=5)

    @answered
    def start_store_again(self) -> None:
        """Start MinIO if it does not run."""
        self.find(STORE).start()
        wait_until(
            lambda: not is_free(self.store_port),
            READY_SECONDS,
            f"{self.store} does not listen",
            lambda: self.logs(STORE),
        )

    @answered
    def clear(self) -> None:
        """Remove everything but the store."""
        for each in clones(self.project):
            if each.name != f"{self.project.name}-{STORE}":
                self.remove(each)

    @answered
    def break_off(self) -> None:
        """End at once all that runs, jobs as well."""
        for each in clones(self.project):
            self.remove(each)

    @answered
    def settings(self, role: str) -> dict[str, str]:
        """The app's environment for one identity of the store: PUBLISHER or WEB."""
        service = "publish" if role == "PUBLISHER" else "web"
        return service_environment(self.project, f"{service}-{releases()[0]}")

    def changes(
        self, environment: Mapping[str, str], *command: str, release: str = "", alias: str = ""
    ) -> Clone:
        """How a clone sees the folders of the lab, whose files it writes as the lab's user."""
        return Clone(
            command=command,
            environment=environment,
            binds={str(self.shared): str(self.shared), str(ROOT / "scripts"): f"{ROOT}/scripts:ro"},
            aliases=[alias] if alias else [],
            user=f"{os.getuid()}:{os.getgid()}",
            release=release,
        )

    @answered
    def job(
        self, name: str, release: str, environment: Mapping[str, str], *command: str
    ) -> tuple[int, str]:
        """Run a command of manage.py to its end; returns its exit code and what it wrote."""
        changes = self.changes(environment, "python", "manage.py", *command)
        container = clone(self.project, f"publish-{release}", name, changes)
        try:
            container.start()
            code = int(container.wait(timeout=JOB_SECONDS)["StatusCode"])
            return code, logs_of(container, LINES)
        finally:
            self.remove(container)

    def collect(self, release: str, environment: Mapping[str, str], *options: str) -> Publish:
        """Run the release's collectstatic to its end, in an environment of one's choice."""
        started = time.monotonic()
        command = ("collectstatic", "--no-input", *options)
        code, log = self.job(f"publish-{release}", release, environment, *command)
        return Publish(release, code, time.monotonic() - started, log)

    @answered
    def kill_publish(self, release: str) -> None:
        """Kill the collectstatic that runs."""
        self.find(f"publish-{release}").kill()

    def manage(self, release: str, environment: Mapping[str, str], *command: str) -> str | None:
        """Run a command of manage.py; returns the last words of one that fails."""
        code, log = self.job("job", release, environment, *command)
        return last_lines(log, 1) if code else None

    @contextmanager
    def proxied(self, pause: Pause) -> Iterator[dict[str, str]]:
        """A proxy in a container beside the store."""
        container = self.start_proxy(pause)
        try:
            yield {"S3_ENDPOINT_URL": f"http://{PROXY}:{MINIO_PORT}"}
        finally:
            self.remove(container)

    @answered
    def start_proxy(self, pause: Pause) -> Container:
        """Start it, and wait until it listens."""
        store = f"{self.store}:{MINIO_PORT}"
        proxy = ("lab.matrix.storeproxy", store, BUCKET, str(pause.folder), str(MINIO_PORT))
        environment = {**self.settings("PUBLISHER"), "PYTHONPATH": f"{ROOT}/scripts"}
        changes = self.changes(environment, "python", "-m", *proxy, alias=PROXY)
        container = clone(self.project, f"publish-{releases()[0]}", PROXY, changes)
        container.start()
        wait_until(
            lambda: "listens" in logs_of(container),
            READY_SECONDS,
            "the store proxy does not listen",
            lambda: logs_of(container),
        )
        return container

    @answered
    def start_replica(self, release: str, environment: Mapping[str, str]) -> Replica:
        """Start one more replica, which need not live yet."""
        self.started += 1
        own = {"GUNICORN_CMD_ARGS": " ".join(GUNICORN), "DRAIN_SECONDS": str(DRAIN_SECONDS)}
        changes = self.changes({**environment, **own}, release=release)
        name = f"replica-{release}-{self.started}"
        container = clone(self.project, f"web-{release}", name, changes)
        container.start()
        return Replica(release, str(container.name))

    @answered
    def answers(self, replica: Replica, path: str) -> bool:
        """Whether a replica answers a path with 200."""
        container = self.client.containers.get(replica.name)
        asked = container.exec_run(["python", "-IS", "-c", ASK, str(APP_PORT), path])
        return asked.exit_code == 0

    @answered
    def address(self, replica: Replica) -> str:
        """Host and port of a replica; its name would be asked for again and again."""
        networks = self.client.containers.get(replica.name).attrs["NetworkSettings"]["Networks"]
        (network,) = networks.values()
        return f"{network['IPAddress']}:{APP_PORT}"

    @answered
    def replicas(self, release: str) -> list[Replica]:
        """The release's running replicas, oldest first."""
        return [Replica(release, str(each.name)) for each in clones(self.project, release)]

    @answered
    def stop_replica(self, replica: Replica) -> None:
        """Stop a replica that draws no traffic any more."""
        container = self.client.containers.get(replica.name)
        container.stop(timeout=20)
        self.remove(container)

    @answered
    def run_gateway(self, template: str, traffic: str, assets_port: int | None) -> None:
        """Start nginx."""
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
    def tell_gateway(self, traffic: str) -> None:
        """Put another traffic.conf in place."""
        reroute(self.find(GATEWAY), traffic)

    @answered
    def logs(self, service: str, lines: int = 20) -> str:
        """The last lines that a clone wrote, by its own name or that of its container."""
        name = service.removeprefix(f"{self.project.name}-")
        return logs_of(self.find(name), lines)

    def down(self) -> None:
        """Remove containers, volume, network and what was shared; logs are kept."""
        super().down()
        shutil.rmtree(self.shared, ignore_errors=True)
