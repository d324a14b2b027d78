"""Takes a stack down when the lab that made it cannot: it was killed, or interrupted once more.

The lab holds the other end of this process's standard input. It writes BYE when nothing is left to
be done; an end of file without it means that nobody else will do it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

from lab import checkout
from lab.stacks.processes import with_this_lab
from lab.stacks.state import stack_names

BYE = b"bye"
LOG = "watchdog.log"


class Watchdog:
    """A second process, in a session of its own, that outlives the lab by one clean-up."""

    def __init__(self, engine: str, stack: str) -> None:
        self.stack = stack
        self.command = [sys.executable, "-m", "lab.stacks.watchdog", engine, stack]

    def __enter__(self) -> Self:
        logs = checkout.stack_folder(self.stack) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / LOG).open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=with_this_lab(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        return self

    def dismiss(self) -> None:
        """Send it home: the stack is to stay up, or nothing of it is left."""
        self.leave(BYE)

    def leave(self, word: bytes = b"") -> None:
        """Say the last word, and wait until the watchdog has done what follows from it."""
        stdin = self.process.stdin
        with suppress(BrokenPipeError):
            if stdin and not stdin.closed:
                stdin.write(word)
                stdin.close()
        self.process.wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until nothing of the stack is left; a Ctrl-C ends the wait, and not the watchdog."""
        if self.stack in stack_names():
            self.leave()
        else:
            self.dismiss()


def main(engine: str, stack: str) -> None:
    """Wait for the lab's end."""
    if sys.stdin.buffer.read() == BYE:
        return
    from lab.stacks.engines import (
        reach,  # only now: a watchdog that is not needed costs next to nothing
    )

    if left := reach(engine).attach(stack):
        left.down()


if __name__ == "__main__":
    main(*sys.argv[1:])
