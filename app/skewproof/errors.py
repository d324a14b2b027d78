"""Every error that skewproof raises on purpose, under one base class."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured


class SkewproofError(Exception):
    """Base of all errors of this package; a message says what, where and what to do."""


class ReleaseIdError(SkewproofError, ImproperlyConfigured):
    """There is no release id, or it cannot be used as a path."""
