"""The compose engine: builds images, and creates a project for each stack."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import docker
from docker.errors import DockerException, ImageNotFound

from lab.checkout import build_folder, releases
from lab.errors import LabError, UnavailableError, describe_error
from lab.stacks.build import image_of
from lab.stacks.compose import PROJECT_PREFIX, ComposeMachine, project_of
from lab.stacks.composeproject import Project, answered, compose, require_compose
from lab.stacks.model import Plan, Say
from lab.stacks.processes import Processes
from lab.stacks.stack import MachineEngine
from lab.stacks.state import State

DEFAULT_HOST = "unix:///var/run/docker.sock"
SERVERS = ("minio", "setup", "gateway")
"""The services with an image of their own, beside the releases."""


def connect() -> docker.DockerClient:
    """Reach the Docker Engine that the environment names.

    Raises:
        UnavailableError: nothing answers there.
    """
    where = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    try:
        knock(where)
        client = docker.from_env(timeout=120)
        client.ping()
    except (OSError, DockerException) as error:  # what requests raises is an OSError
        raise UnavailableError(
            f"Docker does not answer at {where}: start it, or choose --engine embedded "
            f"({describe_error(error)})"
        ) from error
    return client


def knock(host: str) -> None:
    """See that somebody listens at a Unix socket: the SDK leaves its own open when nobody does."""
    scheme, _, path = host.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(path)


class ComposeEngine(MachineEngine):
    """Builds images, creates a project's containers; the SDK does the rest."""

    name = "compose"

    def __init__(self) -> None:
        self.client = connect()

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Build the releases' images and those of store, set-up and gateway."""
        require_compose()
        say(f"building {', '.join(releases)}, store and gateway; the first time takes minutes")
        services = [f"publish-{release}" for release in releases]
        compose(Processes(build_folder()), PROJECT_PREFIX, "build", *SERVERS, *services)

    def is_built(self, release: str) -> bool:
        """Return whether the release's image is there."""
        return self.has_image(image_of(release))

    @answered
    def has_image(self, image: str) -> bool:
        """Return whether an image is there."""
        try:
            self.client.images.get(image)
        except ImageNotFound:
            return False
        return True

    def require_images(self) -> None:
        """See that there is an image for every container of docker-compose.yml.

        Raises:
            LabError: there is not.
        """
        images = [f"skewproof-{server}" for server in SERVERS]
        images += [image_of(release) for release in releases()]
        if missing := [image for image in images if not self.has_image(image)]:
            raise LabError(
                f'there is no image {", ".join(missing)}: run "lab build --engine compose"'
            )

    @answered
    def require_new(self, name: str) -> None:
        """Refuse the name of a stack of another checkout: Docker is one for all of them.

        Raises:
            LabError: there is such a project, of which this checkout knows nothing.
        """
        project = Project(self.client, project_of(name))
        if next(project.parts(), None):
            where = f" of {there}" if (there := project.checkout()) else ""
            raise LabError(
                f"Docker has a project {project.name}{where}: choose another --name, "
                f'or remove it with "docker compose -p {project.name} down --volumes"'
            )

    def claim(self, plan: Plan) -> ComposeMachine:
        """Claim the name of a new stack, for which every image has to be there."""
        require_compose()
        self.require_images()
        self.require_new(plan.name)
        state = State(name=plan.name, engine=self.name, strategy=plan.strategy, port=plan.port)
        state.claim()
        return ComposeMachine(self.client, state, plan.replicas)

    def find(self, state: State) -> ComposeMachine:
        """Return what runs a stack that has been claimed."""
        return ComposeMachine(self.client, state)
