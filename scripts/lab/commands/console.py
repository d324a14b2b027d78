"""What the lab is doing, on stderr: a line for each step; on a terminal the step spins."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lab.history import show_plainly


class Steps:
    """Takes a line for each step as it begins.

    On a terminal the step spins with its seconds beside it, and stays as a line when it is over;
    elsewhere it is one plain line from the beginning.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self.clock = console, clock
        self.line: str | None = None
        self.began = 0.0
        self.live: Progress | None = None
        self.task = TaskID(0)

    def __call__(self, line: str) -> None:
        """Say what begins now; what began before is over."""
        self.finish()
        line = show_plainly(line)
        if not self.console.is_terminal:
            self.show(line)
            return
        self.line, self.began = line, self.clock()
        if self.live is None:
            self.live = make_live(self.console)
            self.task = self.live.add_task(line)
            self.live.start()
        self.live.reset(self.task, description=line)

    def finish(self) -> None:
        """Leave a line with the seconds that the step took."""
        if self.line is not None:
            self.show(f"{self.line}  {self.clock() - self.began:.1f} s")
            self.line = None

    def close(self) -> None:
        """Let go of the terminal: what follows is a result, or an error."""
        self.finish()
        if self.live is not None:
            self.live.stop()
            self.live = None

    def show(self, line: str) -> None:
        """Print one line."""
        self.console.print(f"» {line}", style="dim", markup=False, soft_wrap=True)


def make_live(console: Console) -> Progress:
    """Return a spinner, the step and its seconds, on one line that vanishes in the end."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


problems = Console(stderr=True, highlight=False)
results = Console(highlight=False)
say = Steps(problems)
"""The only one, for all commands: `lab.cli` closes it when the lab ends."""
