"""Clones: containers like those of a Compose project, which Compose itself has not made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docker.models.containers import Container

from lab.engines.composeproject import LABEL, Project

CLONE = "skewproof.clone"
"""The label of a clone; its value is a release, or empty."""


@dataclass(frozen=True)
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
    """A container like the service's, with its hardening, that goes with the project."""
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
                "EndpointsConfig": {f"{project.name}_default": {"Aliases": [*changes.aliases]}}
            },
        },
        f"{project.name}-{name}",
    )
    return project.client.containers.get(created["Id"])


def clones(project: Project, release: str | None = None) -> list[Container]:
    """All clones, or the running ones of a release, oldest first."""
    label = CLONE if release is None else f"{CLONE}={release}"
    found = project.client.containers.list(
        all=release is None, filters={"label": [project.label, label]}, ignore_removed=True
    )
    return sorted(found, key=lambda each: str(each.attrs["State"]["StartedAt"]))


def service_environment(project: Project, service: str) -> dict[str, str]:
    """The environment of a service's processes."""
    return environment_of(project.container(service).attrs["Config"])


def environment_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The environment in the configuration of a container."""
    pairs = (pair.partition("=") for pair in config["Env"])
    return {key: value for key, _, value in pairs}
