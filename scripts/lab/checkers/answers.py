"""Checkers of what answers at all: pages, assets, misses, connections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .evidence import (
    Judged,
    asset_name,
    broken,
    describe_need,
    describe_page,
    display_asset,
    has_come,
    is_refused,
    iterate_assets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.history import Fetch, Run


def page_answers(run: Run) -> Iterator[Judged]:
    """Judge every page that something answered: 200, or a redirect to what is judged itself."""
    for index, fetch in enumerate(run.fetches):
        answer = fetch.answer
        if fetch.role != "page" or is_refused(fetch):
            continue
        if answer.status == 200 or answer.redirected_to:
            yield Judged(index)
            continue
        says = f' ("{_shorten(answer.excerpt)}")' if answer.excerpt else ""
        came = f"{answer.status}{says}"
        sentence = f"{describe_page(fetch)} answered {came}; it should have answered 200"
        kind = str(answer.status)
        yield broken(index, run, fetch, kind=kind, came=came, expected="200", sentence=sentence)


def _shorten(text: str, width: int = 80) -> str:
    """Return the words of an error page, on one line."""
    line = " ".join(re.sub(r"<[^>]*(?:>|$)", " ", text).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def asset_resolves(run: Run) -> Iterator[Judged]:
    """Judge every asset that something answered.

    A redirect is judged where it leads; but a static file has to be there itself.
    """
    for index, fetch in iterate_assets(run):
        name, target = asset_name(run, fetch.url), fetch.answer.redirected_to
        if is_refused(fetch) or (target and name is None):
            continue
        if has_come(fetch):
            yield Judged(index)
            continue
        kind = str(fetch.answer.status)
        came = f"{kind}, a redirect to {target}" if target else kind
        owner = _describe_owner(run, name, fetch.release) if name and run.records else ""
        need = describe_need(run, fetch)
        sentence = f"{need} answered {came}{owner}; it should have answered 200"
        yield broken(index, run, fetch, kind=kind, came=came, expected="200", sentence=sentence)


def _describe_owner(run: Run, name: str, release: str | None) -> str:
    """Return whose asset a missing one is, by the records."""
    owners = [record.release for record in run.records.values() if name in record.assets]
    if release in owners:
        return f" ({release} was built with it)"
    return f" (it is {' and '.join(owners)}'s)" if owners else " (no release was built with it)"


def miss_uncacheable(run: Run) -> Iterator[Judged]:
    """Judge every answer for an asset: an error that a cache may keep outlives its cause."""
    for index, fetch in enumerate(run.fetches):
        status, header = fetch.answer.status, fetch.answer.cache_control
        if fetch.role != "asset" or status is None or fetch.cached:
            continue
        if fetch.how == "absent" and status < 400:
            expected = "an error"
        elif status >= 400 and not _forbids_storing(header):
            expected = "no-store"
        else:
            yield Judged(index)
            continue
        came = f'Cache-Control "{header}"' if header else "no Cache-Control"
        answer = f"the answer {status} for {display_asset(run, fetch.url)} came with {came}"
        sentence = f"{answer}; it should have been {expected}"
        kind = f"{status}: {header or 'no Cache-Control'}"
        yield broken(index, run, fetch, kind=kind, came=came, expected=expected, sentence=sentence)


def _forbids_storing(header: str | None) -> bool:
    directives = {part.partition("=")[0].strip().lower() for part in (header or "").split(",")}
    return "no-store" in directives and "immutable" not in directives


def nothing_refused(run: Run) -> Iterator[Judged]:
    """Judge every request: something has to answer it, and not the gateway in its stead."""
    for index, fetch in enumerate(run.fetches):
        if fetch.cached:
            continue
        if is_refused(fetch):
            yield _refused(index, run, fetch)
        else:
            yield Judged(index)


def _refused(index: int, run: Run, fetch: Fetch) -> Judged:
    error, status = fetch.answer.error, fetch.answer.status
    met = f"failed ({error})" if error else f"answered {status}"
    subject = describe_page(fetch) if fetch.role == "page" else describe_need(run, fetch)
    sentence = f"{subject} {met} for visitor {fetch.visitor}; it should have been answered"
    kind = error.partition(":")[0] if error else str(status)
    came = error or str(status)
    return broken(index, run, fetch, kind=kind, came=came, expected="an answer", sentence=sentence)
