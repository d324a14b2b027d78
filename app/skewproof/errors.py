"""Every error that skewproof raises on purpose, under one base class, and how others are quoted."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured


class SkewproofError(Exception):
    """Base of all errors of this package; a message says what, where and what to do."""


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


def quote(error: BaseException) -> str:
    """Return what a library says, in one line: the service's code where it gives one."""
    code = getattr(error, "error_code", None)  # Azure's library has it
    text = str(getattr(code, "value", code)) if code else str(error)
    return " ".join(text.split()) or type(error).__name__
