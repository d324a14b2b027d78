"""A store in one bucket or two; a client for each hides the service and the library."""

from __future__ import annotations

import itertools
import posixpath
import random
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from skewproof.errors import SkewproofError, StoreError, conceal
from skewproof.stores.folders import find_splits
from skewproof.stores.store import Counter, Headers, Stored, run_parallel, split

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

Result = TypeVar("Result")

WORKERS = 64  # 15% faster than 32 at 20 ms a request, and as fast without latency
PAGE = 1000  # keys in one page of a listing, and in one deletion, by the protocol of S3
# How patiently a job talks to a store, whichever library does.
RETRIES = 10  # with these pauses, they take 18 seconds or so when each fails at once
GIVING_UP = 30  # seconds after which a request that fails is not tried again
# Chance draws the pauses of obstore, none of them shorter than this: a store that throttles for
# three seconds is waited for, whatever it draws.
FIRST_PAUSE = 0.3
LONGEST_PAUSE = 3.0
PATIENCE = 10  # seconds for a request that carries nothing
CONNECTING = 3  # seconds
JSON = {"Content-Type": "application/json"}
SLOWEST = 256 * 1024  # bytes a second at which the largest file must still arrive in time
PASSING = (408, 429, 500, 502, 503, 504)
"""Statuses after which the same request may go well."""


class Client(Protocol):
    """One bucket, through one library; each method is one request, but for the pages.

    A method raises what the library raises, and what is in ``failures`` becomes a StoreError.
    """

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Return the errors that mean that the store did not do what was asked."""

    @property
    def at_once(self) -> int:
        """Return how many keys one request deletes."""

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:
        """Yield what is below a prefix, by key, page by page; a page may come more than once."""

    def list_folder(self, under: str) -> tuple[list[str], dict[str, Stored]]:
        """Return the prefixes right below a prefix, without a slash, and the objects there."""

    def read(self, key: str) -> bytes | None:
        """Return an object, or None when there is none; a missing bucket is a failure."""

    def create(self, key: str, body: bytes, headers: Headers) -> bool:
        """Write an object; return False if the key is taken."""

    def replace(self, key: str, body: bytes, headers: Headers) -> None:
        """Write an object over what the key may hold."""

    def delete(self, keys: list[str]) -> None:
        """Ask once to delete objects; those that are not there count as deleted."""

    def is_final(self, error: Exception) -> bool:
        """Return whether the store refused a deletion, so that no request is on its way."""

    def find_cause(self, error: Exception) -> str:
        """Return what the error says, in one line."""


@dataclass(frozen=True)
class Area:
    """Where assets are, or private files: a bucket and a prefix in it.

    Attributes:
        client: Talks to the bucket.
        prefix: What all keys begin with, without the slash behind it; may be empty.
    """

    client: Client
    prefix: str

    def key(self, name: str) -> str:
        """Return the key of a name."""
        return f"{self.prefix}/{name}" if self.prefix else name


class Bucket:
    """The assets and the private files, in one bucket or two.

    Args:
        assets: Where the assets are.
        private: Where the manifests are, and the intents.
        place: Where both are, for messages.
        way: How both are talked to, for those who ask.
        in_doubt: Whether it has to be seen first that the service does not overwrite.
        owner: What tells the private files apart from those of another site in the same service, if
            their prefix does not.
    """

    def __init__(
        self,
        assets: Area,
        private: Area,
        place: str,
        way: str = "",
        *,
        in_doubt: bool = False,
        owner: str = "",
    ) -> None:
        self._assets = assets
        self._private = private
        self.place = place
        self.way = way
        self.in_doubt = in_doubt
        self.owner = owner or private.prefix
        self.workers = WORKERS
        self.calls = Counter()
        self.is_sure = True

    def list_private(self, folder: str = "") -> dict[str, Stored]:
        """Return all private files by key, or those of one folder."""
        return self._list(self._private, folder)

    def read_private(self, key: str) -> bytes | None:
        """Return a private file, or None when there is none."""
        return self._read(self._private, key)

    def create_private(self, key: str, content: bytes) -> bool:
        """Write a private file, if the key is free."""
        return self._create(self._private, key, content, JSON)

    def replace_private(self, key: str, content: bytes) -> None:
        """Write a private file over what the key may hold."""
        self._replace(self._private, key, content, JSON)

    def delete_private(self, keys: Iterable[str]) -> None:
        """Delete private files, on S3 up to a thousand in a request."""
        self._delete(self._private, keys)

    def list_assets(self, expected: Iterable[str] = ()) -> dict[str, Stored]:
        """Return all assets by name, from listings of a request per thousand."""
        return self._list(self._assets, splits=find_splits(expected))

    def read_asset(self, name: str) -> bytes | None:
        """Return an asset as it is stored, or None when there is none."""
        return self._read(self._assets, name)

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:
        """Write an asset, if the name is free (``If-None-Match: *``, or what the store has)."""
        return self._create(self._assets, name, body, headers)

    def replace_asset(self, name: str, body: bytes, headers: Headers) -> None:
        """Write an asset over what the name may hold."""
        self._replace(self._assets, name, body, headers)

    def delete_assets(self, names: Iterable[str]) -> None:
        """Delete assets, on S3 up to a thousand in a request."""
        self._delete(self._assets, names)

    def holds(self, name: str, stored: Stored, expected: Stored) -> bool:  # noqa: ARG002 - see Store
        """Compare size and ETag; where the ETag is no MD5, the asset counts as another."""
        return stored == expected

    def settle(self) -> None:
        """Do nothing: an object is durable when the store has said so."""

    def _list(
        self, area: Area, folder: str = "", splits: Collection[str] = ()
    ) -> dict[str, Stored]:
        """Return what is in a folder; folders that are to be split have theirs listed at once."""
        waiting = [area.key(folder).rstrip("/")]
        found: dict[str, Stored] = {}
        wanted = {area.key(each).rstrip("/") for each in splits}
        while waiting:
            listings = run_parallel(partial(self._list_some, area, wanted, found), waiting, WORKERS)
            waiting = [folder for folders in listings for folder in folders]
        return found

    def _list_some(
        self, area: Area, wanted: Collection[str], found: dict[str, Stored], under: str
    ) -> list[str]:
        """Add to what was found, and return the folders that are still to be listed."""
        start, pages = len(area.key("")), 0
        with self._doing(f"listing {under}/", area):
            if under in wanted:
                folders, objects = area.client.list_folder(under)
                self.calls.add((len(folders) + len(objects)) // PAGE)
                found.update((key[start:], stored) for key, stored in objects.items())
                return folders
            # Manifests name the same files: a hundred thousand names are held once.
            for page in area.client.list_pages(under):
                pages += 1
                found.update((sys.intern(key[start:]), stored) for key, stored in page.items())
        self.calls.add(max(0, pages - 1))
        return []

    def _read(self, area: Area, name: str) -> bytes | None:
        key = area.key(name)
        with self._doing(f"reading {key}", area):
            return area.client.read(key)

    def _create(self, area: Area, name: str, body: bytes, headers: Headers) -> bool:
        key = area.key(name)
        with self._doing(f"writing {key}", area):
            return area.client.create(key, body, headers)

    def _replace(self, area: Area, name: str, body: bytes, headers: Headers) -> None:
        key = area.key(name)
        with self._doing(f"writing {key}", area):
            area.client.replace(key, body, headers)

    def _delete(self, area: Area, names: Iterable[str]) -> None:
        keys = sorted(area.key(name) for name in names)
        some = split(keys, area.client.at_once)
        for _ in run_parallel(partial(self._delete_some, area), some, WORKERS):
            pass

    def _delete_some(self, area: Area, keys: list[str]) -> None:
        """Delete; what fails is repeated here, since a library would not say that it did so."""

        def is_final(error: Exception) -> bool:
            if not isinstance(error, area.client.failures) or area.client.is_final(error):
                return True
            self.is_sure = False
            return False

        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        with self._doing(f"deleting {keys[0]}{more}", area):
            insist(partial(area.client.delete, keys), is_final)

    @contextmanager
    def _doing(self, what: str, area: Area) -> Iterator[None]:
        self.calls.add()
        try:
            yield
        except SkewproofError:
            raise
        except Exception as error:  # a library raises more than it documents
            cause = area.client.find_cause(error)
            if not isinstance(error, area.client.failures):
                cause = f"{type(error).__name__}: {cause}"
            raise StoreError(f"{what} in {self.place} failed: {cause}") from conceal(error)


def insist(ask: Callable[[], Result], is_final: Callable[[Exception], bool]) -> Result:
    """Return the answer, asking again after growing pauses until an error is final.

    Raises:
        Exception: What the last attempt raised.
    """
    deadline = time.monotonic() + GIVING_UP
    for attempt in itertools.count():
        try:
            return ask()
        except Exception as error:
            if is_final(error) or attempt >= RETRIES or time.monotonic() >= deadline:
                raise
        # Not all of it: threads that were throttled together would all ask again together.
        time.sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311
    raise AssertionError("the last attempt returns or raises")


def find_patience(largest: int) -> float:
    """Return for how many seconds a request may take that carries so many bytes."""
    return PATIENCE + largest / SLOWEST


def describe_answer(status: int, code: str, message: str) -> str:
    """Return what a store answered in one line, as in 403 Forbidden (AccessDenied): Not yours."""
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    text = f"{status}{phrase}{code and f' ({code})'}{message and f': {message}'}"
    return " ".join(text.split())


def is_plain(key: str) -> bool:
    """Return whether a key could be that of a file; this package writes no other."""
    # Most keys show at once that nothing in them is to be normalized, which takes its time.
    is_clear = "//" not in key and "/." not in key and key[:1] not in "./" and key[-1:] != "/"
    return key.isprintable() and (is_clear or posixpath.normpath(key) == key)


def widen(session: Any) -> None:
    """Let a session of requests keep a connection for each worker, and all else as it is."""
    for adapter in getattr(session, "adapters", {}).values():
        if hasattr(adapter, "init_poolmanager"):
            adapter.init_poolmanager(WORKERS, WORKERS)
