"""The storages that a project can configure, and the one that it has configured.

Set one of them as the backend of ``STORAGES["staticfiles"]``. All releases share their assets; each
has a manifest of its own, outside of what the public can read::

    static/<asset>                         location
    releases/<release>/staticfiles.json    releases_location, by default beside location
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import STATICFILES_STORAGE_ALIAS, settings
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from skewproof.backends.base import FileSystemReleaseStorage, ReleaseManifestMixin
from skewproof.errors import OptionError

if TYPE_CHECKING:
    from skewproof.backends.azure import AzureReleaseStorage
    from skewproof.backends.gcs import GoogleCloudReleaseStorage
    from skewproof.backends.s3 import S3ReleaseStorage
    from skewproof.stores.store import PublishingStorage

__all__ = [
    "AzureReleaseStorage",
    "FileSystemReleaseStorage",
    "GoogleCloudReleaseStorage",
    "ReleaseManifestMixin",
    "S3ReleaseStorage",
]
# Imported when they are asked for, as each needs django-storages and a library more.
LAZY = {
    "AzureReleaseStorage": "skewproof.backends.azure",
    "GoogleCloudReleaseStorage": "skewproof.backends.gcs",
    "S3ReleaseStorage": "skewproof.backends.s3",
}


def __getattr__(name: str) -> Any:
    """Import a storage when it is asked for (PEP 562)."""
    if name in LAZY:
        return getattr(import_module(LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def find_backend() -> Any:
    """Return the class that is configured, without making the storage; None where there is none.

    Making a stock storage already loads its manifest: asking about it must not be what does that.
    """
    configured = settings.STORAGES.get(STATICFILES_STORAGE_ALIAS)
    return import_string(configured["BACKEND"]) if configured else None


def find_backend_name() -> str:
    """Return the name of the class that is configured, for messages."""
    return getattr(find_backend(), "__name__", "not set")


def is_release_backend(found: Any) -> bool:
    """Return whether a class is one of this package's storages."""
    return isinstance(found, type) and issubclass(found, ReleaseManifestMixin)


def find_release_storage() -> ReleaseManifestMixin | None:
    """Return the configured storage if it is one of this package's."""
    if not is_release_backend(find_backend()):
        return None
    storage = storages[STATICFILES_STORAGE_ALIAS]
    if not isinstance(storage, ReleaseManifestMixin):  # a publish in another thread collects
        storage = storages.create_storage(settings.STORAGES[STATICFILES_STORAGE_ALIAS])
    return storage if isinstance(storage, ReleaseManifestMixin) else None


def find_publishing_storage() -> PublishingStorage | None:
    """Return the storage for a publish: the configured one, or what does the same without boto3."""
    configured = settings.STORAGES.get(STATICFILES_STORAGE_ALIAS, {})
    if configured.get("BACKEND") == f"{__name__}.S3ReleaseStorage":
        from skewproof.backends.s3_direct import find_direct_storage

        return find_direct_storage(configured.get("OPTIONS", {})) or find_release_storage()
    return find_release_storage()


def require_release_storage() -> ReleaseManifestMixin:
    """Return the configured storage.

    Raises:
        OptionError: It is none of this package's, and knows no releases.
    """
    storage = find_release_storage()
    if storage is None:
        raise OptionError(
            f'STORAGES["staticfiles"] is {find_backend_name()}, which knows no releases; '
            'set it to "skewproof.storage.S3ReleaseStorage" or another one of this package'
        )
    return storage
