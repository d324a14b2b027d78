"""How far a publish is, as one line on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
WIDTH = 30
PAUSE = 0.1  # seconds between two drawings


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def progress_bar(
    write: Callable[[str], object], clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Yield what draws the bar; nothing of it stays on the line, whatever happens."""
    drawn, due = "", 0.0

    def show(done: int, total: int) -> None:
        nonlocal drawn, due
        if done < total and clock() < due:
            return
        due = clock() + PAUSE
        drawn = line(done, total)
        write(f"\r{drawn}")

    try:
        yield show
    finally:
        if drawn:
            write(f"\r{' ' * len(drawn)}\r")


def line(done: int, total: int) -> str:
    """Return the bar as text; it never gets shorter, so that one drawing covers the last."""
    full = WIDTH * done // total if total else WIDTH
    return f"publishing [{'#' * full:.<{WIDTH}}] {done:>{len(f'{total:,}')},}/{total:,}"
