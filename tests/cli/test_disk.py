"""A disk that takes nothing more: .lab on a file system of a few kilobytes."""

from __future__ import annotations

import os
import sys

from tests.cli.checkouts import Checkout, Done
from tests.machine import MOUNT_NAMESPACE

FULL = f"full-{os.getpid()}"
LAB = f"{sys.executable} -m lab.cli"


def lab_on_small_disk(checkout: Checkout, size: str, before: str, *arguments: object) -> Done:
    """Run a command of the lab where .lab is a disk of its own, after a shell has prepared that."""
    script = f'mkdir -p .lab && mount -t tmpfs -o size={size} none .lab && ({before}); exec "$@"'
    return checkout.lab(*arguments, prefix=[*MOUNT_NAMESPACE, "sh", "-c", script, "sh"])


def test_a_disk_that_is_full_before_a_stack_starts(
    bare: Checkout, engine: str, checkout: Checkout, port: int
) -> None:
    before = f"cp -r {checkout.work}/build .lab" if engine == "embedded" else "true"
    fill = f"{before} && cat /dev/zero >.lab/filler 2>/dev/null"
    up = ("up", "--engine", engine, "--port", port, "--name", FULL)
    done = lab_on_small_disk(bare, "6m", fill, *up)
    assert (done.code, done.out) == (69, "")
    (line,) = done.complaints
    assert line.startswith("lab: cannot write: No space left on device; make room in ")
    assert not bare.left()


def test_a_disk_that_is_full_during_a_build(bare: Checkout) -> None:
    done = lab_on_small_disk(bare, "600k", "true", "build", "--engine", "embedded")
    assert (done.code, done.out) == (69, "")
    (line,) = done.complaints
    assert line.startswith("lab: v1 does not build: ")
    assert "No space left on device" in line


def test_a_disk_that_is_full_when_the_store_writes(bare: Checkout, port: int) -> None:
    build = f"{LAB} build --engine embedded 2>/dev/null"
    up = ("up", "--engine", "embedded", "--port", port, "--name", FULL)
    done = lab_on_small_disk(bare, "6m", build, *up)
    assert (done.code, done.out) == (69, "")
    first, *log = done.complaints
    assert first.startswith("lab: ")
    assert len(log) <= 20
    assert not bare.left()
