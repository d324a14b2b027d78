"""Storages as projects write them, for the checks to find fault with."""

from __future__ import annotations

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from storages.backends.s3 import S3ManifestStaticStorage

from skewproof.storage import FileSystemReleaseStorage


class Lax(ManifestStaticFilesStorage):
    manifest_strict = False


class LaxRelease(FileSystemReleaseStorage):
    manifest_strict = False


class OwnHash(FileSystemReleaseStorage):
    def file_hash(self, name: str, content: object = None) -> str:  # noqa: ARG002 - Django's
        return "0"


class Named(S3ManifestStaticStorage):
    manifest_name = "staticfiles-v1.json"


class Prefixed(Named):
    location = "static"
    file_overwrite = False
