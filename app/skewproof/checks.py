"""What ``manage.py check --deploy`` finds; each can be silenced with SILENCED_SYSTEM_CHECKS."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.core.files.storage import FileSystemStorage

from skewproof.configured import backend, is_release_backend
from skewproof.errors import ReleaseIdError
from skewproof.manifest import NAME
from skewproof.release import release_id


def check_release(**_: Any) -> list[CheckMessage]:
    """skewproof.E001: there is no usable release id."""
    try:
        release_id()
    except ReleaseIdError as error:
        return [Error(str(error), id="skewproof.E001")]
    return []


def check_apps(**_: Any) -> list[CheckMessage]:
    """skewproof.E002: Django's collectstatic would run instead of ours."""
    names = [config.name for config in apps.get_app_configs()]
    if not is_release_backend(backend()) or "django.contrib.staticfiles" not in names:
        return []
    if names.index("skewproof") < names.index("django.contrib.staticfiles"):
        return []
    return [
        Error(
            '"skewproof" comes after "django.contrib.staticfiles" in INSTALLED_APPS, so that '
            "Django's collectstatic runs, which deletes and rewrites what other releases serve.",
            hint='Put "skewproof" before "django.contrib.staticfiles".',
            id="skewproof.E002",
        )
    ]


def check_storage(**_: Any) -> list[CheckMessage]:
    """skewproof.W001: all releases share one manifest in a store that they share."""
    found = backend()
    stock = isinstance(found, type) and issubclass(found, ManifestFilesMixin)
    if not stock or is_release_backend(found) or issubclass(found, FileSystemStorage):
        return []
    if found.manifest_name != NAME:
        return []
    return [
        Warning(
            f"{found.__name__} keeps one manifest ({NAME}) for all releases in a store that they "
            "share: during a rolling deployment a process of one release can load the manifest of "
            "another, and serve its files, or errors.",
            hint='Use "skewproof.storage.S3ReleaseStorage".',
            id="skewproof.W001",
        )
    ]
