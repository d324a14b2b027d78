"""The fast way to a bucket on S3: obstore, a library in Rust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, ClassVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, InvalidPathError

from skewproof.errors import OptionError, conceal
from skewproof.redaction import redact
from skewproof.stores import bucket
from skewproof.stores.store import Headers, Stored, find_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

# ADR 29: obstore's errors have neither status nor code, so both are found in their text. All that
# is ever looked for stands here; tests/unit/skewproof/test_messages.py holds real messages.
PHRASES = {
    "the bucket is missing": re.compile("NoSuchBucket"),
    "a conflict": re.compile("409 Conflict"),
    "the write met a deletion": re.compile("ConditionalRequestConflict"),
    "the deletion is refused": re.compile('code: "AccessDenied"'),
    "a redirect": re.compile("[Rr]edirect"),
}
STATUS = re.compile(r"status code: (?P<status>\d{3})")
CAUSES = (
    re.compile(
        r"status code: (?P<cause>\d{3}[^:\n]*)(?:.*?<Code>(?P<code>\w+)</Code>)?"
        r"(?:.*?<Message>(?P<message>[^<]+)</Message>)?",
        re.DOTALL,
    ),
    re.compile(r'message: "(?P<cause>[^"]+)"'),
    re.compile(r'error: "(?P<cause>[^"]+)"'),
    re.compile(r"kind: (?P<cause>Timeout)"),
)


def says(error: Exception, what: str) -> bool:
    """Return whether an error says one of the things that PHRASES lists."""
    return PHRASES[what].search(str(error)) is not None


def read_cause(message: str) -> str:
    """Return the part of an obstore message that names the cause, in one line."""
    for pattern in CAUSES:
        found = pattern.search(message)
        if found:
            said = found.groupdict()
            code = f" ({said['code']})" if said.get("code") else ""
            text = f": {unescape(said['message'])}" if said.get("message") else ""
            return " ".join(f"{found['cause'].strip()}{code}{text}".split())
    return message.partition("\n")[0]


@dataclass(frozen=True)
class ObstoreClient:
    """One bucket, through obstore.

    Attributes:
        store: The bucket, trying again what fails.
        asking_once: The bucket, not trying again: obstore would not say that it did.
        has_lost_access: Returns whether what gives credentials has failed.
    """

    store: ObjectStore
    asking_once: ObjectStore
    has_lost_access: Callable[[], bool] = lambda: False

    at_once: ClassVar[int] = bucket.PAGE
    failures: ClassVar[tuple[type[Exception], ...]] = (BaseError, OSError)

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:
        """Yield what is below a prefix, by key, page by page."""
        for page in obstore.list(self.store, under, chunk_size=bucket.PAGE):
            yield read_page(page)

    def list_folder(self, under: str) -> tuple[list[str], dict[str, Stored]]:
        """Return the prefixes right below a prefix, without a slash, and the objects there."""
        found = obstore.list_with_delimiter(self.store, under)
        return list(found["common_prefixes"]), read_page(found["objects"])

    def read(self, key: str) -> bytes | None:
        """Return an object, or None when there is none."""
        try:
            return bytes(obstore.get(self.store, key).bytes())
        except FileNotFoundError as error:
            if says(error, "the bucket is missing"):
                raise
            return None

    def create(self, key: str, body: bytes, headers: Headers) -> bool:
        """Write an object; return False if the key is taken.

        obstore does not repeat a conditional write after a time-out or a reset, as it could not
        tell whether it was the first that took the name. Here that makes no difference.
        """
        return bucket.insist(lambda: self._create(key, body, headers), self._is_decided)

    def _create(self, key: str, body: bytes, headers: Headers) -> bool:
        try:
            obstore.put(self.asking_once, key, body, attributes=headers, mode="create")
        except AlreadyExistsError as error:
            if not is_taken(error):
                raise
            return False
        return True

    def _is_decided(self, error: Exception) -> bool:
        """Return whether a conditional write would fail again."""
        return self.has_lost_access() or is_decided(error)

    def replace(self, key: str, body: bytes, headers: Headers) -> None:
        """Write an object, in one request: the ETag of a multipart upload would be no MD5."""
        obstore.put(self.store, key, body, attributes=headers, use_multipart=False)

    def delete(self, keys: list[str]) -> None:
        """Ask once to delete objects; those that are not there count as deleted."""
        try:
            obstore.delete(self.asking_once, keys)
        except FileNotFoundError as error:
            if says(error, "the bucket is missing"):
                raise

    def is_final(self, error: Exception) -> bool:
        """Return whether the store refused a deletion, so that no request is on its way."""
        return (
            isinstance(error, FileNotFoundError)
            or says(error, "the deletion is refused")
            or self.is_beyond(error)
        )

    def is_beyond(self, error: Exception) -> bool:
        """Return whether the storage's own client may do better, or has to say what is wrong."""
        return self.has_lost_access() or is_refusal(error)

    def is_unreadable(self, error: Exception) -> bool:
        """Return whether a listing holds keys that obstore cannot read."""
        return isinstance(error, InvalidPathError)

    def find_cause(self, error: Exception) -> str:
        """Return what the error says, in one line."""
        return read_cause(redact(str(error)))


def read_page(page: Iterable[ObjectMeta]) -> dict[str, Stored]:
    """Return the objects of a page by key."""
    return {
        each["path"]: Stored(each["size"], find_digest(each["e_tag"]), each["last_modified"])
        for each in page
    }


def is_taken(error: Exception) -> bool:
    """Return whether the name is taken; obstore says so of every conflict."""
    return not says(error, "a conflict")


def read_status(error: Exception) -> int:
    """Return the HTTP status that an error names, 0 where the store did not answer."""
    found = STATUS.search(str(error))
    return int(found["status"]) if found else 0


def is_refusal(error: Exception) -> bool:
    """Return whether the store will not do what was asked, however often it is."""
    status = read_status(error)
    is_known = 300 <= status < 500 and status not in bucket.PASSING
    return is_known or status == 501 or says(error, "a redirect")


def is_decided(error: Exception) -> bool:
    """Return whether a conditional write would fail again.

    AWS wants it repeated after it has met a deletion, after which the name may be free.
    """
    is_about_it = isinstance(error, BaseError) and not is_refusal(error)
    return not (is_about_it or says(error, "the write met a deletion"))


def open_twice(
    open_with: Callable[[RetryConfig], ObjectStore],
) -> tuple[ObjectStore, ObjectStore]:
    """Return the same store twice: trying again, and asking once.

    Raises:
        OptionError: The options, or variables that obstore looks at by itself, make no sense.
    """
    try:
        return open_with(make_retry_config(bucket.RETRIES)), open_with(make_retry_config(0))
    except BaseError as error:
        cause = redact(str(error)).partition("\n")[0]
        raise OptionError(f"obstore cannot open the store: {cause}") from conceal(error)


def make_client_options(endpoint: str, largest: int) -> ClientConfig:
    """Return time-outs, which grow with the largest file, and whether TLS may be missing."""
    return {
        "allow_http": endpoint.startswith("http:"),
        "connect_timeout": timedelta(seconds=bucket.CONNECTING),
        "timeout": timedelta(seconds=bucket.find_patience(largest)),
    }


def make_retry_config(retries: int) -> RetryConfig:
    """Return a bounded back-off after throttling, 5xx answers and lost connections."""
    return {
        "max_retries": retries,
        "retry_timeout": timedelta(seconds=bucket.GIVING_UP),
        "backoff": {
            "init_backoff": timedelta(seconds=bucket.FIRST_PAUSE),
            "max_backoff": timedelta(seconds=bucket.LONGEST_PAUSE),
            # obstore draws each pause from between the first and this multiple of the last: with 2,
            # they would hardly grow.
            "base": 3,
        },
    }
