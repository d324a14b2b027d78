"""The files of a release, hashed in a local directory before anything is sent.

Collecting is Django's own; hashing is by its rules, in one pass, so that names and contents are,
too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.staticfiles.storage import (
    ManifestFilesMixin,
    ManifestStaticFilesStorage,
    StaticFilesStorage,
)

from skewproof.content import Upload, upload
from skewproof.errors import OptionError
from skewproof.manifest import Manifest
from skewproof.staging import StagingStorage, is_stock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from skewproof.storage import ReleaseManifestMixin

# What a project may set on its storage to change names or contents.
HASHING = (
    "default_template",
    "max_post_process_passes",
    "patterns",
    "support_js_module_import_aggregation",
)
# What it must override in the class that hashes instead.
METHODS = ("file_hash", "hash_key", "hashed_name", "post_process", "url_converter")


@dataclass(frozen=True)
class Collection:
    """What one release consists of, in a directory that lives as long as the publish.

    Attributes:
        paths: Asset name by source name; empty when nothing was hashed.
        hash: Django's hash of the paths.
        assets: The files under their hashed names.
        copies: The files under their source names.
        record: The manifest as it is to be stored, where the build has baked one.
    """

    paths: dict[str, str]
    hash: str
    assets: tuple[Upload, ...]
    copies: tuple[Upload, ...]
    record: bytes | None = None

    def encoded(self, release: str) -> bytes:
        """Return the manifest of the release as it is to be stored."""
        return self.record or Manifest(release, self.paths, self.hash).encode(self.size())

    def is_release(self) -> bool:
        """Return whether the files were hashed, and there is a manifest to write."""
        return bool(self.hash)

    def largest(self) -> int:
        """Return the bytes of the largest file, 0 when there is none."""
        return max((each.size for each in self.assets + self.copies), default=0)

    def size(self) -> int:
        """Return the bytes of all assets."""
        return sum(asset.size for asset in self.assets)


def hashed(
    storage: ReleaseManifestMixin,
    directory: Path,
    collect: Callable[[ManifestStaticFilesStorage], Any],
) -> Collection:
    """Return the release's files, collected and hashed as by Django into the directory.

    Args:
        storage: The configured storage, whose settings of hashing and headers count.
        directory: An empty directory for the files.
        collect: Fills the local storage that it is given, as Django's collectstatic does.
    """
    files = directory / "files"
    local = local_storage(storage, files, directory / "manifest")
    collect(local)
    paths: dict[str, str] = dict(local.hashed_files)
    names = set(paths.values())
    assets, copies = written(local, files, names)
    return Collection(
        paths,
        local.manifest_hash,
        tuple(upload(storage, name, assets[name], hashed=True) for name in sorted(assets)),
        tuple(upload(storage, name, copies[name], hashed=False) for name in sorted(copies)),
    )


def written(
    local: ManifestStaticFilesStorage, files: Path, names: set[str]
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the files under hashed names, and those under their source names alone."""
    if isinstance(local, StagingStorage):
        found = {name: copy.path for name, copy in local.copies.items()}
        assets = local.assets
    else:
        found = {
            path.relative_to(files).as_posix(): path for path in files.rglob("*") if path.is_file()
        }
        assets = {name: path for name, path in found.items() if name in names}
    return assets, {name: path for name, path in found.items() if name not in names}


def local_storage(
    storage: ReleaseManifestMixin, files: Path, manifests: Path
) -> ManifestStaticFilesStorage:
    """Return a storage for a local directory, hashing as the configured one would."""
    made = hashing_class(type(storage))
    local: ManifestStaticFilesStorage = made(
        location=files,
        base_url=settings.STATIC_URL,
        manifest_storage=StaticFilesStorage(location=manifests, base_url=settings.STATIC_URL),
    )
    return local


def hashing_class(cls: type[ReleaseManifestMixin]) -> type[ManifestStaticFilesStorage]:
    """Return the class that hashes as the project wants it.

    Raises:
        OptionError: The project overrides a method that no publish would call.
    """
    if cls.hashing is not ManifestStaticFilesStorage:
        return staging(cls.hashing)
    lost = [name for name in METHODS if getattr(cls, name) is not getattr(ManifestFilesMixin, name)]
    if lost:
        raise OptionError(
            f"{cls.__name__} overrides {', '.join(lost)}, which has no effect, as files are hashed "
            "by a local storage; override it in a subclass of ManifestStaticFilesStorage and set "
            f"the attribute hashing of {cls.__name__} to that subclass"
        )
    settings_of = {name: getattr(cls, name) for name in HASHING}
    return staging(type("LocalStorage", (ManifestStaticFilesStorage,), settings_of))


def staging(cls: type[ManifestStaticFilesStorage]) -> type[ManifestStaticFilesStorage]:
    """Return the class with our pass, or with Django's if its methods are not all Django's."""
    bases = (StagingStorage, cls) if is_stock(cls) else (cls,)
    # An intermediate file is in no manifest, and would be published as an unhashed copy.
    return type("LocalStorage", bases, {"keep_intermediate_files": False})
