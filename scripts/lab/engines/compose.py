"""The compose engine: the containers of docker-compose.yml, unedited."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

import docker
import requests
from docker.errors import DockerException, ImageNotFound

from lab.checkout import ROOT
from lab.engines.composestack import PROJECT_PREFIX, ComposeStack
from lab.engines.processes import require_free
from lab.errors import UnavailableError
from lab.stack import Plan, Say


def connect() -> docker.DockerClient:
    """Reach the Docker Engine that the environment names.

    Raises:
        UnavailableError: nothing answers there.
    """
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except (DockerException, requests.RequestException) as error:
        where = os.environ.get("DOCKER_HOST", "its default socket")
        raise UnavailableError(
            f"Docker does not answer at {where}: start it, or choose --engine embedded ({error})"
        ) from error
    return client


def compose(project: str, *arguments: str, **variables: str) -> None:
    """Run `docker compose` on the checkout's file.

    Raises:
        UnavailableError: it failed; with the last lines that it wrote.
    """
    done = subprocess.run(
        ["docker", "compose", "--progress", "plain", "-p", project, *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise UnavailableError(f"docker compose {arguments[0]} failed; its last lines:\n{tail}")


class ComposeEngine:
    """Builds images, creates a project's containers; the SDK does the rest."""

    name = "compose"

    def __init__(self) -> None:
        self.client = connect()

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Build the releases' images and those of store, set-up and gateway."""
        say(f"building {', '.join(releases)}, store and gateway; the first time takes minutes")
        services = [f"publish-{release}" for release in releases]
        compose(PROJECT_PREFIX, "build", "minio", "setup", "gateway", *services)

    def built(self, release: str) -> bool:
        """Whether the release's image is there."""
        try:
            self.client.images.get(f"skewproof-app:{release}-django{os.environ.get('DJANGO') or 5.2}")
        except ImageNotFound:
            return False
        return True

    def up(self, plan: Plan, say: Say) -> ComposeStack:
        """Create every container of the project, start those of the plan; undo it on an error."""
        require_free(plan.port)
        stack = ComposeStack(self.client, plan.name, plan.strategy, plan.port)
        try:
            stack.save()
            compose(
                stack.project,
                "create",
                "--no-build",
                "--pull=never",
                *(f"--scale=web-{release}={plan.replicas}" for release in plan.weights),
                GATEWAY_PORT=str(plan.port),
                STATICFILES_STRATEGY=plan.strategy,
            )
            stack.start(plan, say)
        except BaseException:
            stack.down()
            raise
        return stack

    def attach(self, name: str) -> ComposeStack | None:
        """The stack that `up` wrote down."""
        return ComposeStack.load(self.client, name)
