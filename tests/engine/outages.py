"""A store that dies and comes back, and a publish that is held in its middle, on either engine."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import psutil
from tests.engine import gate
from tests.engine.projects import client
from tests.engine.stacks import (
    is_embedded,
    processes_of,
    project_of,
    publisher_environment,
    release_folder,
)

from lab.deadline import wait_until
from lab.stacks.ports import free_ports
from lab.stacks.stack import Stack

SECONDS = 120.0
COLLECT = ["manage.py", "collectstatic", "--no-input"]


@dataclass(frozen=True)
class Ended:
    """How a publish job ended."""

    exit_code: int
    error: str
    """What it wrote to stderr."""


class Outage(Protocol):
    """What can be done to the store of a stack."""

    def kill(self) -> None:
        """Kill the store, as a crash does."""

    def revive(self) -> None:
        """Start it again on what it has kept."""

    def publish_until(self, release: str, writes: int, then: Callable[[], None]) -> Ended:
        """Publish through a gate; do `then` when more writes have come than may pass."""


def outage_of(stack: Stack) -> Outage:
    """Choose by the stack's engine."""
    return Processes(stack) if is_embedded(stack) else Containers(stack)


class Processes:
    """The store as a process of this machine."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.processes = stack, processes_of(stack)
        self.store = self.find()
        self.command, self.environment = self.store.cmdline(), self.store.environ()
        self.folder = Path(self.store.cwd())
        self.address = publisher_environment(stack)["S3_ENDPOINT_URL"].removeprefix("http://")

    def find(self) -> psutil.Process:
        """The store's process."""
        found = self.processes.find("store")
        assert found is not None
        return found

    def kill(self) -> None:
        """SIGKILL: nothing is written any more, nothing is said."""
        self.find().send_signal(signal.SIGKILL)
        wait_until(lambda: self.processes.find("store") is None, 20, "it lives", str)

    def revive(self) -> None:
        """Start the same program on the same port and folder."""
        self.processes.start("store", self.command, self.environment, self.folder)

    def publish_until(self, release: str, writes: int, then: Callable[[], None]) -> Ended:
        """Run the gate and the job as processes."""
        (port,) = free_ports(1)
        address = f"127.0.0.1:{port}"
        command = [sys.executable, gate.__file__, address, self.address, str(writes)]
        environment = publisher_environment(self.stack)
        with running(command) as words:
            assert next(words) == "open\n"
            job = subprocess.Popen(
                [sys.executable, *COLLECT],
                cwd=release_folder(self.stack, release),
                env={**environment, "S3_ENDPOINT_URL": f"http://{address}"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            with job:
                assert next(words) == "held\n"
                then()
                _, error = job.communicate(timeout=SECONDS)
        return Ended(job.returncode, error)


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[IO[str]]:
    """Run a program, give its words to the block, and kill it; it has SECONDS for everything."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            yield process.stdout
        finally:
            watchdog.cancel()
            process.kill()


class Containers:
    """The store as a container."""

    def __init__(self, stack: Stack) -> None:
        self.project = project_of(stack)

    def kill(self) -> None:
        """SIGKILL."""
        self.project.container("minio").kill()

    def revive(self) -> None:
        """Start the same container."""
        self.project.container("minio").start()

    def publish_until(self, release: str, writes: int, then: Callable[[], None]) -> Ended:
        """Run the gate and the job as containers on the project's network."""
        name = f"{self.project.name}-gate"
        source = Path(gate.__file__).read_text()
        listen = ["0.0.0.0:9000", "minio:9000", str(writes)]
        service = f"publish-{release}"
        job = self.project.container(service)
        variables = [each for each in job.attrs["Config"]["Env"] if "S3_ENDPOINT" not in each]
        options = {"image": job.image.id, "network": f"{self.project.name}_default"}
        # The project's label makes them go with it, whatever happens here.
        options |= {"detach": True, "labels": {"com.docker.compose.project": self.project.name}}
        containers = client().containers
        gatekeeper = containers.run(command=["python", "-c", source, *listen], name=name, **options)
        try:
            wait_for_word(gatekeeper, "open")
            publish = containers.run(
                command=["python", *COLLECT],
                environment=[*variables, f"S3_ENDPOINT_URL=http://{name}:9000"],
                **options,
            )
            try:
                wait_for_word(gatekeeper, "held")
                then()
                code = int(publish.wait(timeout=SECONDS)["StatusCode"])
                error = publish.logs(stdout=False, stderr=True).decode()
            finally:
                publish.remove(force=True)
        finally:
            gatekeeper.remove(force=True)
        return Ended(code, error)


def wait_for_word(container: object, word: str) -> None:
    """Wait until a container has said it."""
    logs = container.logs  # type: ignore[attr-defined] # docker's containers have no types
    wait_until(
        lambda: word in logs().decode().splitlines(),
        SECONDS,
        f"the gate does not say {word}",
        lambda: logs().decode(),
    )
