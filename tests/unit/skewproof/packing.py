"""Storages that pack stylesheets in post_process: by django-pipeline, and in a way like its."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from pipeline.storage import PipelineManifestStorage

from skewproof.storage import FileSystemReleaseStorage, S3ReleaseStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

PACK = "css/pack.css"


class PackingMixin:
    """Reads by the global storage and saves by its own, as django-pipeline's packager does."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Any:
        if dry_run:
            return
        parts = [name for name in sorted(paths) if name.endswith(".css")]
        content = b"\n".join(read_by_global(name) for name in parts)
        saved = self.save(PACK, ContentFile(content))  # type: ignore[attr-defined]
        paths[saved] = (self, saved)
        yield saved, saved, True
        yield from super().post_process(paths.copy(), dry_run, **options)  # type: ignore[misc]


def read_by_global(name: str) -> bytes:
    """Return a file in both ways that other packages read one."""
    contents = set()
    for storage in (staticfiles_storage, storages["staticfiles"]):
        with storage.open(name) as file:
            contents.add(file.read())
    (content,) = contents
    return bytes(content)


class PackingHashing(PackingMixin, ManifestStaticFilesStorage):
    pass


class PackingDirectory(FileSystemReleaseStorage):
    hashing = PackingHashing


class PackingBucket(S3ReleaseStorage):
    hashing = PackingHashing


class PipelineDirectory(FileSystemReleaseStorage):
    hashing = PipelineManifestStorage


class PipelineBucket(S3ReleaseStorage):
    hashing = PipelineManifestStorage


class ReadingFinder(BaseFinder):
    """Looks into the storage while it lists, as finders that compile do."""

    def check(self, **_: Any) -> list[Any]:
        return []

    def find(self, path: str, **_: Any) -> Any:  # noqa: ARG002 - Django's signature
        return []

    def list(self, ignore_patterns: Any) -> Iterator[Any]:  # noqa: ARG002 - Django's signature
        if staticfiles_storage.exists("css/site.css"):
            raise AssertionError("the storage has files of another release")
        return iter(())
