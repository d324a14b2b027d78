"""`docker compose` itself: for build and create, and for nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess

from lab.checkout import ROOT
from lab.errors import UnavailableError
from lab.stacks.processes import Processes, last_lines

DOCKER_COMPOSE = ("docker", "compose")
FILE = ROOT / "docker-compose.yml"
LINES = 15
REMEDY = "install the Compose plugin of Docker, or choose --engine embedded"


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


def compose(jobs: Processes, project: str, *arguments: str, **variables: str) -> None:
    """Run `docker compose` on the checkout's file, and keep what it writes in logs/compose.log.

    Raises:
        UnavailableError: it failed; with the last lines that it wrote.
    """
    command = [*DOCKER_COMPOSE, "--progress", "plain", "-f", str(FILE), "-p", project]
    name = f"compose-{os.getpid()}"
    done = jobs.run(name, [*command, *arguments], {**os.environ, **variables}, jobs.folder)
    log = jobs.log_folder / "compose.log"
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        tail = last_lines(done.stdout + done.stderr, LINES)
        raise UnavailableError(
            f"docker compose {arguments[0]} failed; {log} has all of it, its last lines:\n{tail}"
        )
