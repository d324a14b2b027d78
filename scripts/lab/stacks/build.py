"""A release as the embedded engine builds it: app/Dockerfile's steps, in .lab/build/<release>."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from lab.checkout import APP, build_folder
from lab.errors import UnavailableError, describe_error
from lab.stacks.processes import Processes, base_environment, last_lines
from lab.stacks.state import locked

PARTS = ("manage.py", "gunicorn.conf.py", "skewproof", "shop")
"""What app/Dockerfile copies beside the release itself."""
CHECKED_OUT = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""The date of a release's sources: later than any publish, as app/Dockerfile explains."""
RECORD = "record.json"
LINES = 15
LOCK = ".lock"
"""Held while a build is copied or exchanged."""


def image_of(release: str) -> str:
    """Return the image that docker-compose.yml names for a release."""
    return f"skewproof-app:{release}-django{os.environ.get('DJANGO') or 5.2}"


def is_built(release: str) -> bool:
    """Return whether the release has been built to its end."""
    return (build_folder() / release / RECORD).exists()


def build_release(release: str) -> None:
    """Build beside, then put it in the place of an older build.

    Raises:
        UnavailableError: it does not build; with the last lines of what said so.
    """
    beside = build_folder() / f".{release}.{os.getpid()}"
    try:
        for part in (*PARTS, f"releases/{release}"):
            copy(APP / part, beside / part)
        finish(release, beside)
        with locked(build_folder() / LOCK):
            shutil.rmtree(build_folder() / release, ignore_errors=True)
            beside.rename(build_folder() / release)
    except OSError as error:
        raise UnavailableError(
            f"{release} does not build: {describe_error(error)}; "
            f"see that {build_folder()} can be written"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def copy_build(release: str, target: Path) -> Path:
    """Give a stack a build of its own, as a container has its image; a later build leaves it alone.

    Returns:
        `target`.

    Raises:
        UnavailableError: the release is not built, or cannot be copied.
    """
    if target.exists():
        return target
    beside = target.with_name(f".{target.name}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with locked(build_folder() / LOCK):
            copy(build_folder() / release, beside)
    except OSError as error:
        raise UnavailableError(
            f"the build of {release} cannot be copied: {describe_error(error)}; "
            f"see that {target.parent} can be written"
        ) from error
    return beside.rename(target)


def manage_command(*arguments: str) -> list[str | Path]:
    """Return the command line of a management command; it runs in the folder of a build."""
    return [sys.executable, "manage.py", *arguments]


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, without what Python left behind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def finish(release: str, folder: Path) -> None:
    """Date the sources, write the release's id down, make its record and the admin's database."""
    for path in (folder / "releases").rglob("*"):
        os.utime(path, (CHECKED_OUT, CHECKED_OUT))
    (folder / "RELEASE").write_text(f"{release}\n")
    jobs = Processes(build_folder())
    environment = {**base_environment(), "DEBUG": "true"}
    for command in (("record", RECORD), ("migrate", "--verbosity", "0")):
        name = f"{command[0]}-{release}-{os.getpid()}"
        done = jobs.run(name, manage_command(*command), environment, folder)
        if done.returncode:
            tail = last_lines(done.stdout + done.stderr, LINES)
            raise UnavailableError(f"{release} does not build: manage.py {command[0]}:\n{tail}")
