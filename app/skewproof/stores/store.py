"""What publishing and pruning need of a store of any kind, and of the storage that opens it."""

from __future__ import annotations

import hashlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

LIMIT = 16 * 2**20  # bytes of files that may be in memory at once
MOST = 64  # items that wait for one worker
MD5 = re.compile("[0-9a-f]{32}")
Headers = dict[str, str]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Stored:
    """One file as the store lists it.

    Attributes:
        size: Its bytes.
        digest: The MD5 of its bytes, where the store tells.
        modified: When it was written, by the store's clock.
    """

    size: int
    digest: str | None = None
    modified: datetime | None = field(default=None, compare=False)

    def get_modified(self) -> datetime:
        """Return when the file was written, where the listing has to say so."""
        assert self.modified is not None  # noqa: S101 - every store fills it in
        return self.modified


class Store(Protocol):
    """The assets and manifests of all releases.

    Names of assets are relative to the public part of the store. Its private part holds what the
    public must not read: the manifests, and the intents of publishes and prunes beside them; keys
    of private files are relative to it. What has been written is seen by every reading and listing
    after the write was answered, and likewise for deletions. Every method raises StoreError when
    the store does not do what was asked. Several threads call those that write assets.

    Attributes:
        place: Where the store is, for messages.
        owner: What tells the private part apart from that of another site, wherever both are
            looked at from.
        workers: How many threads may write at once.
        calls: Counts the requests that were made.
        is_sure: Whether each deletion was answered when it was asked for; if not, a request that
            was given up may still be carried out.
    """

    place: str
    owner: str
    workers: int
    calls: Counter
    is_sure: bool

    def list_assets(self, expected: Iterable[str] = ()) -> dict[str, Stored]:
        """Return all assets by name.

        Args:
            expected: Names that are likely there; with many of them, folders may be listed side by
                side.
        """

    def read_asset(self, name: str) -> bytes | None:
        """Return an asset as it is stored, or None when there is none."""

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:
        """Write an asset; return False, changing nothing, if the name is taken."""

    def replace_asset(self, name: str, body: bytes, headers: Headers) -> None:
        """Write an asset, replacing what is there; a reader sees the old one or the new one."""

    def delete_assets(self, names: Iterable[str]) -> None:
        """Delete assets; those that are not there count as deleted."""

    def holds(self, name: str, stored: Stored, expected: Stored) -> bool:
        """Return whether an asset that was listed has the bytes that are expected."""

    def settle(self) -> None:
        """Make all assets that were written durable; called before the manifest is."""

    def list_private(self, folder: str = "") -> dict[str, Stored]:
        """Return all private files by key, or those of one folder."""

    def read_private(self, key: str) -> bytes | None:
        """Return a private file, or None when there is none."""

    def create_private(self, key: str, content: bytes) -> bool:
        """Write a private file; return False, changing nothing, if the key is taken."""

    def replace_private(self, key: str, content: bytes) -> None:
        """Write a private file, durably, replacing what is there."""

    def delete_private(self, keys: Iterable[str]) -> None:
        """Delete private files, durably; those that are not there count as deleted."""


class PublishingStorage(Protocol):
    """What a publish asks of the configured storage, or of what stands in for it.

    Attributes:
        unhashed_copies: Whether to store files under their source names as well.
        baked_manifest: The manifest that the build wrote into the image, if it did.
    """

    unhashed_copies: bool
    baked_manifest: Path | None

    def make_hashing_class(self) -> type[ManifestStaticFilesStorage]:
        """Return the class of a local storage that hashes as the project wants it."""

    def find_compressed_types(self) -> Collection[str]:
        """Return the types of content that are stored compressed."""

    def asset_headers(self, name: str) -> Headers:
        """Return the headers that the options ask for on an asset."""

    def open_store(self, largest: int) -> Store:
        """Return the store for a publish whose largest file has so many bytes."""


class Counter:
    """A number that several threads can add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = 0

    def add(self, more: int = 1) -> None:
        """Count some more."""
        with self._lock:
            self.total += more


class Budget:
    """Bytes that threads share; a file that is larger than all of them waits to be alone."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def spend(self, size: int) -> Iterator[None]:
        """Wait until so many bytes are free, and hold them during the block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + size <= self._limit)
            self._used += size
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._changed.notify_all()


def run_parallel(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield the results of the work as they come; the first failure stops what has not begun."""
    if workers == 1:
        yield from map(work, items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="skewproof") as pool:
        try:
            # Not all at once: what waits takes two kilobytes, and there may be 200,000 assets.
            while futures := [pool.submit(work, each) for each in islice(waiting, MOST * workers)]:
                for future in as_completed(futures):
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def split(names: list[str], size: int) -> Iterator[list[str]]:
    """Yield the names, so many at a time."""
    for start in range(0, len(names), size):
        yield names[start : start + size]


def md5(content: bytes) -> str:
    """Return the MD5 of the content, which is what S3 gives as ETag."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def find_digest(etag: str | None) -> str | None:
    """Return the MD5 in an ETag, or None where it is not one, as after a multipart upload."""
    digest = (etag or "").strip('"')
    return digest if MD5.fullmatch(digest) else None
