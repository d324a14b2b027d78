"""The exit codes of the commands, and errors as one line.

0 done, 1 a mistake in options or settings, 3 refused since a release would be hurt, 4 the store
failed or somebody else is at work in it (the same command goes on from there), 130 interrupted.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.management.base import CommandError

from skewproof.errors import RefusedError, SkewproofError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = 3
STORE_FAILED = 4
INTERRUPTED = 130


@contextmanager
def one_line_errors(interrupted: str) -> Iterator[None]:
    """Turn every error of this package into one line and an exit code.

    Args:
        interrupted: What to say after Ctrl-C.
    """
    try:
        yield
    except RefusedError as error:
        raise CommandError(str(error), returncode=REFUSED) from error
    except StoreError as error:
        raise CommandError(str(error), returncode=STORE_FAILED) from error
    except SkewproofError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt as error:
        raise CommandError(interrupted, returncode=INTERRUPTED) from error
