"""The embedded engine: docker-compose.yml's topology as processes of this machine, from wheels alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from lab.checkout import APP
from lab.engines.embeddedstack import BUILD, EmbeddedStack, run_manage
from lab.engines.processes import require_free
from lab.errors import UnavailableError
from lab.stack import Plan, Say

PARTS = ("manage.py", "gunicorn.conf.py", "skewproof", "shop")
"""What app/Dockerfile copies beside the release itself."""


class EmbeddedEngine:
    """Builds into .lab/build, runs under .lab/<stack>."""

    name = "embedded"

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Copy each release and do to the copy what app/Dockerfile does in its image."""
        for release in releases:
            say(f"building {release}")
            beside = BUILD / f".{release}.{os.getpid()}"
            try:
                for part in (*PARTS, f"releases/{release}"):
                    copy(APP / part, beside / part)
                finish_build(release, beside)
                shutil.rmtree(BUILD / release, ignore_errors=True)
                beside.rename(BUILD / release)
            except OSError as error:
                raise UnavailableError(f"{release} does not build: {error}") from error
            finally:
                shutil.rmtree(beside, ignore_errors=True)

    def built(self, release: str) -> bool:
        """Whether `lab build` has made the release."""
        return (BUILD / release / "record.json").exists()

    def up(self, plan: Plan, say: Say) -> EmbeddedStack:
        """Start the stack; what had been started is stopped when something fails."""
        require_free(plan.port)
        stack = EmbeddedStack(plan.name, plan.strategy, plan.port)
        try:
            stack.start(plan, say)
        except BaseException:
            stack.down()
            raise
        return stack

    def attach(self, name: str) -> EmbeddedStack | None:
        """The stack that `up` wrote down."""
        return EmbeddedStack.load(name)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, without what Python left behind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def finish_build(release: str, folder: Path) -> None:
    """Write the release's id down, make its record and the admin's database."""
    (folder / "RELEASE").write_text(f"{release}\n")
    for command in (("record", "record.json"), ("migrate", "--verbosity", "0")):
        done = run_manage(folder, {"DEBUG": "true"}, *command)
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise UnavailableError(f"{release} does not build: manage.py {command[0]}:\n{tail}")
