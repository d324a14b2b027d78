"""A bucket as the store: on S3 or on Google Cloud, and on Azure but for the listing."""

from __future__ import annotations

import itertools
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from skewproof import transport
from skewproof.content import md5
from skewproof.errors import StoreError
from skewproof.parallel import parallel
from skewproof.store import Counter, Headers, Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from obstore.store import ObjectStore

WORKERS = 64  # 15% faster than 32 at 20 ms a request, and as fast without latency
PAGE = 1000  # keys in one page of a listing, by the protocol
ATTEMPTS = 3  # at a conditional write that was not decided
# AWS: the write met a deletion, so the name may be free.
CONFLICT = "ConditionalRequestConflict"
CAUSES = (
    re.compile(
        r"status code: (?P<cause>\d{3}[^:\n]*)(?:.*?<Code>(?P<code>\w+)</Code>)?", re.DOTALL
    ),
    re.compile(r'message: "(?P<cause>[^"]+)"'),
    re.compile(r'error: "(?P<cause>[^"]+)"'),
    re.compile(r"kind: (?P<cause>Timeout)"),
)


@dataclass(frozen=True)
class Area:
    """Where assets are, or manifests: a bucket and a prefix in it.

    Attributes:
        store: The bucket, trying again what fails.
        asking_once: The bucket, not trying again.
        prefix: What all keys begin with, without the slash behind it; may be empty.
        bucket: Its name.
    """

    store: ObjectStore
    asking_once: ObjectStore
    prefix: str
    bucket: str = ""

    def key(self, name: str) -> str:
        """Return the key of a name."""
        return f"{self.prefix}/{name}" if self.prefix else name


class Bucket:
    """The assets and manifests, in one bucket or two.

    Args:
        assets: Where the assets are.
        releases: Where the manifests are, and the notes.
        place: Where both are, for messages.
        at_once: How many keys one request deletes.
    """

    def __init__(self, assets: Area, releases: Area, place: str, at_once: int = PAGE) -> None:
        self._assets = assets
        self._releases = releases
        self._at_once = at_once
        self.place = place
        self.workers = WORKERS
        self.calls = Counter()
        self.is_sure = True

    def read_record(self, key: str) -> bytes | None:
        """Return a record, or None when there is none."""
        key = self._releases.key(key)
        with self._doing(f"reading {key}"):
            try:
                return bytes(obstore.get(self._releases.store, key).bytes())
            except FileNotFoundError as error:
                if is_bucket_missing(error):
                    raise
                return None

    def create_record(self, key: str, content: bytes) -> bool:
        """Write a record, if the key is free."""
        return self._create(self._releases, key, content, {"Content-Type": "application/json"})

    def list_records(self, folder: str = "") -> dict[str, Stored]:
        """Return all records by key, or those of one folder."""
        return self._list(self._releases, folder)

    def delete_records(self, keys: Iterable[str]) -> None:
        """Delete records, on S3 up to a thousand in a request."""
        self._delete(self._releases, keys)

    def list_assets(self) -> dict[str, Stored]:
        """Return all assets by name, from one listing of a request per thousand."""
        return self._list(self._assets)

    def delete_assets(self, names: Iterable[str]) -> None:
        """Delete assets, on S3 up to a thousand in a request."""
        self._delete(self._assets, names)

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:
        """Write an asset, if the name is free (``If-None-Match: *``, or what the store has)."""
        return self._create(self._assets, name, body, headers)

    def replace_asset(self, name: str, body: bytes, headers: Headers) -> None:
        """Write an asset, in one request: the ETag of a multipart upload would be no MD5."""
        key = self._assets.key(name)
        with self._doing(f"writing {key}"):
            obstore.put(self._assets.store, key, body, attributes=headers, use_multipart=False)

    def holds(self, name: str, stored: Stored, body: bytes) -> bool:  # noqa: ARG002 - see Store
        """Compare size and ETag; where the ETag is no MD5, the asset counts as another."""
        return stored == Stored(len(body), md5(body))

    def settle(self) -> None:
        """Do nothing: an object is durable when the store has said so."""

    def _list(self, area: Area, folder: str = "") -> dict[str, Stored]:
        under = area.key(folder).rstrip("/")
        with self._doing(f"listing {under}/"):
            pages = list(self._pages(area, under))
        self.calls.add(max(0, len(pages) - 1))
        start = len(area.key(""))
        return {key[start:]: stored for page in pages for key, stored in page.items()}

    def _pages(self, area: Area, under: str) -> Iterator[dict[str, Stored]]:
        for page in obstore.list(area.store, under, chunk_size=PAGE):
            yield {
                each["path"]: Stored(each["size"], digest_of(each["e_tag"]), each["last_modified"])
                for each in page
            }

    def _delete(self, area: Area, names: Iterable[str]) -> None:
        keys = sorted(area.key(name) for name in names)
        for _ in parallel(partial(self._delete_some, area), batches(keys, self._at_once), WORKERS):
            pass

    def _delete_some(self, area: Area, keys: list[str]) -> None:
        with self._doing(f"deleting {keys[0]}{and_more(keys)}"):
            self._delete_surely(area, keys)

    def _delete_surely(self, area: Area, keys: list[str]) -> None:
        """Delete, and try again; obstore would, too, but not say so."""
        deadline = time.monotonic() + transport.GIVING_UP
        for attempt in itertools.count():
            try:
                self._ask_to_delete(area, keys)
                return
            except FileNotFoundError as error:
                if is_bucket_missing(error):
                    raise
                return
            except (BaseError, OSError) as error:
                if 'code: "AccessDenied"' in str(error):
                    raise  # an answer: nothing more is on its way
                self.is_sure = False
                if attempt >= transport.RETRIES or time.monotonic() >= deadline:
                    raise
            time.sleep(min(transport.LONGEST_PAUSE, transport.FIRST_PAUSE * 2**attempt))

    def _ask_to_delete(self, area: Area, keys: list[str]) -> None:
        obstore.delete(area.asking_once, keys)

    def _create(self, area: Area, name: str, body: bytes, headers: Headers) -> bool:
        key = area.key(name)
        with self._doing(f"writing {key}"):
            for _ in range(ATTEMPTS - 1):
                try:
                    return self._created(area, key, body, headers)
                except BaseError as error:
                    if not is_undecided(str(error)):
                        raise
                time.sleep(transport.FIRST_PAUSE)
            return self._created(area, key, body, headers)

    def _created(self, area: Area, key: str, body: bytes, headers: Headers) -> bool:
        try:
            obstore.put(area.store, key, body, attributes=headers, mode="create")
        except AlreadyExistsError as error:
            if not is_taken(str(error)):
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


def is_bucket_missing(error: FileNotFoundError) -> bool:
    """Return whether it is the bucket that is not there, or the container."""
    return any(code in str(error) for code in ("NoSuchBucket", "ContainerNotFound"))


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


def is_taken(message: str) -> bool:
    """Return whether it is the name that is taken; obstore takes every conflict for that."""
    return "409 Conflict" not in message or "BlobAlreadyExists" in message


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
