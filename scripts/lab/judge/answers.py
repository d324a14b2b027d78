"""Checkers of what answers at all: pages, assets, misses, connections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.judge.evidence import (
    Judged,
    asset_name,
    broken,
    describe_need,
    describe_page,
    display_asset,
    has_come,
    is_foreign,
    is_refused,
    iterate_assets,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from lab.history import Fetch, Run


def page_answers(run: Run) -> Iterator[Judged]:
    """Judge every page that something answered: 200, or a redirect to what is judged itself.

    Of somebody else's site it judges less: see `_is_none_of_ours`.
    """
    answered = {fetch.url for fetch in run.fetches if fetch.role == "page" and has_come(fetch)}
    for index, fetch in enumerate(run.fetches):
        answer = fetch.answer
        if fetch.role != "page" or is_refused(fetch):
            continue
        if answer.status == 200 or answer.redirected_to:
            yield Judged(index)
            continue
        if is_foreign(run) and _is_none_of_ours(fetch, answered):
            continue
        if is_foreign(run) and answer.status == 429:
            yield Judged(index, doubt=_TOO_FAST)
            continue
        says = f' ("{_shorten(answer.excerpt)}")' if answer.excerpt else ""
        came = f"{answer.status}{says}"
        sentence = f"{describe_page(fetch)} answered {came}; it should have answered 200"
        kind = str(answer.status)
        yield broken(index, run, fetch, kind=kind, came=came, expected="200", sentence=sentence)


_TOO_FAST = "the site asks for fewer requests (429): give a lower --rate"


def _is_none_of_ours(fetch: Fetch, answered: Container[str]) -> bool:
    """Say whether a page of a foreign site need not answer 200.

    A link that is dead, or that is for those who have logged in, is so from beginning to end: its
    4xx becomes a fault when the same page also came, or when it is where the visit begins.
    """
    status = fetch.answer.status or 0
    if has_come(fetch):
        return True
    is_always = fetch.url not in answered and fetch.how != "seed"
    return 400 <= status < 500 and status != 429 and is_always


def _shorten(text: str, width: int = 80) -> str:
    """Return the words of an error page, on one line."""
    line = " ".join(re.sub(r"<[^>]*(?:>|$)", " ", text).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def asset_resolves(run: Run) -> Iterator[Judged]:
    """Judge every asset that something answered.

    A redirect is judged where it leads; but a static file of the lab has to be there itself.
    """
    yield from _forbidden_assets(run)
    leads = {fetch.url: to for fetch in run.fetches if (to := fetch.answer.redirected_to)}
    for index, fetch in iterate_assets(run):
        name, target = asset_name(run, fetch.url), fetch.answer.redirected_to
        may_redirect = name is None or is_foreign(run)
        if is_refused(fetch) or (target and may_redirect and not _leads_nowhere(target, leads)):
            continue
        if is_foreign(run) and fetch.answer.status == 429:
            yield Judged(index, doubt=_TOO_FAST)
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


def _forbidden_assets(run: Run) -> Iterator[Judged]:
    """Doubt what the probe was not allowed to look at, though pages need it."""
    for event in run.events:
        if event.event == "forbidden" and event.detail.get("role") == "asset":
            what = display_asset(run, str(event.detail.get("what")))
            yield Judged(doubt=f"robots.txt forbids {what}")


def _leads_nowhere(target: str, leads: Mapping[str, str]) -> bool:
    """Say whether redirects end where they began."""
    seen = set()
    while target in leads and target not in seen:
        seen.add(target)
        target = leads[target]
    return target in leads


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
        elif status >= 400 and _may_be_kept(header, lenient=is_foreign(run)):
            expected = "no-store"
        else:
            yield Judged(index)
            continue
        came = f'Cache-Control "{header}"' if header else "no Cache-Control"
        answer = f"the answer {status} for {display_asset(run, fetch.url)} came with {came}"
        sentence = f"{answer}; it should have been {expected}"
        kind = f"{status}: {header or 'no Cache-Control'}"
        yield broken(index, run, fetch, kind=kind, came=came, expected=expected, sentence=sentence)


def _may_be_kept(header: str | None, *, lenient: bool) -> bool:
    """Say whether a cache may keep an answer; leniently, whether it was told to.

    Without a word a cache may guess how long, https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2,
    and few sites say a word.
    """
    directives = dict(_directive(part) for part in (header or "").lower().split(","))
    if "immutable" in directives:
        return True
    if not lenient:
        return "no-store" not in directives
    if directives.keys() & {"no-store", "no-cache", "private"}:
        return False
    return any(directives.get(name, "").strip("0") for name in ("max-age", "s-maxage"))


def _directive(part: str) -> tuple[str, str]:
    name, _equals, value = part.partition("=")
    return name.strip(), value.strip().strip('"')


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
