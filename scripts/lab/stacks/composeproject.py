"""One Compose project: made by `docker compose`, found again by the labels that it gave."""

from __future__ import annotations

import functools
import io
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume

from lab.checkout import ROOT
from lab.deadline import POLL_SECONDS, wait_until
from lab.errors import LabError, UnavailableError, describe_error
from lab.stacks.processes import Processes, last_lines

LABEL = "com.docker.compose"
READY_SECONDS = 60.0
LOOK_SECONDS = 0.3
"""Between two looks, each of which starts a process in a container or on its host."""
JOB_SECONDS = 600
REMOVE_SECONDS = 60.0
QUIET_SECONDS = 0.5
"""Nothing must appear for so long: a request that was interrupted may still be carried out."""

DOCKER_COMPOSE = ("docker", "compose")
COMPOSE_FILE = ROOT / "docker-compose.yml"
LINES = 15
REMEDY = "install the Compose plugin of Docker, or choose --engine embedded"

P = ParamSpec("P")
R = TypeVar("R")


def answered(verb: Callable[P, R]) -> Callable[P, R]:
    """Make one clear line of what the Docker Engine refuses or does not answer."""

    @functools.wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except APIError as error:
            why = error.explanation or str(error)
            raise UnavailableError(f"Docker refuses: {why} (in {verb.__name__})") from error
        except (DockerException, requests.RequestException) as error:
            why = describe_error(error)
            raise UnavailableError(f"Docker does not answer any more ({why})") from error

    return call


def logs_of(container: Container, lines: int = 15) -> str:
    """Return the last lines that a container wrote."""
    output = container.logs(tail=lines)
    return last_lines(output.decode(errors="replace"), lines) if isinstance(output, bytes) else ""


def is_healthy(container: Container) -> bool:
    """Run a container's own health check, before its turn comes; return whether it passes."""
    _cmd, *command = container.attrs["Config"]["Healthcheck"]["Test"]
    try:
        return bool(container.exec_run(command).exit_code == 0)
    except APIError as error:
        if error.status_code == requests.codes.conflict:  # it has just ended
            return False
        raise


class Project:
    """Everything that carries a project's label."""

    def __init__(self, client: docker.DockerClient, name: str) -> None:
        self.client, self.name = client, name
        self.label = f"{LABEL}.project={name}"

    def network(self, name: str) -> str:
        """Return what Docker calls a network of docker-compose.yml."""
        return f"{self.name}_{name}"

    def containers(self, service: str) -> list[Container]:
        """Return the service's containers, running or not, by their number."""
        labels = [self.label, f"{LABEL}.service={service}"]
        found = self.client.containers.list(
            all=True, filters={"label": labels}, ignore_removed=True
        )
        return sorted(found, key=lambda each: int(each.labels[f"{LABEL}.container-number"]))

    def container(self, service: str) -> Container:
        """Return the first container of a service.

        Raises:
            UnavailableError: somebody has removed it.
        """
        found = self.containers(service)
        if not found:
            raise UnavailableError(
                f"project {self.name} has no container of {service} any more: take the stack down"
            )
        return found[0]

    def running(self, service: str) -> list[Container]:
        """Return the service's running containers, oldest first."""
        found = [each for each in self.containers(service) if each.status == "running"]
        return sorted(found, key=lambda each: str(each.attrs["State"]["StartedAt"]))

    def start(self, container: Container) -> None:
        """Start a container and wait until its own health check passes.

        Raises:
            UnavailableError: it does not start, ends, or is not healthy in time.
        """
        try:
            container.start()
        except APIError as error:
            raise UnavailableError(
                f"{container.name} does not start: {error.explanation}"
            ) from error

        def healthy() -> bool:
            container.reload()
            state = container.attrs["State"]
            if not state["Running"]:
                raise UnavailableError(
                    f"{container.name} ended; its last words:\n{logs_of(container)}"
                )
            return is_healthy(container)

        problem = f"{container.name} is not healthy"
        wait_until(healthy, READY_SECONDS, problem, lambda: logs_of(container), LOOK_SECONDS)

    def run_job(self, service: str) -> tuple[int, str]:
        """Run a one-shot service to its end, or stop it with the lab.

        Returns:
            Its exit code and what it wrote.
        """
        container = self.container(service)
        since = time.time()
        try:
            container.start()
            code = int(container.wait(timeout=JOB_SECONDS)["StatusCode"])
        except BaseException:
            with suppress(DockerException, requests.RequestException):
                container.kill()
            raise
        output = container.logs(since=since)
        return code, output.decode(errors="replace").strip() if isinstance(output, bytes) else ""

    def run_beside(self, service: str, *command: str) -> bytes:
        """Run another command as the service would, in a container that goes with the project."""
        model = self.container(service)
        image = model.image
        if image is None or image.id is None:
            raise UnavailableError(f"the image of {model.name} is gone: build it again")
        host = model.attrs["HostConfig"]
        output: bytes = self.client.containers.run(
            image.id,
            [*command],
            environment=model.attrs["Config"]["Env"],
            network=host["NetworkMode"],
            labels={f"{LABEL}.project": self.name},
            read_only=True,
            tmpfs=host["Tmpfs"],
            mem_limit=host["Memory"],
            remove=True,
            stderr=False,
        )
        return output

    def read_file(self, service: str, path: str) -> bytes:
        """Return a file of a service's image.

        Raises:
            LabError: the image has none.
        """
        try:
            chunks, _ = self.container(service).get_archive(path)
        except NotFound:
            raise LabError(f"the image of {service} holds no {path}: build it again") from None
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.extractfile(Path(path).name)
            return member.read() if member else b""

    def remove(self, logs: Path) -> None:
        """Remove containers, volumes and networks, and what an interrupted request still makes.

        Args:
            logs: the folder that takes what the containers wrote.

        Raises:
            UnavailableError: something is still there after REMOVE_SECONDS.
        """
        deadline = time.monotonic() + REMOVE_SECONDS
        last_seen = time.monotonic()
        while time.monotonic() < last_seen + QUIET_SECONDS:
            if problems := [remove_part(part, logs) for part in self.parts()]:
                last_seen = time.monotonic()
            if last_seen > deadline:
                left = "; ".join(filter(None, problems)) or "more appears all the time"
                raise UnavailableError(
                    f"project {self.name} cannot be removed: {left}; "
                    f'see "docker ps -a --filter label={self.label}"'
                )
            time.sleep(POLL_SECONDS)

    def checkout(self) -> str | None:
        """Return the folder whose docker-compose.yml the containers come from."""
        labels: dict[str, Any] = {"label": self.label}
        found = self.client.containers.list(all=True, filters=labels, ignore_removed=True)
        folders = (each.labels.get(f"{LABEL}.project.working_dir") for each in found)
        return next(filter(None, folders), None)

    def parts(self) -> Iterator[Container | Volume | Network]:
        """Yield everything that carries the label, in the order in which it can be removed."""
        labels: dict[str, Any] = {"label": self.label}
        yield from self.client.containers.list(all=True, filters=labels, ignore_removed=True)
        yield from self.client.volumes.list(filters=labels)
        yield from self.client.networks.list(filters=labels)


def remove_part(part: Container | Volume | Network, logs: Path) -> str | None:
    """Remove one thing; returns why it is still there, None when it is not."""
    try:
        if isinstance(part, Container):
            keep_log(part, logs)
            part.remove(force=True, v=True)
        elif isinstance(part, Volume):
            part.remove(force=True)
        else:
            part.remove()
    except NotFound:
        return None
    except APIError as error:
        return f"{part.name}: {error.explanation}"
    return None


def keep_log(container: Container, folder: Path) -> None:
    """Write all that a container has written into a folder, under its name, if that can be done."""
    with suppress(DockerException, OSError):  # no log is worth a container left behind
        (folder / f"{container.name}.log").write_bytes(container.logs())


def list_workers(container: Container) -> set[str]:
    """Return the pids of gunicorn's workers: the processes whose parent is one of the container."""
    top = container.top()
    pid, parent = top["Titles"].index("PID"), top["Titles"].index("PPID")
    pids = {row[pid] for row in top["Processes"]}
    return {row[pid] for row in top["Processes"] if row[parent] in pids}


def recycle_workers(container: Container) -> None:
    """HUP a gunicorn, and wait until none of its old workers is left."""
    before = list_workers(container)
    container.kill("HUP")
    wait_until(
        lambda: not before & list_workers(container),
        READY_SECONDS,
        f"{container.name} still has its old workers",
        lambda: logs_of(container),
        LOOK_SECONDS,
    )


VISITORS, PAGES = "visitors", "pages"
"""Networks of docker-compose.yml: where ports are published, and where replicas are asked."""
CLONE = "skewproof.clone"
"""The label of a clone; its value is a release, or empty."""


@dataclass(frozen=True, kw_only=True)
class Clone:
    """In what a clone differs from the container of a service.

    Attributes:
        command: what it runs; empty for the service's own command.
        environment: all of it; None for the service's own.
        binds: folders and files of this machine, and where they are mounted.
        ports: ports of the container, and where they are published on 127.0.0.1.
        aliases: names by which the other containers reach it.
        user: who it runs as; empty for the user of the image.
        release: what `Project.clones` finds it by.
    """

    command: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    binds: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)
    aliases: Sequence[str] = ()
    user: str = ""
    release: str = ""


def clone(project: Project, service: str, name: str, changes: Clone) -> Container:
    """Return a container like the service's, with its hardening, that goes with the project.

    It is in the service's networks; with a port of its own also in the one that leads out.
    """
    model = project.container(service).attrs
    config, host = model["Config"], dict(model["HostConfig"])
    binds = [f"{path}:{there}" for path, there in changes.binds.items()]
    host["Binds"] = [*(host["Binds"] or ()), *binds]
    published = {
        f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(free)}]
        for port, free in changes.ports.items()
    }
    host["PortBindings"] = {**(host["PortBindings"] or {}), **published}
    variables = changes.environment or environment_of(config)
    created = project.client.api.create_container_from_config(  # type: ignore[no-untyped-call]
        {
            "Image": model["Image"],
            "Cmd": [*changes.command] or config["Cmd"],
            "Env": [f"{key}={value}" for key, value in variables.items()],
            "User": changes.user or config["User"],
            # An image that Compose has built names a service as well.
            "Labels": {
                f"{LABEL}.project": project.name,
                f"{LABEL}.service": "",
                CLONE: changes.release,
            },
            "Healthcheck": {"Test": ["NONE"]},
            "ExposedPorts": {port: {} for port in host["PortBindings"]},
            "HostConfig": host,
            "NetworkingConfig": {
                "EndpointsConfig": {host["NetworkMode"]: {"Aliases": [*changes.aliases]}}
            },
        },
        f"{project.name}-{name}",
    )
    networks = {*model["NetworkSettings"]["Networks"]}
    if changes.ports:
        networks.add(project.network(VISITORS))
    # Only newer engines create a container in several.
    for network in networks - {host["NetworkMode"]}:
        project.client.networks.get(network).connect(created["Id"], aliases=[*changes.aliases])
    return project.client.containers.get(created["Id"])


def clones(project: Project, release: str | None = None) -> list[Container]:
    """Return all clones, or the running ones of a release, oldest first."""
    label = CLONE if release is None else f"{CLONE}={release}"
    found = project.client.containers.list(
        all=release is None, filters={"label": [project.label, label]}, ignore_removed=True
    )
    return sorted(found, key=lambda each: str(each.attrs["State"]["StartedAt"]))


def service_environment(project: Project, service: str) -> dict[str, str]:
    """Return the environment of a service's processes."""
    return environment_of(project.container(service).attrs["Config"])


def environment_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment in the configuration of a container."""
    pairs = (pair.partition("=") for pair in config["Env"])
    return {key: value for key, _, value in pairs}


def require_compose() -> None:
    """See that there is a `docker compose`.

    Raises:
        UnavailableError: there is no `docker`, or it has no Compose plugin.
    """
    if not shutil.which("docker"):
        raise UnavailableError(f"there is no docker on PATH: {REMEDY}")
    done = subprocess.run(
        [*DOCKER_COMPOSE, "version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = last_lines(done.stderr or done.stdout, 1)
        raise UnavailableError(f'"docker compose" does not work: {REMEDY} ({why})')


def compose(
    jobs: Processes,
    project: str,
    *arguments: str,
    files: Sequence[Path] = (COMPOSE_FILE,),
    **variables: str,
) -> None:
    """Run `docker compose` on the checkout's file, and keep what it writes in logs/compose.log.

    Raises:
        UnavailableError: it failed; with the last lines that it wrote.
    """
    named = [part for file in files for part in ("-f", str(file))]
    command = [*DOCKER_COMPOSE, "--progress", "plain", *named, "-p", project]
    name = f"compose-{os.getpid()}"
    done = jobs.run(name, [*command, *arguments], {**os.environ, **variables}, jobs.folder)
    log = jobs.log_folder / "compose.log"
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        tail = last_lines(done.stdout + done.stderr, LINES)
        raise UnavailableError(
            f"docker compose {arguments[0]} failed; {log} has all of it, its last lines:\n{tail}"
        )
