"""What publishing and pruning need of a store, whichever kind it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Headers = dict[str, str]


@dataclass(frozen=True)
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


def modified(stored: Stored) -> datetime:
    """Return when a file was written, where the listing has to say so."""
    assert stored.modified is not None  # noqa: S101 - every store fills it in
    return stored.modified


class Store(Protocol):
    """The assets and manifests of all releases.

    Names of assets are relative to the public part of the store; keys of records, which are the
    manifests and the notes beside them, to its private part. What has been written is seen by
    whoever reads or lists after the write was answered, and likewise for deletions. Every method
    raises StoreError when the store does not do what was asked. Those that write assets are called
    by several threads.

    Attributes:
        place: Where the store is, for messages.
        workers: How many threads may write at once.
        calls: Counts the requests that were made.
        is_sure: Whether each deletion was answered when it was asked for; if not, a request that
            was given up may still be carried out.
    """

    place: str
    workers: int
    calls: Counter
    is_sure: bool

    def list_assets(self) -> dict[str, Stored]:
        """Return all assets by name."""

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:
        """Write an asset; return False, changing nothing, if the name is taken."""

    def replace_asset(self, name: str, body: bytes, headers: Headers) -> None:
        """Write an asset over what the name may hold, such that readers see the old or the new."""

    def holds(self, name: str, stored: Stored, body: bytes) -> bool:
        """Return whether an asset that was listed has exactly these bytes."""

    def settle(self) -> None:
        """Make all assets that were written durable; called before the manifest is."""

    def list_records(self, folder: str = "") -> dict[str, Stored]:
        """Return all records by key, or those of one folder."""

    def read_record(self, key: str) -> bytes | None:
        """Return a record, or None when there is none."""

    def create_record(self, key: str, content: bytes) -> bool:
        """Write a record; return False, changing nothing, if the key is taken."""

    def delete_records(self, keys: Iterable[str]) -> None:
        """Delete records, durably; those that are not there count as deleted."""

    def delete_assets(self, names: Iterable[str]) -> None:
        """Delete assets; those that are not there count as deleted."""


class Counter:
    """A number that several threads can add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = 0

    def add(self, more: int = 1) -> None:
        """Count some more."""
        with self._lock:
            self.total += more
