"""A check for manifests that the public may read, as far as settings can tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import STATICFILES_STORAGE_ALIAS, settings
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, storages
from django.utils.module_loading import import_string

from skewproof.storage import find_release_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skewproof.backends.base import ReleaseManifestMixin


def check_privacy(**_: Any) -> list[CheckMessage]:
    """skewproof.W006: the public may be able to read manifests, which name every file."""
    try:
        storage = find_release_storage()
    except (ImproperlyConfigured, TypeError):
        return []  # E003 says so
    if storage is None:
        return []
    return [
        Warning(
            each,
            hint="Keep manifests where only processes of the site can read them.",
            id="skewproof.W006",
        )
        for each in [*find_exposed_files(storage), *find_exposed_keys(storage)]
    ]


def find_exposed_files(storage: ReleaseManifestMixin) -> Iterator[str]:
    """Yield manifests in a directory that is served, or collected to be served."""
    named = {"baked_manifest": storage.baked_manifest}
    if isinstance(storage, FileSystemStorage):
        named["releases_location"] = Path(storage.releases_location)
    for option, path in named.items():
        for served, setting in find_served_directories(storage):
            if path and served in (path.resolve(), *path.resolve().parents):
                yield f"{option} {path} is within {setting} {served}, which the public reads."
                break


def find_served_directories(storage: ReleaseManifestMixin) -> Iterator[tuple[Path, str]]:
    """Yield directories that web servers serve in most projects, each with what names it."""
    if isinstance(storage, FileSystemStorage):
        yield Path(storage.location).resolve(), "location"
    for setting in ("STATIC_ROOT", "MEDIA_ROOT"):
        if value := getattr(settings, setting):
            yield Path(value).resolve(), setting
    for entry in settings.STATICFILES_DIRS:
        path = entry[1] if isinstance(entry, (list, tuple)) else entry
        yield Path(path).resolve(), "STATICFILES_DIRS"


def find_exposed_keys(storage: ReleaseManifestMixin) -> Iterator[str]:
    """Yield other storages of the same bucket that let the public read below the manifests."""
    bucket = getattr(storage, "releases_container", None) or find_bucket(storage)
    if bucket is None:
        return
    for alias in settings.STORAGES:
        other = find_other_storage(alias)
        if find_bucket(other) != bucket or not is_public(other):
            continue
        location = str(other.location).strip("/")
        if not location or f"{storage.releases_location}/".startswith(f"{location}/"):
            yield (
                f"the manifests are under {storage.releases_location!r} in the bucket {bucket!r}, "
                f"of which STORAGES[{alias!r}] serves {location or 'everything'!r} without "
                "signatures: if a policy makes that public, it makes the manifests public as well."
            )


def find_bucket(storage: Any) -> str | None:
    """Return the bucket of a storage, or what Azure calls a container."""
    return getattr(storage, "bucket_name", None) or getattr(storage, "azure_container", None)


def find_other_storage(alias: str) -> Any:
    """Return a storage of django-storages that is not for static files, or None.

    Making one of these uses no network, unless it keeps a manifest; of others it is not known.
    """
    from storages.base import BaseStorage  # type: ignore[import-untyped]

    found = import_string(settings.STORAGES[alias]["BACKEND"])
    known = isinstance(found, type) and issubclass(found, BaseStorage)
    if alias == STATICFILES_STORAGE_ALIAS or not known or issubclass(found, ManifestFilesMixin):
        return None
    return storages[alias]


def is_public(storage: Any) -> bool:
    """Return whether a storage of django-storages gives out URLs that are not signed."""
    by_domain = getattr(storage, "custom_domain", None) and not getattr(
        storage, "cloudfront_signer", None
    )
    by_acl = str(getattr(storage, "default_acl", None)).lower().startswith("public")
    unsigned = getattr(storage, "expiration_secs", True) is None  # Azure's
    return bool(by_domain or by_acl or unsigned or not getattr(storage, "querystring_auth", True))
