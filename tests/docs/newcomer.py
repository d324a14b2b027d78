"""A newcomer: makes a Django project, and does to it what the README says."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.docs.project import ROOT

from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.docs.markdown import Document, Fence

DEADLINE = 60.0
# What every project has in production, and a new one lacks.
PRODUCTION = '\nDEBUG = False\nALLOWED_HOSTS = ["127.0.0.1"]\n'


@dataclass(frozen=True)
class Answer:
    """What a request got."""

    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Newcomer:
    """A project in a folder of its own, and the environment that its programs get."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start_project(self) -> None:
        """Run `django-admin startproject`, and get it ready for production."""
        self.folder.mkdir(parents=True)
        self.run(sys.executable, "-m", "django", "startproject", "mysite", ".")
        self.append("mysite/settings.py", PRODUCTION)

    def install(self, command: str, packages: Path) -> None:
        """Run the README's pip command on a clone, without the network: what it needs is here."""
        program, verb, *rest = command.split()
        assert (program, verb, rest[0].strip('"')) == ("pip", "install", "./skewproof[s3]")
        offline = [
            "--quiet",
            "--no-index",
            "--no-deps",
            "--no-build-isolation",
            "--target",
            str(packages),
        ]
        self.run(sys.executable, "-m", "pip", "install", *offline, str(ROOT))
        self.environment["PYTHONPATH"] = str(packages)

    def append(self, file: str, text: str) -> None:
        """Write at the end of a file."""
        with (self.folder / file).open("a") as open_file:
            open_file.write(f"\n{text}")

    def follow(self, section: Document, file: str, here: str = "") -> None:
        """Append the block of code that is for the file, by its first line; here it may differ."""
        block = next(each for each in section.fences if first_line(each) == f"# {file}")
        self.append(f"mysite/{here or file.partition(',')[0]}", block.content)

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the project's folder; it has to end well."""
        done = self.try_to_run(*command, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def try_to_run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the project's folder."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ(**more),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def type(self, line: str, **more: str) -> str:
        """Type a command line of the README; return what it prints."""
        done = self.run(*words(line), **more)
        return done.stdout + done.stderr

    def environ(self, **more: str) -> dict[str, str]:
        """What a program of the project is told: nothing of ours but the way to programs."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **self.environment, **more}

    @contextlib.contextmanager
    def serving(self, **more: str) -> Iterator[int]:
        """Serve the project with gunicorn; yields its port."""
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "mysite.wsgi", "--bind", f"127.0.0.1:{port}"]
        log = self.folder / f"gunicorn-{port}.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                command, cwd=self.folder, env=self.environ(**more), stdout=output, stderr=output
            )
        try:
            wait_for(lambda: ask(port, "/livez").status == 200, log)
            yield port
        finally:
            server.terminate()
            server.wait(DEADLINE)


def words(line: str) -> list[str]:
    """Return a command line that begins with python, with this very Python."""
    program, *arguments = line.split()
    assert program == "python"
    return [sys.executable, *arguments]


def first_line(fence: Fence) -> str:
    """Return the line that says which file a block is for."""
    return fence.content.splitlines()[0]


def ask(port: int, path: str) -> Answer:
    """Ask for a path; a server that does not listen answers 0."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read().decode())
    except OSError:
        return Answer(0, {}, "")
    finally:
        connection.close()


def wait_for(condition: Callable[[], bool], log: Path) -> None:
    """Poll until the condition holds; in the end show the log."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
