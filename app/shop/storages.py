"""The strategy "versioned": a manifest per release, and nothing else."""

from __future__ import annotations

from django.conf import settings
from storages.backends.s3 import S3ManifestStaticStorage  # type: ignore[import-untyped]


class VersionedManifestStorage(S3ManifestStaticStorage):  # type: ignore[misc] # untyped, as above
    """The article's fix, in the few lines that a reader would copy.

    Every page of a release finds its own names again. What its publish does to the assets
    meanwhile is Django's: unchanged files are deleted and put again while they are being served.
    """

    manifest_name = f"staticfiles-{settings.RELEASE}.json"
