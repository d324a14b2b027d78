"""An S3 bucket as the store."""

from __future__ import annotations

import itertools
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from skewproof import transport
from skewproof.content import md5
from skewproof.errors import StoreError
from skewproof.store import Counter, Headers, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from obstore.store import S3Store

WORKERS = 32
PAGE = 1000  # keys in one page of a listing, by the protocol
ATTEMPTS = 3  # at a conditional write that was not decided
# AWS: the write met a deletion, so the name may be free. obstore takes it for one that is taken.
CONFLICT = "ConditionalRequestConflict"
CAUSES = (
    re.compile(
        r"status code: (?P<cause>\d{3}[^:\n]*)(?:.*?<Code>(?P<code>\w+)</Code>)?", re.DOTALL
    ),
    re.compile(r'message: "(?P<cause>[^"]+)"'),
    re.compile(r'error: "(?P<cause>[^"]+)"'),
    re.compile(r"kind: (?P<cause>Timeout)"),
)


class Bucket:
    """The assets and manifests in one bucket."""

    def __init__(
        self, store: S3Store, asking_once: S3Store, assets: str, releases: str, place: str
    ) -> None:
        self._store = store
        self._asking_once = asking_once
        self._assets = assets
        self._releases = releases
        self.place = place
        self.workers = WORKERS
        self.calls = Counter()
        self.is_sure = True

    def read_record(self, key: str) -> bytes | None:
        """Return a record, or None when there is none."""
        key = f"{self._releases}/{key}"
        with self._doing(f"reading {key}"):
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None

    def create_record(self, key: str, content: bytes) -> bool:
        """Write a record, if the key is free."""
        key = f"{self._releases}/{key}"
        return self._create(key, content, {"Content-Type": "application/json"})

    def list_records(self, folder: str = "") -> dict[str, Stored]:
        """Return all records by key, or those of one folder."""
        return self._list(self._releases, folder)

    def delete_records(self, keys: Iterable[str]) -> None:
        """Delete records, up to a thousand in a request."""
        self._delete(self._releases, keys)

    def list_assets(self) -> dict[str, Stored]:
        """Return all assets by name, from one listing of a request per thousand."""
        return self._list(self._assets)

    def delete_assets(self, names: Iterable[str]) -> None:
        """Delete assets, up to a thousand in a request."""
        self._delete(self._assets, names)

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:
        """Write an asset, if the name is free (``If-None-Match: *``)."""
        return self._create(f"{self._assets}/{name}", body, headers)

    def replace_asset(self, name: str, body: bytes, headers: Headers) -> None:
        """Write an asset, in one request: the ETag of a multipart upload would be no MD5."""
        key = f"{self._assets}/{name}"
        with self._doing(f"writing {key}"):
            obstore.put(self._store, key, body, attributes=headers, use_multipart=False)

    def holds(self, name: str, stored: Stored, body: bytes) -> bool:  # noqa: ARG002 - see Store
        """Compare size and ETag; where the ETag is no MD5, the asset counts as another."""
        return stored == Stored(len(body), md5(body))

    def settle(self) -> None:
        """Do nothing: an object is durable when the store has said so."""

    def _list(self, prefix: str, folder: str = "") -> dict[str, Stored]:
        under = f"{prefix}/{folder}".rstrip("/")
        with self._doing(f"listing {under}/"):
            pages = obstore.list(self._store, under, chunk_size=PAGE)
            found = {
                entry["path"][len(prefix) + 1 :]: Stored(
                    entry["size"], digest_of(entry["e_tag"]), entry["last_modified"]
                )
                for page in pages
                for entry in page
            }
        self.calls.add(max(0, (len(found) - 1) // PAGE))
        return found

    def _delete(self, prefix: str, names: Iterable[str]) -> None:
        for some in batches(sorted(names), PAGE):
            with self._doing(f"deleting {prefix}/{some[0]}{and_more(some)}"):
                self._delete_surely([f"{prefix}/{name}" for name in some])

    def _delete_surely(self, keys: list[str]) -> None:
        """Delete, and try again; obstore would, too, but not say so."""
        deadline = time.monotonic() + transport.GIVING_UP
        for attempt in itertools.count():
            try:
                obstore.delete(self._asking_once, keys)
                return
            except (BaseError, OSError):
                self.is_sure = False
                if attempt >= transport.RETRIES or time.monotonic() >= deadline:
                    raise
            time.sleep(min(transport.LONGEST_PAUSE, transport.FIRST_PAUSE * 2**attempt))

    def _create(self, key: str, body: bytes, headers: Headers) -> bool:
        with self._doing(f"writing {key}"):
            for _ in range(ATTEMPTS - 1):
                try:
                    return self._created(key, body, headers)
                except BaseError as error:
                    if not is_undecided(str(error)):
                        raise
                time.sleep(transport.FIRST_PAUSE)
            return self._created(key, body, headers)

    def _created(self, key: str, body: bytes, headers: Headers) -> bool:
        try:
            obstore.put(self._store, key, body, attributes=headers, mode="create")
        except AlreadyExistsError as error:
            if CONFLICT in str(error):
                raise
            return False
        return True

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        self.calls.add()
        try:
            yield
        except (BaseError, OSError) as error:
            raise StoreError(f"{what} in {self.place} failed: {cause_of(str(error))}") from error


def batches(names: list[str], size: int) -> Iterator[list[str]]:
    """Yield the names, so many at a time."""
    for start in range(0, len(names), size):
        yield names[start : start + size]


def and_more(names: list[str]) -> str:
    """Return how many there are beside the first, in words."""
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def digest_of(etag: str | None) -> str | None:
    """Return the MD5 in an ETag, or None where it is not one, as after a multipart upload."""
    digest = (etag or "").strip('"')
    return digest if re.fullmatch(r"[0-9a-f]{32}", digest) else None


def is_undecided(message: str) -> bool:
    """Return whether nobody knows what came of a conditional write, and obstore asked only once.

    It does not repeat one after a time-out or a reset, as it could not tell whether it was the
    first that took the name. Here that makes no difference.
    """
    return CONFLICT in message or (
        "status code" not in message and not re.search(r"after \d+ retries", message)
    )


def cause_of(message: str) -> str:
    """Return the part of an obstore message that names the cause, in one line."""
    for pattern in CAUSES:
        found = pattern.search(message)
        if found:
            code = found.groupdict().get("code")
            return found["cause"].strip() + (f" ({code})" if code else "")
    return message.partition("\n")[0]
