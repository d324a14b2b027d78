"""What Swarm says of a service and its tasks, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import docker
from docker.models.services import Service
from docker.types import Mount
from docker.utils import parse_bytes

from lab.stacks.orchestrator import Phase, Seen

WEB = "web"
"""What the service's tasks are called, before their slot and their id."""
STARTING = ("new", "pending", "assigned", "accepted", "ready", "preparing", "starting")


def is_manager(client: docker.DockerClient) -> bool:
    """Say whether the Docker Engine is in swarm mode, and may be asked for services."""
    swarm: Mapping[str, Any] = client.info().get("Swarm") or {}
    return swarm.get("LocalNodeState") == "active" and bool(swarm.get("ControlAvailable"))


def list_tasks(service: Service) -> list[dict[str, Any]]:
    """Return all that Swarm knows of the service's tasks, also of some that have ended."""
    found: list[dict[str, Any]] = service.tasks()  # type: ignore[no-untyped-call]
    return found


def container_id(task: Mapping[str, Any]) -> str:
    """Return the id of a task's container; empty where it has none, which Docker knows as none."""
    return str(task["Status"].get("ContainerStatus", {}).get("ContainerID", ""))


def see(task: Mapping[str, Any], images: Mapping[str, str]) -> Seen | None:
    """Return a task as a replica; None for one that has ended.

    Args:
        task: as Swarm tells it.
        images: the release of each image.
    """
    status = task["Status"]
    state, wanted = status["State"], task["DesiredState"]
    if state == "running" or state in STARTING:
        phase = Phase.READY if state == "running" else Phase.STARTING
        if wanted not in ("ready", "running"):
            phase = Phase.LEAVING
        image = task["Spec"]["ContainerSpec"]["Image"]
        return Seen(
            release=images.get(image, image),
            name=f"{WEB}.{task['Slot']}.{task['ID']}",
            phase=phase,
            why=status.get("Err", ""),
        )
    return None


def is_as_wanted(service: Service, seen: Sequence[Seen], images: Mapping[str, str]) -> bool:
    """Say whether all tasks are there, ready, and of the image that the service has."""
    spec = service.attrs["Spec"]
    image = spec["TaskTemplate"]["ContainerSpec"]["Image"]
    release = images.get(image, image)
    ready = [each for each in seen if each.phase is Phase.READY and each.release == release]
    wanted: int = spec["Mode"]["Replicated"]["Replicas"]
    return len(ready) == len(seen) == wanted


def make_tmpfs(path: str, options: str) -> Mount:
    """Return a mount like one of Compose's `tmpfs`, whose only option is its size."""
    size = options.partition("size=")[2].partition(",")[0]
    return Mount(path, None, type="tmpfs", tmpfs_size=int(parse_bytes(size)) if size else None)
