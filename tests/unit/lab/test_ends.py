"""Waiting for the end of processes, some of which nobody has buried yet."""

from __future__ import annotations

import subprocess

import psutil

from lab.deadline import wait_until
from lab.stacks.processes import is_alive, wait_for_end


def test_a_zombie_has_ended() -> None:
    with subprocess.Popen(["/bin/true"]) as child:
        process = psutil.Process(child.pid)
        wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE, 10, "it lives", str)
        assert not is_alive(process)
        assert wait_for_end([process], 0) == []


def test_what_does_not_end_in_time_is_told_apart() -> None:
    with (
        subprocess.Popen(["/bin/sleep", "60"]) as lasting,
        subprocess.Popen(["/bin/true"]) as brief,
    ):
        family = [psutil.Process(lasting.pid), psutil.Process(brief.pid)]
        assert wait_for_end(family, 0.5) == family[:1]
        lasting.kill()
        assert wait_for_end(family, 10) == []
    assert wait_for_end(family, 0) == []
