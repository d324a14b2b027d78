"""A publish that is held at a gate, and then goes on or is killed."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import ExitStack

import psutil

from lab import checkout
from lab.deadline import POLL_SECONDS
from lab.engines.objectstore import BUCKET
from lab.engines.processes import JOBS
from lab.matrix.cellstack import CellStack
from lab.matrix.gate import Gate
from lab.matrix.hold import write_hold
from lab.matrix.storeproxy import StoreProxy
from lab.stack import Publish


class HeldPublish:
    """Runs a publish job until it is held or has ended."""

    def __init__(self, stack: CellStack, release: str, gate: Gate) -> None:
        self.stack, self.release = stack, release
        self.job = f"{JOBS}publish-{release}"
        self.done: Publish | None = None
        self.proxy: StoreProxy | None = None
        self.resources = ExitStack()
        changes = self.in_bucket(gate) if stack.kind.keeps == "bucket" else self.on_disk(gate)
        self.thread = threading.Thread(target=self.run, args=(changes,), daemon=True)
        self.thread.start()
        while self.thread.is_alive() and not self.is_held():
            time.sleep(POLL_SECONDS)
        self.was_held = self.thread.is_alive()

    def in_bucket(self, gate: Gate) -> dict[str, str]:
        """The gate stands in a proxy before the store."""
        store = f"127.0.0.1:{self.stack.store_port}"
        self.proxy = self.resources.enter_context(StoreProxy(store, BUCKET, gate.stops))
        return {"S3_ENDPOINT_URL": self.proxy.url}

    def on_disk(self, gate: Gate) -> dict[str, str]:
        """The gate stands in the process, at its system calls."""
        folder = self.stack.disk / "hold"
        shutil.rmtree(folder, ignore_errors=True)
        write_hold(folder, self.stack.static_root(self.release, "PUBLISHER"), gate)
        return {"PYTHONPATH": os.pathsep.join([str(folder), str(checkout.ROOT / "scripts")])}

    def run(self, changes: dict[str, str]) -> None:
        """The job, to its end."""
        self.done = self.stack.publish_in(self.release, changes)

    def is_held(self) -> bool:
        """Whether the publish waits at the gate."""
        if self.proxy:
            return self.proxy.held.is_set()
        process = self.stack.processes.find(self.job)
        try:
            return process is not None and process.status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    def end(self, *, killed: bool) -> Publish | None:
        """Let it go on to its end, or kill it where it is; returns how it ended."""
        if killed:
            if self.proxy:
                self.proxy.drops = True
            self.stack.processes.send(self.job, signal.SIGKILL)
        self.stack.processes.send(self.job, signal.SIGCONT)
        self.resources.close()
        self.thread.join()
        return self.done
