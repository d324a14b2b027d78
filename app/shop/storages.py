"""The strategies "versioned" and "versioned-disk": a manifest per release, and nothing else.

The article's fix, in the few lines that a reader would copy. Every page of a release finds its own
names again. What its publish does to the assets meanwhile is Django's: unchanged files are deleted
and put again while they are being served.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from storages.backends.s3 import S3ManifestStaticStorage  # type: ignore[import-untyped]


class VersionedManifestStorage(S3ManifestStaticStorage):  # type: ignore[misc] # untyped, as above
    """In a bucket."""

    manifest_name = f"staticfiles-{settings.RELEASE}.json"


class VersionedDiskStorage(ManifestStaticFilesStorage):
    """In a directory that all releases share."""

    manifest_name = f"staticfiles-{settings.RELEASE}.json"
