"""Processes of servers: a free port, a start, a wait that has an end, and a certain end."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

START_TIMEOUT = 30.0  # seconds; both kinds take about one
POLL = 0.05
ATTEMPTS = 3  # a port that was free may be taken a moment later
DATA = "data"  # inside the folder of the server


class ServerError(Exception):
    """A server did not start, or did not do what it was told in time."""


@dataclass(frozen=True)
class Program:
    """A server's command, where it will answer, and files that it leaves behind elsewhere."""

    command: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]
    endpoint: str
    health: str
    litter: tuple[Path, ...] = ()
    healthy: int = 200  # what a server that has no health page answers there


class Launched:
    """A program that runs until it is killed, and may be started again."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process = self._run()

    def start_afresh(self) -> None:
        """Kill it and start it again on its ports, without its data; wait until it is healthy."""
        self.kill()
        shutil.rmtree(self.program.folder / DATA)
        self.process = self._run()
        self.wait_until_healthy()

    def kill(self) -> None:
        """End the process with its group at once: nobody needs its data any more."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for path in self.program.litter:
            path.unlink(missing_ok=True)

    def wait_until_healthy(self) -> None:
        """Poll the health page; a process that ends, or time that runs out, shows the log."""
        name, log = Path(self.program.command[0]).name, self.program.folder / "log"
        deadline = time.monotonic() + START_TIMEOUT
        while not self._is_healthy():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(POLL)
                raise ServerError(f"{name} ended with {code}\n{_end_of(log)}")
            if time.monotonic() > deadline:
                raise ServerError(f"{name} is not ready in {START_TIMEOUT:g} s\n{_end_of(log)}")

    def _is_healthy(self) -> bool:
        host, _, path = self.program.health.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host, timeout=2)
        try:
            connection.request("GET", f"/{path}")
            return connection.getresponse().status == self.program.healthy
        except OSError:
            return False
        finally:
            connection.close()

    def _run(self) -> subprocess.Popen[bytes]:
        folder = self.program.folder
        (folder / DATA).mkdir(parents=True, exist_ok=True)
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(
                self.program.command,
                cwd=folder,
                env={"PATH": os.environ["PATH"], "HOME": str(folder), **self.program.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, to be killed as a whole
            )


def launch(program: Callable[[], Program]) -> Launched:
    """Start a program and wait until it is healthy; it is described anew for each attempt."""
    for attempt in range(1, ATTEMPTS + 1):
        launched = Launched(program())
        try:
            launched.wait_until_healthy()
        except BaseException as error:
            launched.kill()
            if not isinstance(error, ServerError) or attempt == ATTEMPTS:
                raise
        else:
            return launched
    raise AssertionError("the last attempt returns or raises")


def run_script(script: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with this environment and nothing of ours, as a container would."""
    return subprocess.run(
        [sys.executable, str(script)],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
