"""The containers of one Compose project, as Docker itself shows them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import docker
from docker.models.containers import Container


@functools.cache
def client() -> docker.DockerClient:
    """The Docker Engine that the environment names."""
    return docker.from_env(timeout=120)


@dataclass(frozen=True)
class Project:
    """One project, by the name that `docker compose -p` is given."""

    name: str

    @property
    def label(self) -> dict[str, str]:
        """What everything of the project has, as a filter."""
        return {"label": f"com.docker.compose.project={self.name}"}

    def containers(self, service: str | None = None) -> list[Container]:
        """All of its containers, or those of one service, running or not."""
        found = client().containers.list(all=True, filters=self.label)
        return [each for each in found if service in (None, service_of(each))]

    def container(self, service: str) -> Container:
        """The first container of a service."""
        return self.containers(service)[0]

    def run_beside(self, service: str, command: list[str], **changes: Any) -> str:
        """Run a command in a service's image, on its first network and with its variables."""
        container = self.container(service)
        options = {
            "environment": container.attrs["Config"]["Env"],
            "network": container.attrs["HostConfig"]["NetworkMode"],
            "remove": True,
            **changes,
        }
        output: Any = client().containers.run(container.image.id, command, **options)
        return str(output.decode().strip())

    def run_inside(self, service: str, command: list[str], **options: Any) -> tuple[int, str]:
        """Run a command within a running container; returns its exit code and what it wrote."""
        code, output = self.container(service).exec_run(command, **options)
        return int(code), output.decode().strip()


def service_of(container: Container) -> str:
    """The service that a container belongs to."""
    return str(container.labels["com.docker.compose.service"])
