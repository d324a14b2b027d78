"""Two ways to one bucket: a listing that the fast way cannot end, the rule ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from skewproof.stores.either import Either
from skewproof.stores.store import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skewproof.stores.bucket import Client
    from skewproof.stores.either import FastClient

PAGES = [{"a": Stored(1)}, {"b": Stored(2)}]


class Rule:
    """Lists every page."""

    failures = (OSError,)
    at_once = 1000

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:  # noqa: ARG002
        yield from PAGES


class Fast(Rule):
    """Fails after the first page of each listing."""

    def __init__(self, error: str) -> None:
        self.error = error
        self.listings = 0

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:  # noqa: ARG002
        self.listings += 1
        yield PAGES[0]
        raise OSError(self.error)

    def is_beyond(self, error: Exception) -> bool:
        return str(error) == "beyond"

    def is_unreadable(self, error: Exception) -> bool:
        return str(error) == "unreadable"


def make(error: str) -> tuple[Fast, Either]:
    fast: Any = Fast(error)
    return fast, Either(cast("FastClient", fast), lambda: cast("Client", Rule()))


def listed(client: Either) -> dict[str, Stored]:
    return {key: stored for page in client.list_pages("static") for key, stored in page.items()}


@pytest.mark.parametrize(("error", "listings"), [("unreadable", 2), ("beyond", 1)])
def test_a_listing_that_fails_on_its_second_page_is_whole(error: str, listings: int) -> None:
    """What is beyond the fast way is so for all that follows; odd keys only for this listing."""
    fast, client = make(error)
    for _ in range(2):
        assert listed(client) == {"a": Stored(1), "b": Stored(2)}
    assert fast.listings == listings


def test_a_store_that_fails_on_the_second_page_fails_the_listing() -> None:
    _, client = make("down")
    with pytest.raises(OSError, match="down"):
        listed(client)
