"""The storage that the project has configured for static files."""

from __future__ import annotations

from typing import Any

from django.conf import STATICFILES_STORAGE_ALIAS, settings
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from skewproof.errors import OptionError
from skewproof.storage import ReleaseManifestMixin

S3 = "skewproof.storage.S3ReleaseStorage"


def backend() -> Any:
    """Return the class that is configured, without making the storage.

    Making a stock storage already loads its manifest: asking about it must not be what does that.
    """
    return import_string(settings.STORAGES[STATICFILES_STORAGE_ALIAS]["BACKEND"])


def is_release_backend(found: Any) -> bool:
    """Return whether a class is one of this package's storages."""
    return isinstance(found, type) and issubclass(found, ReleaseManifestMixin)


def release_storage() -> ReleaseManifestMixin | None:
    """Return the configured storage if it is one of this package's."""
    if not is_release_backend(backend()):
        return None
    storage = storages[STATICFILES_STORAGE_ALIAS]
    return storage if isinstance(storage, ReleaseManifestMixin) else None


def publishing_storage() -> ReleaseManifestMixin | None:
    """Return the storage for a publish: the configured one, or what does the same without boto3."""
    configured = settings.STORAGES[STATICFILES_STORAGE_ALIAS]
    if configured["BACKEND"] == S3:
        from skewproof.s3_direct import direct_storage

        return direct_storage(configured.get("OPTIONS", {})) or release_storage()
    return release_storage()


def required_storage() -> ReleaseManifestMixin:
    """Return the configured storage.

    Raises:
        OptionError: It is none of this package's, and knows no releases.
    """
    storage = release_storage()
    if storage is None:
        raise OptionError(
            f'STORAGES["staticfiles"] is {backend().__name__}, which knows no releases; '
            'set it to "skewproof.storage.S3ReleaseStorage" or another one of this package'
        )
    return storage
