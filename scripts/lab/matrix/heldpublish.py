"""A publish that is held at a gate, and then goes on or is killed."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import ExitStack

from lab.deadline import POLL_SECONDS
from lab.errors import LabError
from lab.matrix.cellstack import CellStack
from lab.matrix.gate import Gate
from lab.matrix.hold import Hold
from lab.stack import Publish


class HeldPublish:
    """Runs a publish job until it is held or has ended."""

    def __init__(self, stack: CellStack, release: str, gate: Gate) -> None:
        self.stack, self.release = stack, release
        self.done: Publish | None = None
        self.failed: LabError | None = None
        self.hold = Hold(stack.hold_folder)
        shutil.rmtree(self.hold.folder, ignore_errors=True)
        self.hold.write(gate)
        self.resources = ExitStack()
        changes = self.resources.enter_context(stack.held_by(self.hold))
        self.thread = threading.Thread(target=self.run, args=(changes,), daemon=True)
        self.thread.start()
        while self.thread.is_alive() and not self.hold.is_held():
            time.sleep(POLL_SECONDS)
        self.was_held = self.thread.is_alive()

    def run(self, changes: dict[str, str]) -> None:
        """The job, to its end."""
        try:
            self.done = self.stack.publish_in(self.release, changes)
        except LabError as error:
            self.failed = error

    def end(self, *, killed: bool) -> Publish | None:
        """Let it go on to its end, or kill it where it is; returns how it ended."""
        if killed:
            self.stack.machine.kill_publish(self.release)
        self.hold.let_go(dropped=killed)
        self.thread.join()
        self.resources.close()
        if self.failed and not killed:
            raise self.failed
        return self.done
