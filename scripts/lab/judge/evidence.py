"""What a checker says of a sighting, and how it words it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lab.judge.names import find_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.history import Fetch, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One broken promise: when, on which page, what came and what should have come.

    `kind` is what broken promises are counted by: a status, an error, a type, an owner.
    """

    t: float
    kind: str
    release: str | None
    page: str | None
    asset: str | None
    came: str
    expected: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """One sighting, judged.

    It has evidence when a promise was broken, a doubt when that cannot be told, else neither.
    `index` is that of its fetch in the run; None for what is not about a fetch.
    """

    index: int | None = None
    evidence: Evidence | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """A promise, how to see that it was broken, and why it may not apply to a run."""

    name: str
    promise: str
    judge: Callable[[Run], Iterator[Judgement]]
    excuse: Callable[[Run], str | None] = lambda _run: None


def blame(
    index: int, run: Run, fetch: Fetch, *, kind: str, came: str, expected: str, sentence: str
) -> Judgement:
    """Return the judgement that a fetch broke a promise."""
    page = display_page(fetch.page) if fetch.page else None
    asset = None if fetch.role == "page" else display_asset(run, fetch.url)
    says = f"at {fetch.t:.2f} s {sentence}"
    return Judgement(
        index,
        Evidence(
            t=fetch.t,
            kind=kind,
            release=fetch.release,
            page=page,
            asset=asset,
            came=came,
            expected=expected,
            sentence=says,
        ),
    )


def is_refused(fetch: Fetch) -> bool:
    """Say whether nothing answered, or only a gateway that reached no replica."""
    return fetch.answer.error is not None or fetch.answer.status in (502, 503, 504)


def has_come(fetch: Fetch) -> bool:
    """Say whether the page or the asset itself came."""
    return 200 <= (fetch.answer.status or 0) < 300


def iterate_assets(run: Run) -> Iterator[tuple[int, Fetch]]:
    """Yield the fetches of assets that should be there."""
    for index, fetch in enumerate(run.fetches):
        if fetch.role == "asset" and fetch.how != "absent":
            yield index, fetch


def find_static_prefix(run: Run) -> str | None:
    """Return the URL prefix of hashed assets, where the history knows it."""
    return run.header.static if run.header else None


def is_external(run: Run) -> bool:
    """Say whether a run is about an external site, which promises less than the lab's stacks."""
    return run.header is not None and run.header.engine is None


def name_asset(run: Run, url: str) -> str | None:
    """Return the name of an asset under the static prefix; None for what lies elsewhere."""
    static = find_static_prefix(run)
    return name_under((static,) if static else run.prefixes, url)


@lru_cache(maxsize=1 << 14)
def name_under(prefixes: tuple[str, ...], url: str) -> str | None:
    """Return what follows the first of these prefixes in a URL; None where it has none."""
    for prefix in prefixes:
        if url.startswith(prefix):
            return unquote(url.removeprefix(prefix).partition("?")[0])
    return None


def find_prefixes(run: Run) -> tuple[str, ...]:
    """Return where a site has the files of the records, the longest first: by the hashed names."""
    names = {name for record in run.records.values() for name in record.assets if find_hash(name)}
    found = set()
    for url in {unquote(fetch.url.partition("?")[0]) for fetch in run.fetches}:
        slashes = [place for place, character in enumerate(url) if character == "/"]
        found |= {url[: place + 1] for place in slashes[2:] if url[place + 1 :] in names}
    return tuple(sorted(found, key=len, reverse=True))


@lru_cache(maxsize=1 << 14)
def display_page(url: str) -> str:
    """Return what to call a page: its path and query."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def display_asset(run: Run, url: str) -> str:
    """Return what to call an asset: its name, or its path where it is no static file."""
    return name_asset(run, url) or display_page(url)


def describe_page(fetch: Fetch) -> str:
    """Return `v1's page /cart/`."""
    owner = f"{fetch.release}'s" if fetch.release else "the"
    return f"{owner} page {display_page(fetch.page or fetch.url)}"


def describe_need(run: Run, fetch: Fetch) -> str:
    """Return `css/site.….css, which v1's page / needs,`, or who else asked for it."""
    name = display_asset(run, fetch.url)
    if fetch.page:
        return f"{name}, which {describe_page(fetch)} needs,"
    if fetch.how == "watch":
        return f"{name}, watched as {fetch.release}'s," if fetch.release else f"{name}, watched,"
    return f"{name}, which no release has,"
