"""Takes a stack down when the lab that made it is gone without a word: killed, or crashed.

The lab holds the other end of this process's standard input. It writes BYE when it has cleaned up by
itself; an end of file without it means that nobody else will.
"""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType

BYE = b"bye"


class Keeper:
    """A second process, in a session of its own, that outlives the lab by one clean-up."""

    def __init__(self, engine: str, stack: str) -> None:
        self.command = [sys.executable, "-m", "lab.keeper", engine, stack]

    def __enter__(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.communicate(BYE)


def main(engine: str, stack: str) -> None:
    """Wait for the lab's end."""
    if sys.stdin.buffer.read() == BYE:
        return
    from lab.engines import choose  # only now: a keeper that is not needed costs next to nothing

    if left := choose(engine).attach(stack):
        left.down()


if __name__ == "__main__":
    main(*sys.argv[1:])
