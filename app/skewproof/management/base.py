"""What the commands of this package have in common: help, exit codes, progress.

Exit codes: 0 done, 1 a mistake in options or settings, 3 refused since a release would be hurt, 4
the store failed or another job is at work in it (the same command goes on from there), 130
interrupted, 143 terminated; of verify_releases also 5, a release is not whole.
"""

from __future__ import annotations

import time
from argparse import RawDescriptionHelpFormatter
from contextlib import contextmanager, nullcontext
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter

from skewproof.errors import RefusedError, SkewproofError, StoreError
from skewproof.management import termination
from skewproof.publishing.publish import show_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from django.core.management.base import CommandParser

    from skewproof.publishing.publish import Progress

WIDTH = 30
PAUSE = 0.1  # seconds between two drawings


class Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the line breaks of an epilog."""


class ReleaseCommand(BaseCommand):
    """A command whose help ends with exit codes and examples."""

    epilog: ClassVar[str] = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser of its options."""
        return super().create_parser(
            prog_name, subcommand, formatter_class=Formatter, epilog=self.epilog, **kwargs
        )


class Exit(IntEnum):
    """What a command ends with when it does not end well; 1 is Django's own."""

    REFUSED = 3
    STORE_FAILED = 4
    NOT_WHOLE = 5
    INTERRUPTED = 130
    TERMINATED = termination.EXIT_CODE


@contextmanager
def report_errors(consequence: str) -> Iterator[list[str]]:
    """Turn every error of this package, and SIGTERM, into one line and an exit code.

    Args:
        consequence: What to say of the store after Ctrl-C or SIGTERM.

    Yields:
        The directories that go on SIGTERM, to which some may be added.
    """
    try:
        with termination.ending_at_once(f"terminated; {consequence}") as directories:
            yield directories
    except RefusedError as error:
        raise CommandError(str(error), returncode=Exit.REFUSED) from error
    except StoreError as error:
        raise CommandError(str(error), returncode=Exit.STORE_FAILED) from error
    except SkewproofError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt as error:
        raise CommandError(f"interrupted; {consequence}", returncode=Exit.INTERRUPTED) from error


@contextmanager
def show_progress(
    verb: str, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Yield what draws the bar; nothing of it stays on the line, whatever happens."""
    drawn, due = "", 0.0

    def show(done: int, total: int) -> None:
        nonlocal drawn, due
        if done < total and clock() < due:
            return
        due = clock() + PAUSE
        drawn = draw_line(verb, done, total)
        write(f"\r{drawn}")

    try:
        yield show
    finally:
        if drawn:
            write(f"\r{' ' * len(drawn)}\r")


def show_progress_on(stderr: Any, verb: str, *, wanted: bool) -> AbstractContextManager[Progress]:
    """Return what shows the progress on a terminal if it is wanted, and nothing elsewhere."""
    if not (wanted and stderr.isatty()):
        return nullcontext(show_nothing)
    # Without a style, as everything on stderr would be red, and without a line's end.
    return show_progress(verb, partial(stderr.write, style_func=str, ending=""))


def draw_line(verb: str, done: int, total: int) -> str:
    """Return the bar as text; it never gets shorter, so that one drawing covers the last."""
    full = WIDTH * done // total if total else WIDTH
    return f"{verb} [{'#' * full:.<{WIDTH}}] {done:>{len(f'{total:,}')},}/{total:,}"
