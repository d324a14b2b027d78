"""A copy of the checkout, so that no test meets the stacks of whoever runs it; and its lab."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.machine import lacks

from lab.checkout import ROOT
from lab.deadline import wait_until
from lab.stacks.kubernetesapi import path_of, reach_cluster
from lab.stacks.kubernetesnamespace import LABEL
from lab.stacks.processes import is_alive

PARTS = ("app", "deploy", "minio", "nginx", "scripts", "docker-compose.yml")
SECONDS = 300.0
"""For a command to come to its end, or to the step that is waited for; a loaded machine is slow."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """The lines of stderr that are no progress."""
        return [line for line in self.err.splitlines() if line and not line.startswith("»")]

    def to_json(self) -> Any:
        """All of stdout as one document."""
        return json.loads(self.out)


class Running:
    """A command that runs, as one of a shell's jobs does: in a process group of its own."""

    def __init__(self, command: Sequence[str], cwd: Path, env: dict[str, str]) -> None:
        number = len([*cwd.glob("command-*")])
        self.files = [cwd / f"command-{number}.{kind}" for kind in ("out", "err")]
        with self.files[0].open("w") as out, self.files[1].open("w") as err:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
                # Whoever runs the tests in the background of a script hands down a deaf ear.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return self.files[1].read_text()

    def wait_for(self, line: str) -> None:
        """Wait until the command says that it does this."""

        def said() -> bool:
            assert self.process.poll() is None, f"ended before {line!r}: {self.err}"
            return line in self.err

        wait_until(said, SECONDS, f"no {line!r}", lambda: self.err)

    def interrupt(self) -> None:
        """Ctrl-C: a terminal sends it to every process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def terminate(self) -> None:
        """As `kill` does."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """As nothing can prevent."""
        self.process.kill()

    def end(self) -> Done:
        """Wait until it has ended."""
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            raise
        return Done(code, *(file.read_text() for file in self.files))


class Checkout:
    """A clone, and what a person does in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source, target = ROOT / part, folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        self.work = folder / ".lab"
        self.built: list[str] = []

    def build(self, engine: str, *more: str) -> str:
        """Build both releases, once; returns the engine."""
        if engine not in self.built:
            done = self.lab("build", "--engine", engine, *more)
            assert done.code == 0, done.err
            self.built.append(engine)
        return engine

    def lab(self, *arguments: object, prefix: Sequence[str] = (), **env: str) -> Done:
        """Run a command of the lab to its end."""
        return self.start(*arguments, prefix=prefix, **env).end()

    def start(self, *arguments: object, prefix: Sequence[str] = (), **env: str) -> Running:
        """Begin a command of the lab."""
        command = [*prefix, sys.executable, "-m", "lab.cli", *map(str, arguments)]
        paths = {"PYTHONPATH": str(self.folder / "scripts"), "PYTHONDONTWRITEBYTECODE": "1"}
        return Running(command, self.folder, {**os.environ, **paths, **env})

    def stacks(self) -> list[str]:
        """The names of those that are up."""
        return sorted(path.parent.name for path in self.work.glob("*/stack.json"))

    def histories(self, action: str) -> list[Path]:
        """What was written about runs of that kind, in the order in which they began."""
        return sorted(self.work.glob(f"*/*-{action}*.jsonl"), key=lambda path: path.name)

    def processes(self) -> list[str]:
        """The command lines of everything that runs here."""
        return [text for process in psutil.process_iter() if (text := self._runs_here(process))]

    def _runs_here(self, process: psutil.Process) -> str | None:
        try:
            command, folder = " ".join(process.cmdline()), process.cwd()
        except psutil.Error:
            return None
        here = str(self.folder)
        return command if is_alive(process) and (here in command or here in folder) else None

    def containers(self) -> list[str]:
        """Containers, volumes, networks, services of every stack that there ever was here."""
        if not shutil.which("docker"):
            return []
        found: list[str] = []
        for folder in self.work.glob("*/logs"):
            label = f"label=com.docker.compose.project=skewproof-{folder.parent.name}"
            for kind in (["ps", "--all"], ["volume", "ls"], ["network", "ls"], ["service", "ls"]):
                command = ["docker", *kind, "--quiet", "--filter", label]
                listed = subprocess.run(command, capture_output=True, text=True, check=False)
                found += listed.stdout.split()
        return found

    def namespaces(self) -> list[str]:
        """Namespaces of every stack that there ever was here, if there is a cluster."""
        if lacks("kubernetes"):
            return []
        path = path_of("v1", "Namespace")
        found = reach_cluster().items(path, labelSelector=LABEL)
        names = {folder.parent.name for folder in self.work.glob("*/logs")}
        return [
            each["metadata"]["name"] for each in found if each["metadata"]["labels"][LABEL] in names
        ]

    def left(self) -> list[str]:
        """Whatever runs here, or waits for a stack to come back."""
        return [*self.stacks(), *self.processes(), *self.containers(), *self.namespaces()]

    def wait_until_nothing_is_left(self) -> None:
        """Give a watchdog the time to do its work."""
        wait_until(lambda: not self.left(), SECONDS, "still there", lambda: "\n".join(self.left()))
