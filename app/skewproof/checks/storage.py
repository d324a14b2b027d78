"""Checks of the storage of static files, and of what stands between it and the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import STATICFILES_STORAGE_ALIAS, settings
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from django.core.management import get_commands, load_command_class

from skewproof.checks.release import is_stock_manifest
from skewproof.errors import ManifestError, ReleaseIdError, quote
from skewproof.manifest import NAME
from skewproof.storage import find_backend, find_release_storage, is_release_backend

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

OURS = 'Use "skewproof.storage.S3ReleaseStorage" or another storage of this package.'


def check_apps(**_: Any) -> list[CheckMessage]:
    """skewproof.E002: another app's collectstatic would run instead of ours."""
    owner = get_commands().get("collectstatic")
    # The class comes last: every command makes this check, and most need no boto3.
    if owner is None or is_ours(owner) or not is_release_backend(find_backend()):
        return []
    name = owner if isinstance(owner, str) else type(owner).__module__
    return [
        Error(
            f"the collectstatic of {name!r} runs instead of skewproof's, as it comes before it in "
            "INSTALLED_APPS: it publishes nothing, or deletes and rewrites what other releases "
            "serve.",
            hint=f'Put "skewproof" before {name!r}.',
            id="skewproof.E002",
        )
    ]


def is_ours(owner: str | BaseCommand) -> bool:
    """Return whether the collectstatic of an app is this package's, or made from it."""
    if owner == "skewproof":
        return True  # the command, which every other one would load as well, is not asked
    ours = load_command_class("skewproof", "collectstatic")
    command = load_command_class(owner, "collectstatic") if isinstance(owner, str) else owner
    return isinstance(command, type(ours))


def check_options(**_: Any) -> list[CheckMessage]:
    """skewproof.E003: the storage, or a publish to it, refuses the options."""
    try:
        storage = find_release_storage()
        if storage is not None:
            storage.assert_publishable()
    except (ImproperlyConfigured, TypeError) as error:
        return [Error(quote(error), id="skewproof.E003")]
    return []


def check_baked(**_: Any) -> list[CheckMessage]:
    """skewproof.E004: the image has no manifest of its release, though the options name one."""
    try:
        storage = find_release_storage()
        if storage is not None and storage.baked_manifest:
            storage.fetch_manifest()
    except ManifestError as error:
        return [Error(str(error), id="skewproof.E004")]
    except (ReleaseIdError, ImproperlyConfigured, TypeError):
        return []  # E001 and E003 say so
    return []


def check_shared(**_: Any) -> list[CheckMessage]:
    """skewproof.W001: all releases share one manifest in a store that they share."""
    found = find_backend()
    if not is_stock_manifest(found) or issubclass(found, FileSystemStorage):
        return []
    if found.manifest_name != NAME:
        return []
    return [
        Warning(
            f"{found.__name__} keeps one manifest ({NAME}) for all releases in a store that they "
            "share: during a rolling deployment a process of one release can load the manifest of "
            "another, and serve its files, or errors.",
            hint=OURS,
            id="skewproof.W001",
        )
    ]


def check_strictness(**_: Any) -> list[CheckMessage]:
    """skewproof.W002: a name that the manifest lacks is not an error."""
    found = find_backend()
    if not is_manifest(found) or found.manifest_strict:
        return []
    return [
        Warning(
            f"{found.__name__}.manifest_strict is False: for a file that its manifest lacks, a "
            "page asks the store and names a file that may not be there, or fails all the same.",
            hint="Take it out, so that a missing file is an error where it is named.",
            id="skewproof.W002",
        )
    ]


def check_overwriting(**_: Any) -> list[CheckMessage]:
    """skewproof.W003: a manifest may be stored under a name that is never read."""
    found = find_backend()
    overwrites = read_option(
        found, "file_overwrite", getattr(settings, "AWS_S3_FILE_OVERWRITE", True)
    )
    prefix = read_option(found, "location", getattr(settings, "AWS_LOCATION", ""))
    if not is_stock_manifest(found) or overwrites or not prefix:
        return []
    return [
        Warning(
            f"{found.__name__} has file_overwrite = False and the location {str(prefix)!r}: "
            "collectfasta then stores the manifest as staticfiles_<random>.json and deletes the "
            "one that is read (collectfasta #19), and two publishes at once store files so.",
            hint=f"Set file_overwrite to True. {OURS}",
            id="skewproof.W003",
        )
    ]


def check_debug(**_: Any) -> list[CheckMessage]:
    """skewproof.W007: in DEBUG no manifest is read, and nothing of all this shows."""
    if not settings.DEBUG or not is_manifest(find_backend()):
        return []
    return [
        Warning(
            "DEBUG is True: pages name unhashed files, which all releases share, no manifest is "
            "read, /readyz does not wait for one, and a missing file is no error.",
            hint="Set DEBUG to False where releases are deployed.",
            id="skewproof.W007",
        )
    ]


def is_manifest(found: Any) -> bool:
    """Return whether a class keeps a manifest."""
    return isinstance(found, type) and issubclass(found, ManifestFilesMixin)


def read_option(found: Any, name: str, default: Any) -> Any:
    """Return an option as django-storages would choose it, without making the storage.

    Making a stock storage loads its manifest from the store.
    """
    options = settings.STORAGES.get(STATICFILES_STORAGE_ALIAS, {}).get("OPTIONS", {})
    return options.get(name, getattr(found, name, default))
