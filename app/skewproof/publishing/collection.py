"""The files of a release, hashed in a local directory, each with what is sent with it.

Collecting is Django's own; hashing is by its rules, in one pass, so that names and contents are,
too.
"""

from __future__ import annotations

import gzip
import mimetypes
import os
import posixpath
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import STATICFILES_STORAGE_ALIAS, settings
from django.contrib.staticfiles.storage import (
    ManifestStaticFilesStorage,
    StaticFilesStorage,
    staticfiles_storage,
)
from django.core.files.storage import storages

from skewproof.manifest import Manifest
from skewproof.publishing.content import Content
from skewproof.publishing.hashing import StagingStorage, add_staging
from skewproof.stores.store import Stored, md5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from skewproof.stores.store import PublishingStorage

IMMUTABLE = "public, max-age=31536000, immutable"
DEFAULT = "application/octet-stream"
# Python's own table, without what the machine that publishes adds to it. It lacks some of ours.
OTHERS = mimetypes.MimeTypes()
# A local storage has to have a URL, which is in no name and no content.
NOWHERE = "/skewproof/"
COLLECTING = threading.Lock()
TYPES = {
    ".avif": "image/avif",
    ".css": "text/css",
    ".cur": "image/vnd.microsoft.icon",
    ".eot": "application/vnd.ms-fontobject",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}


@dataclass(frozen=True)
class Upload:
    """One file that is to be in the store under one name, which may hold the content's hash."""

    name: str
    content: Content
    headers: dict[str, str] = field(default_factory=dict)
    compress: bool = False
    is_hashed: bool = True

    @property
    def size(self) -> int:
        """Return the bytes of the file, as it is before it is compressed."""
        return self.content.size

    def compressed(self) -> bytes:
        """Return the bytes as they are stored where they are compressed."""
        return gzip.compress(self.content.read(), mtime=0)

    def expected(self) -> Stored:
        """Return how the file should be listed."""
        if self.compress:
            body = self.compressed()
            return Stored(len(body), md5(body))
        return Stored(self.size, self.content.digest)

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Yield the bytes as they are stored."""
        if self.compress:
            yield self.compressed()
            return
        with self.content.open() as body:
            yield body


@dataclass(frozen=True)
class Collection:
    """What one release consists of, in a directory that lives as long as the publish.

    Attributes:
        paths: Asset name by source name; empty when nothing was hashed.
        hash: Django's hash of the paths; None where the project's file_hash gives none, and empty
            where nothing was hashed.
        assets: The files under their hashed names.
        copies: The files under their source names.
        baked: The manifest as it is to be stored, where the build has baked one.
    """

    paths: dict[str, str]
    hash: str | None
    assets: tuple[Upload, ...]
    copies: tuple[Upload, ...]
    baked: bytes | None = None

    def encode(self, release: str) -> bytes:
        """Return the manifest of the release as it is to be stored."""
        return self.baked or self.make_manifest(release).encode(self.size())

    def make_manifest(self, release: str) -> Manifest:
        """Return the manifest of the release."""
        return Manifest(release, self.paths, self.hash, self.contents())

    def contents(self) -> dict[str, tuple[int, str]]:
        """Return size and MD5 of the assets by name, before they are compressed."""
        return {asset.name: (asset.size, asset.content.digest) for asset in self.assets}

    def is_release(self) -> bool:
        """Return whether the files were hashed, and there is a manifest to write."""
        return self.hash != ""

    def largest(self) -> int:
        """Return the bytes of the largest file, 0 when there is none."""
        return max((each.size for each in self.assets + self.copies), default=0)

    def size(self) -> int:
        """Return the bytes of all assets."""
        return sum(asset.size for asset in self.assets)


def collect_release(
    storage: PublishingStorage,
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
    local = make_local_storage(storage, files, directory / "manifest")
    with lead_alias_to(local):
        collect(local)
    paths: dict[str, str] = dict(local.hashed_files)
    assets, copies = find_files(local, files, set(paths.values()))
    if not storage.unhashed_copies:
        copies.clear()
    make = partial(make_upload, storage, find_added_types())
    is_written = (directory / "manifest" / local.manifest_name).exists()
    return Collection(
        paths,
        local.manifest_hash or (None if is_written else ""),
        # What the project leaves without a hash has the name of its source.
        tuple(make(name, assets[name], hashed=name not in paths) for name in sorted(assets)),
        tuple(make(name, copies[name], hashed=False) for name in sorted(copies)),
    )


@contextmanager
def lead_alias_to(local: ManifestStaticFilesStorage) -> Iterator[None]:
    """Let code that reads the storage of static files find this one, not another release's files.

    What packs or compiles files while they are collected, as django-pipeline does in post_process,
    reads them by the configured storage, also in threads of its own. So the alias is led to the
    local storage for all threads, and threads that publish at once collect one after another.
    """
    with COLLECTING:
        # ADR 29: Django has no public way to replace a storage that others hold.
        handler, lazy = vars(storages)["_storages"], vars(staticfiles_storage)
        kept = handler.get(STATICFILES_STORAGE_ALIAS), lazy["_wrapped"]
        handler[STATICFILES_STORAGE_ALIAS] = lazy["_wrapped"] = local
        try:
            yield
        finally:
            handler[STATICFILES_STORAGE_ALIAS], lazy["_wrapped"] = kept
            if kept[0] is None:
                del handler[STATICFILES_STORAGE_ALIAS]


def make_local_storage(
    storage: PublishingStorage, files: Path, manifests: Path
) -> ManifestStaticFilesStorage:
    """Return a storage for a local directory, hashing as the configured one would."""
    url = settings.STATIC_URL or NOWHERE
    made = add_staging(storage.make_hashing_class())
    local: ManifestStaticFilesStorage = made(
        location=files,
        base_url=url,
        manifest_storage=StaticFilesStorage(location=manifests, base_url=url),
    )
    return local


def find_files(
    local: ManifestStaticFilesStorage, files: Path, names: set[str]
) -> tuple[dict[str, Content], dict[str, Content]]:
    """Return the files under hashed names, and those under their source names alone."""
    if isinstance(local, StagingStorage):
        copies = {name: local.read_copy(name) for name in local.sources.keys() - names}
        return local.assets, copies
    found = {
        path.relative_to(files).as_posix(): Content.of_file(str(path))
        for path in files.rglob("*")
        if path.is_file()
    }
    assets = {name: content for name, content in found.items() if name in names}
    return assets, {name: content for name, content in found.items() if name not in names}


def find_added_types() -> dict[str, str]:
    """Return the types that the project has added by ``mimetypes.add_type``, by ending.

    They are what Python's table holds beyond its own and the machine's files.
    """
    if not mimetypes.inited:
        return {}
    plain = mimetypes.MimeTypes()
    for file in filter(os.path.isfile, mimetypes.knownfiles):
        plain.read(file)
    known = plain.types_map[True]
    return {each: found for each, found in mimetypes.types_map.items() if known.get(each) != found}


def make_upload(
    storage: PublishingStorage,
    added: Mapping[str, str],
    name: str,
    content: Content,
    *,
    hashed: bool,
) -> Upload:
    """Return the upload of a file, with the headers that the storage's options ask for.

    A hashed name always gets the same Cache-Control: its content can never change.
    """
    headers = find_headers(storage, added, name)
    if hashed:
        headers["Cache-Control"] = IMMUTABLE
    compress = is_compressed(storage, headers)
    if compress:
        headers["Content-Encoding"] = "gzip"
    return Upload(name, content, headers, compress, hashed)


def find_headers(storage: PublishingStorage, added: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the headers by a file's name, with those that the storage's options ask for."""
    return {**guess_headers(name, added), **storage.asset_headers(name)}


def is_compressed(storage: PublishingStorage, headers: Mapping[str, str]) -> bool:
    """Return whether a file with these headers is stored compressed."""
    types = storage.find_compressed_types()
    return "Content-Encoding" not in headers and headers["Content-Type"] in types


def guess_headers(name: str, added: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return type and encoding by the name's ending; what the project has added comes first."""
    ending = posixpath.splitext(name)[1].lower()
    known = (added or {}).get(ending) or TYPES.get(ending)
    if known:
        return {"Content-Type": known}
    found, encoding = OTHERS.guess_type(name)
    headers = {"Content-Type": found or DEFAULT}
    return {**headers, "Content-Encoding": encoding} if encoding else headers
