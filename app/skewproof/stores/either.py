"""Two ways to one bucket: the fast one, until only the rule can follow what the store answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from skewproof.redaction import redact
from skewproof.stores.bucket import Area, Bucket, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from skewproof.stores.store import Headers, Stored

FAST = "through obstore, as the options are known to mean the same to it"
Result = TypeVar("Result")


class FastClient(Client, Protocol):
    """A client that knows what it cannot do."""

    def is_beyond(self, error: Exception) -> bool:
        """Return whether the rule has to be asked what the store wants."""

    def is_unreadable(self, error: Exception) -> bool:
        """Return whether a listing holds keys that this client cannot read."""


class Either:
    """A client that goes the fast way, and by the rule from the first answer that asks for it.

    Args:
        fast: The fast way.
        open_rule: Returns the rule; called when it is first needed.
    """

    def __init__(self, fast: FastClient, open_rule: Callable[[], Client]) -> None:
        self._fast = fast
        self._open_rule = open_rule
        self._rule: Client | None = None
        self._is_switched = False
        self._lock = threading.Lock()
        self.at_once = fast.at_once

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Return the errors of both."""
        return self._fast.failures + (self._rule.failures if self._rule else ())

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:
        """Yield what is below a prefix; keys that the fast way cannot read are left out.

        It is not kept here, so the rule, where it has to go on, begins with the first page again.
        """
        if not self._is_switched:
            try:
                yield from self._fast.list_pages(under)
            except self._fast.failures as error:
                if self._fast.is_beyond(error):
                    self._is_switched = True
                elif not self._fast.is_unreadable(error):
                    raise
            else:
                return
        yield from self._open().list_pages(under)

    def list_folder(self, under: str) -> tuple[list[str], dict[str, Stored]]:
        """Return the prefixes right below a prefix, without a slash, and the objects there."""

        def ask(client: Client) -> tuple[list[str], dict[str, Stored]]:
            try:
                return client.list_folder(under)
            except self._fast.failures as error:
                if not self._fast.is_unreadable(error):
                    raise
                # Only this listing: writing such keys is not what anybody wants.
                return self._open().list_folder(under)

        return self._ask(ask)

    def read(self, key: str) -> bytes | None:
        """Return an object, or None when there is none."""
        return self._ask(lambda client: client.read(key))

    def create(self, key: str, body: bytes, headers: Headers) -> bool:
        """Write an object; return False if the key is taken."""
        return self._ask(lambda client: client.create(key, body, headers))

    def replace(self, key: str, body: bytes, headers: Headers) -> None:
        """Write an object over what the key may hold."""
        self._ask(lambda client: client.replace(key, body, headers))

    def delete(self, keys: list[str]) -> None:
        """Ask once to delete objects."""
        self._ask(lambda client: client.delete(keys))

    def is_final(self, error: Exception) -> bool:
        """Return whether the store refused a deletion."""
        return self._client_of(error).is_final(error)

    def find_cause(self, error: Exception) -> str:
        """Return what the error says, in one line."""
        return self._client_of(error).find_cause(error)

    def _ask(self, ask: Callable[[Client], Result]) -> Result:
        if self._is_switched:
            return ask(self._open())
        try:
            return ask(self._fast)
        except self._fast.failures as error:
            if not self._fast.is_beyond(error):
                raise
        self._is_switched = True
        return ask(self._open())

    def _open(self) -> Client:
        with self._lock:
            if self._rule is None:
                self._rule = self._open_rule()
            return self._rule

    def _client_of(self, error: Exception) -> Client:
        """Return the client that raised an error."""
        is_fast = not self._is_switched and isinstance(error, self._fast.failures)
        return self._fast if is_fast or self._rule is None else self._rule


def prefer(
    fast: FastClient, open_rule: Callable[[], tuple[Client, Client]]
) -> tuple[Either, Either]:
    """Return the fast way to assets and to private files, each with the rule behind it."""
    return Either(fast, lambda: open_rule()[0]), Either(fast, lambda: open_rule()[1])


def make_bucket(
    storage: Any,
    releases_location: str,
    clients: tuple[Client, Client],
    way: str,
    *,
    in_doubt: bool = True,
) -> Bucket:
    """Return a bucket on S3, by the clients for assets and for private files."""
    server = f" at {redact(str(storage.endpoint_url))}" if storage.endpoint_url else ""
    assets = Area(clients[0], str(storage.location).strip("/"))
    private = Area(clients[1], releases_location)
    return Bucket(assets, private, f"s3://{storage.bucket_name}{server}", way, in_doubt=in_doubt)
