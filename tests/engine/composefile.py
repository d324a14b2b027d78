"""docker-compose.yml as users run it: by `docker compose` alone, with their own port and name."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from tests.engine.projects import Project, client, service_of

from lab.checkout import ROOT
from lab.history import Header, History, Run, read_history
from lab.probe import Probe, Site

SECONDS = 300.0
OURS = ("GATEWAY_PORT", "PUBLIC_HOST", "STATICFILES_STRATEGY", "DJANGO", "COMPOSE_PROFILES")
"""Variables of the file that a test sets by itself, or leaves at their defaults."""


@dataclass(frozen=True)
class Snapshot:
    """What a command left behind: the containers that serve, and what is in the bucket."""

    containers: Mapping[str, tuple[str, str]]
    """By name: the id, and when it was started."""
    inventory: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ComposeFile:
    """One project of the file."""

    project: Project
    port: int
    folder: Path

    def run(self, *arguments: str, **variables: str) -> str:
        """Run `docker compose` as a user does; what it wrote."""
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        done = subprocess.run(
            ["docker", "compose", "-p", self.project.name, *arguments],  # noqa: S607 - as users do
            cwd=ROOT,
            env={**environment, "GATEWAY_PORT": str(self.port), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        shown = f"docker compose {' '.join(arguments)}"
        assert done.returncode == 0, f"{shown} exits with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def up(self, **variables: str) -> Snapshot:
        """Start everything, and wait until it is healthy."""
        self.run("up", "-d", "--wait", **variables)
        return Snapshot(self.serving(), self.inventory())

    def serving(self) -> dict[str, tuple[str, str]]:
        """The containers that go on running."""
        return {
            str(each.name): (str(each.id), str(each.attrs["State"]["StartedAt"]))
            for each in self.project.containers()
            if service_of(each) in ("gateway", "minio", "web-v1", "web-v2")
        }

    def workers(self, release: str) -> set[tuple[str, str]]:
        """Who answers for a release: replicas, and the ids of their workers."""
        url, pin = f"http://127.0.0.1:{self.port}/livez", {"release": release}
        answers = [requests.get(url, cookies=pin, timeout=10) for _ in range(80)]
        return {(answer.headers["X-Replica"], answer.headers["X-Pid"]) for answer in answers}

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Every object of the bucket."""
        command = ["python", "manage.py", "inventory"]
        listed = self.project.run_beside("publish-v1", command, stderr=False)
        found: dict[str, dict[str, Any]] = json.loads(listed)
        return found

    def left(self) -> dict[str, int]:
        """How many things of the project there are."""
        label = self.project.label
        return {
            "containers": len(client().containers.list(all=True, filters=label)),
            "volumes": len(client().volumes.list(filters=label)),
            "networks": len(client().networks.list(filters=label)),
        }

    def crawl(self, moment: str) -> Run:
        """Visit every page of both releases once."""
        path = self.folder / f"{moment.replace(' ', '-')}.jsonl"
        site = Site(
            base=f"http://127.0.0.1:{self.port}/", static=f"http://127.0.0.1:{self.port}/static/"
        )
        with History(path) as history, Probe(site, history) as probe:
            history.begin(
                Header(
                    strategy=None,
                    engine="compose",
                    action="probe",
                    base=site.base,
                    static=site.static,
                    started=moment,
                )
            )
            for release in ("v1", "v2"):
                history.add_release(self.record(release))
                probe.crawl_once(release)
            history.end()
        return read_history(path)

    def record(self, release: str) -> dict[str, Any]:
        """What the release's build wrote down."""
        text = self.project.run_beside(f"publish-{release}", ["cat", "record.json"])
        record: dict[str, Any] = json.loads(text)
        return record
