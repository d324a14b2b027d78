"""Checkers of what answers at all: pages, assets, misses, connections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.judge.evidence import (
    Judgement,
    blame,
    describe_need,
    describe_page,
    display_asset,
    has_come,
    is_external,
    is_refused,
    iterate_assets,
    name_asset,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from lab.history import Fetch, Run


def judge_pages(run: Run) -> Iterator[Judgement]:
    """Judge every page that something answered: 200, or a redirect to what is judged itself.

    It judges less of an external site: see `may_fail`.
    """
    answered = {fetch.url for fetch in run.fetches if fetch.role == "page" and has_come(fetch)}
    for index, fetch in enumerate(run.fetches):
        answer = fetch.answer
        if fetch.role != "page" or is_refused(fetch):
            continue
        if answer.status == 200 or answer.redirected_to:
            yield Judgement(index)
            continue
        if is_external(run) and may_fail(fetch, answered):
            continue
        if is_external(run) and answer.status == 429:
            yield Judgement(index, doubt=TOO_FAST)
            continue
        says = f' ("{shorten_excerpt(answer.excerpt)}")' if answer.excerpt else ""
        came = f"{answer.status}{says}"
        sentence = f"{describe_page(fetch)} answered {came}; it should have answered 200"
        kind = str(answer.status)
        yield blame(index, run, fetch, kind=kind, came=came, expected="200", sentence=sentence)


TOO_FAST = "the site asks for fewer requests (429): give a lower --rate"


def may_fail(fetch: Fetch, answered: Container[str]) -> bool:
    """Say whether a page of an external site need not answer 200.

    A link that is dead, or that is for those who have logged in, is so from beginning to end: its
    4xx becomes a fault when the same page also came, or when it is where the visit begins.
    """
    status = fetch.answer.status or 0
    if has_come(fetch):
        return True
    is_always = fetch.url not in answered and fetch.how != "seed"
    return 400 <= status < 500 and status != 429 and is_always


def shorten_excerpt(text: str, width: int = 80) -> str:
    """Return the words of an error page, on one line."""
    line = " ".join(re.sub(r"<[^>]*(?:>|$)", " ", text).split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def judge_assets(run: Run) -> Iterator[Judgement]:
    """Judge every asset that something answered.

    A redirect is judged where it leads; but a static file of the lab has to be there itself.
    """
    yield from doubt_forbidden_assets(run)
    leads = {fetch.url: to for fetch in run.fetches if (to := fetch.answer.redirected_to)}
    for index, fetch in iterate_assets(run):
        name, target = name_asset(run, fetch.url), fetch.answer.redirected_to
        may_redirect = name is None or is_external(run)
        if is_refused(fetch) or (target and may_redirect and not leads_nowhere(target, leads)):
            continue
        if is_external(run) and fetch.answer.status == 429:
            yield Judgement(index, doubt=TOO_FAST)
            continue
        if has_come(fetch):
            yield Judgement(index)
            continue
        kind = str(fetch.answer.status)
        came = f"{kind}, a redirect to {target}" if target else kind
        owner = describe_owner(run, name, fetch.release) if name and run.records else ""
        need = describe_need(run, fetch)
        sentence = f"{need} answered {came}{owner}; it should have answered 200"
        yield blame(index, run, fetch, kind=kind, came=came, expected="200", sentence=sentence)


def doubt_forbidden_assets(run: Run) -> Iterator[Judgement]:
    """Doubt what the probe was not allowed to look at, though pages need it."""
    for event in run.events:
        if event.event == "forbidden" and event.detail.get("role") == "asset":
            what = display_asset(run, str(event.detail.get("what")))
            yield Judgement(doubt=f"robots.txt forbids {what}")


def leads_nowhere(target: str, leads: Mapping[str, str]) -> bool:
    """Say whether redirects end where they began."""
    seen = set()
    while target in leads and target not in seen:
        seen.add(target)
        target = leads[target]
    return target in leads


def describe_owner(run: Run, name: str, release: str | None) -> str:
    """Return whose asset a missing one is, by the records."""
    owners = [record.release for record in run.records.values() if name in record.assets]
    if release in owners:
        return f" ({release} was built with it)"
    return f" (it is {' and '.join(owners)}'s)" if owners else " (no release was built with it)"


def judge_misses(run: Run) -> Iterator[Judgement]:
    """Judge every answer for an asset: an error that a cache may keep outlives its cause."""
    for index, fetch in enumerate(run.fetches):
        status, header = fetch.answer.status, fetch.answer.cache_control
        if fetch.role != "asset" or status is None or fetch.cached:
            continue
        if fetch.how == "absent" and status < 400:
            expected = "an error"
        elif status >= 400 and may_be_kept(header, lenient=is_external(run)):
            expected = "no-store"
        else:
            yield Judgement(index)
            continue
        came = f'Cache-Control "{header}"' if header else "no Cache-Control"
        answer = f"the answer {status} for {display_asset(run, fetch.url)} came with {came}"
        sentence = f"{answer}; it should have been {expected}"
        kind = f"{status}: {header or 'no Cache-Control'}"
        yield blame(index, run, fetch, kind=kind, came=came, expected=expected, sentence=sentence)


def may_be_kept(header: str | None, *, lenient: bool) -> bool:
    """Say whether a cache may keep an answer; leniently, whether it was told to.

    Without that header a cache may guess how long,
    https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2, and few sites send it.
    """
    directives = dict(split_directive(part) for part in (header or "").lower().split(","))
    if "immutable" in directives:
        return True
    if not lenient:
        return "no-store" not in directives
    if directives.keys() & {"no-store", "no-cache", "private"}:
        return False
    return any(directives.get(name, "").strip("0") for name in ("max-age", "s-maxage"))


def split_directive(part: str) -> tuple[str, str]:
    """Return the name and the value of one directive of Cache-Control."""
    name, _equals, value = part.partition("=")
    return name.strip(), value.strip().strip('"')


def judge_connections(run: Run) -> Iterator[Judgement]:
    """Judge every request: something has to answer it, and not the gateway in its stead."""
    for index, fetch in enumerate(run.fetches):
        if fetch.cached:
            continue
        if is_refused(fetch):
            yield judge_refusal(index, run, fetch)
        else:
            yield Judgement(index)


def judge_refusal(index: int, run: Run, fetch: Fetch) -> Judgement:
    """Return the fault of a request that nothing answered."""
    error, status = fetch.answer.error, fetch.answer.status
    met = f"failed ({error})" if error else f"answered {status}"
    subject = describe_page(fetch) if fetch.role == "page" else describe_need(run, fetch)
    sentence = f"{subject} {met} for visitor {fetch.visitor}; it should have been answered"
    kind = error.partition(":")[0] if error else str(status)
    came = error or str(status)
    return blame(index, run, fetch, kind=kind, came=came, expected="an answer", sentence=sentence)
