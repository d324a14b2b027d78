"""What a publish needs of a store, whichever kind it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

Headers = dict[str, str]


@dataclass(frozen=True)
class Stored:
    """One asset as the store lists it; digest is the MD5 of its bytes where the store tells."""

    size: int
    digest: str | None = None


class Store(Protocol):
    """The assets and manifests of all releases.

    Names of assets are relative to the public part of the store. Every method raises StoreError
    when the store does not do what was asked. Those that write are called by several threads.

    Attributes:
        place: Where the store is, for messages.
        workers: How many threads may write at once.
        calls: Counts the requests that were made.
    """

    place: str
    workers: int
    calls: Counter

    def read_manifest(self, release: str) -> bytes | None:
        """Return the manifest of a release, or None when there is none."""

    def create_manifest(self, release: str, content: bytes) -> bool:
        """Write the manifest of a release; return False, changing nothing, if there is one."""

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


class Counter:
    """A number that several threads can add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = 0

    def add(self, more: int = 1) -> None:
        """Count some more."""
        with self._lock:
            self.total += more
