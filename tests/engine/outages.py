"""A store that dies, and a publish in whose middle that happens, on either engine."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.engine.stacks import is_embedded, processes_of, project_of

from lab.deadline import wait_until
from lab.matrix.breakpoint import Breakpoint, Pause
from lab.stacks.machine import SHARED
from lab.stacks.model import Publish
from lab.stacks.objectstore import BUCKET
from lab.stacks.stack import Stack

SECONDS = 120.0


def kill_store(stack: Stack) -> None:
    """Kill the store by SIGKILL, as a crash does: nothing is written any more, nothing is said."""
    if not is_embedded(stack):
        project_of(stack).container("minio").kill()
        return
    processes = processes_of(stack)
    processes.send("store", signal.SIGKILL)
    wait_until(lambda: processes.find("store") is None, 20, "it lives", str)


def publish_until(stack: Stack, release: str, writes: int, then: Callable[[], None]) -> Publish:
    """Publish; do `then` while what comes after so many writes is held, and lose all of that."""
    pause = Pause(stack.folder / SHARED / "pause")
    pause.write(Breakpoint(at="half-way", after=writes))
    proxy = ("lab.matrix.storeproxy", BUCKET, str(pause.folder))
    with stack.machine.beside_store(*proxy) as url, ThreadPoolExecutor() as pool:
        environment = {**stack.machine.settings("PUBLISHER"), "S3_ENDPOINT_URL": url}
        job = pool.submit(stack.machine.collect, release, environment)
        try:
            wait_until(pause.is_paused, SECONDS, "the publish is not held", str)
            then()
        finally:
            pause.resume(dropped=True)
        done = job.result(SECONDS)
    shutil.rmtree(pause.folder)
    return done
