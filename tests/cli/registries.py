"""A registry for images, on this machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from tests.machine import require_registry

from lab.deadline import wait_until
from lab.stacks.ports import free_port

SECONDS = 30.0


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run a registry whose images are in that folder; yield its host and port."""
    host = f"127.0.0.1:{free_port()}"
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": host},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # which is YAML as well
    command = [require_registry(), "serve", folder / "config.yml"]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            wait_until(lambda: answers(host), SECONDS, "no registry", (folder / "log").read_text)
            yield host
        finally:
            process.terminate()
            take_away(f"{host}/*/*")


def answers(host: str) -> bool:
    """Whether there is a registry."""
    try:
        return requests.get(f"http://{host}/v2/", timeout=SECONDS).ok
    except requests.ConnectionError:
        return False


def take_away(reference: str) -> None:
    """Take the names of images away from the Docker Engine, which keeps the images."""
    docker = ["docker", "image"]
    listing = [*docker, "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter"]
    done = subprocess.run(
        [*listing, f"reference={reference}"], capture_output=True, text=True, check=True
    )
    if names := done.stdout.split():
        subprocess.run([*docker, "rm", *names], capture_output=True, check=True)
