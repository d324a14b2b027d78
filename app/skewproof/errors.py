"""Every error that skewproof raises on purpose, under one base class, and how others are quoted."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from skewproof.redaction import redact


class SkewproofError(Exception):
    """Base of all errors of this package; a message says what, where and what to do.

    Whoever it quotes, no message holds a secret.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*(redact(each) if isinstance(each, str) else each for each in args))


class ReleaseIdError(SkewproofError, ImproperlyConfigured):
    """There is no release id, or it cannot be used as a path."""


class OptionError(SkewproofError, ImproperlyConfigured):
    """The options of the storage contradict each other, or cannot be honoured."""


class ManifestError(SkewproofError, ValueError):
    """The manifest of a release cannot be used now; asking again later may help.

    Stock Django raises ValueError, which is all that others, such as WhiteNoise, catch.

    Attributes:
        reason: One word for machines: absent, forbidden, unreachable or unusable.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


class StoreError(SkewproofError):
    """The store could not be read or written, or another job is at work in it."""


class RefusedError(SkewproofError):
    """What was asked for would hurt a release, or it is impossible to tell that it would not."""


class ReleaseExistsError(RefusedError):
    """The release id is taken by a release with other content."""


class LibraryError(Exception):
    """Stands for what a library raised, with its traceback and without secrets."""


def quote(error: BaseException) -> str:
    """Return what a library says, in one line: the service's code where it gives one."""
    code = getattr(error, "error_code", None)  # Azure's library has it
    text = str(getattr(code, "value", code)) if code else str(error)
    return " ".join(redact(text).split()) or type(error).__name__


def conceal(error: BaseException) -> LibraryError:
    """Return what an error of a library may be the cause of: tracebacks, too, are shown and kept.

    What the library's own error was caused by is left out.
    """
    said = LibraryError(f"{type(error).__name__}: {quote(error)}")
    return said.with_traceback(error.__traceback__)
