"""A look at an external site, whether it is being deployed or not."""

from __future__ import annotations

import json
import math
import re
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from urllib3.exceptions import InsecureRequestWarning

from lab import checkout
from lab.checkout import EXTERNAL
from lab.errors import LabError, UnavailableError, describe_error
from lab.history import About, Answer, Asset, Record, open_history
from lab.probe import (
    LONGEST_DELAY,
    Client,
    Guest,
    Limits,
    Manners,
    Probe,
    Reach,
    Robots,
    Site,
    follow,
    follow_to,
    is_loopback,
    make_session,
    read_address,
    resolve_host,
)
from lab.probe.links import resolve_url
from lab.probe.manners import GRACE, OVER, RATE, ROBOT_NAME
from lab.stacks.model import Say

if TYPE_CHECKING:
    import requests

LIMITS = Limits(pages=100, depth=10, body=10 * 1024 * 1024, assets=1000)
ANSWER_SECONDS = 10.0
HISTORY_MEGABYTES = 32
"""Size of a history, where none was given: the checkers read it as a whole."""
BRACKETS = 300_000
"""Objects and lists of a manifest, and some more than any has."""


@dataclass(frozen=True, kw_only=True)
class ProbeRequest:
    """What a person wants to know of a site.

    Attributes:
        url: where visits begin.
        visits: how many there are; counts only without `seconds`.
        seconds: how long to look, over and over.
        rate: requests a second.
        release_header: the header that names the release of an answer.
        release_pattern: what finds the release in a page without that header.
        manifest: as the option names them.
        insecure: whether any certificate will do.
        private: whether addresses may be asked that are inside some network, though the site's
            is not.
        history_size: megabytes that the history may have.
    """

    url: str
    visits: int = 1
    seconds: float | None = None
    rate: float | None = None
    release_header: str = "X-Release"
    release_pattern: str | None = None
    manifest: tuple[str, ...] = ()
    insecure: bool = False
    private: bool = False
    history_size: int = HISTORY_MEGABYTES


def probe_site(wanted: ProbeRequest, say: Say) -> Path:
    """Visit a site, and write the history.

    Raises:
        Interrupted: by Ctrl-C; the history has what was seen until then.
    """
    with warnings.catch_warnings(), ExitStack() as stack:
        if wanted.insecure:
            warnings.simplefilter("ignore", InsecureRequestWarning)
        make = partial(make_session, verify=not wanted.insecure)
        end = time.monotonic() + (wanted.seconds or math.inf)
        site = make_site(wanted)
        manners = Manners(site, find_reach(site.base, end, everywhere=wanted.private))
        manners.last_moment = end + GRACE
        client = stack.enter_context(closing(make_client(site, manners, make)))
        get = partial(follow, client)
        robots = Robots(get)
        site = find_base(site, robots, client)
        records = read_manifests(wanted.manifest, get)
        most = wanted.history_size * 1e6
        with open_history(
            About(folder=checkout.WORK / EXTERNAL, base=site.base, most=most), "probe", say
        ) as history:
            rate = wanted.rate or (None if is_loopback(site.base) else RATE)
            left = None if math.isinf(end) else max(end - time.monotonic(), 0.0)
            guest = Guest(site, robots, history, rate, left, reach=manners.reach)
            for record in records:
                history.add_release(record)
            with Probe(site, history, session=make, manners=guest) as probe:
                visit_site(probe, guest, wanted, say)
    return history.path


def make_client(site: Site, manners: Manners, make: Callable[[], requests.Session]) -> Client:
    """Return what asks before the first visit, with less patience."""
    total = min(site.limits.total, ANSWER_SECONDS)
    hasty = replace(site, limits=replace(site.limits, total=total))
    return Client(hasty, make(), time.monotonic, manners=manners)


def find_reach(base: str, end: float, *, everywhere: bool) -> Reach:
    """Return which addresses may be asked: those inside a network only if the site is there too.

    Raises:
        UnavailableError: the site has no address.
    """
    parts = urlsplit(base)
    seconds = max(min(ANSWER_SECONDS, end - time.monotonic()), 0.0)
    try:
        found = resolve_host(parts.hostname or "", parts.port or 0, seconds)
    except (OSError, UnicodeError) as error:
        raise UnavailableError(describe_silence(base, describe_error(error))) from error
    return Reach(tuple(read_address(str(each[4][0])) for each in found), everywhere)


def describe_silence(base: str, why: str) -> str:
    """Return that a site does not answer, and what to do."""
    return f"{base} does not answer: see that it is up, and that the URL is right ({why})"


def visit_site(probe: Probe, guest: Guest, wanted: ProbeRequest, say: Say) -> None:
    """Visit every page, so often or for so long, and ask once for what is not there."""
    rate = f"at most {guest.rate:g} requests a second" if guest.rate else "as fast as it answers"
    length = f" for {wanted.seconds:g} s" if wanted.seconds else ""
    say(f"visiting {probe.site.base}{length}, {rate}")
    done = 0
    while not guest.over and (wanted.seconds or done < wanted.visits):
        fetches = probe.crawl_once(stopping=lambda: guest.over)
        if done == 0 and guest.hashed:
            probe.ask_for_absent(urljoin(guest.hashed, "."))
        if all(fetch.answer.status is None for fetch in fetches):
            guest.rest()
        done += 1
    for line in guest.left_out():
        say(line)
    if probe.history.full:
        say(f"stopped: the history has its {wanted.history_size} MB")


def make_site(wanted: ProbeRequest) -> Site:
    """Return the site of a URL.

    Raises:
        LabError: it is none, or tells a password.
    """
    try:
        pattern = re.compile(wanted.release_pattern) if wanted.release_pattern else None
        header = wanted.release_header
        site = Site(base=wanted.url, release_header=header, release_pattern=pattern, limits=LIMITS)
    except re.error as error:
        raise LabError(f"--release-pattern {wanted.release_pattern}: {error}") from error
    except ValueError as error:
        raise LabError(str(error)) from error
    if urlsplit(wanted.url).username is not None:
        raise LabError("the probe logs in nowhere: give a URL without a name and a password")
    return replace(site, base=resolve_url(wanted.url, wanted.url) or wanted.url)


def find_base(site: Site, robots: Robots, client: Client) -> Site:
    """Return the site under the URL that its own leads to, such as that with https and www.

    Raises:
        LabError: robots.txt forbids it, or it leads to another site.
        UnavailableError: nothing answers.
    """
    require_answer(urljoin(site.base, "/robots.txt"), site.base, client)
    require_robots(site.base, robots)
    lead = require_answer(site.base, site.base, client)
    lead = resolve_url(lead, lead) or lead
    theirs, wanted = (urlsplit(url) for url in (lead, site.base))
    if (theirs.scheme, theirs.netloc) == (wanted.scheme, wanted.netloc):
        return site
    if bare_host(lead) != bare_host(site.base):
        raise LabError(f"{site.base} leads to {lead}: give that URL, if it is what you mean")
    require_robots(lead, robots)
    return replace(site, base=lead)


def bare_host(url: str) -> str:
    """Return the host of a URL without `www.`."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def require_robots(url: str, robots: Robots) -> None:
    """See that robots.txt lets the probe in.

    Raises:
        LabError: it does not, or answers with an error.
    """
    if not robots.allow(url):
        host = urlsplit(url).netloc
        raise LabError(
            f"robots.txt of {host} forbids {url}, or answers with an error: let the probe in by "
            f'the lines "User-agent: {ROBOT_NAME}" and "Allow: /"'
        )
    if robots.delay(url) > LONGEST_DELAY:
        raise LabError(
            f"robots.txt of {urlsplit(url).netloc} asks for {robots.delay(url):g} s between two "
            f"requests: let the probe ask every {LONGEST_DELAY:g} s or more often by the lines "
            f'"User-agent: {ROBOT_NAME}" and "Crawl-delay: 1"'
        )


SILENCES = {
    OVER: "not in time",
    "timeout": "not in time",
    "refused": "Connection refused",
    "reset": "the connection was reset",
}
"""What the name of a failure says to a person."""


def require_answer(url: str, base: str, client: Client) -> str:
    """See that the site answers, whatever the answer is; return the URL that it came from.

    Raises:
        UnavailableError: it does not.
    """
    lead, answer, _content = follow_to(client, url, hops=client.site.limits.redirects)
    if answer.status is None:
        error = answer.error or ""
        raise UnavailableError(describe_silence(base, SILENCES.get(error, error)))
    return lead


NAMED = re.compile(r"(?P<release>[\w.+-]*)=(?P<place>.+)", re.DOTALL)
Get = Callable[[str], tuple[Answer, bytes]]


def read_manifests(said: Iterable[str], get: Get) -> list[Record]:
    """Read what `--manifest` names.

    Args:
        said: `RELEASE=PLACE`, or only a place, a file or a URL: of what names no release.
        get: asks for a URL.

    Raises:
        LabError: one is not there or no manifest, or two are of one release.
    """
    records: dict[str, Record] = {}
    for each in said:
        named = NAMED.fullmatch(each)
        release, place = (named["release"], named["place"]) if named else ("", each)
        if release in records:
            raise LabError(
                f"manifest {each}: there is another of {release or 'no release'}; "
                "a release has one, as in --manifest v1=FILE --manifest v2=FILE"
            )
        records[release] = make_record(release, place, read_text(place, get))
    return list(records.values())


def read_text(place: str, get: Get) -> str:
    """Return the content of a file, or what a URL answers."""
    if not place.startswith(("http://", "https://")):
        try:
            return Path(place).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise LabError(f"manifest {place}: cannot be read: {describe_error(error)}") from error
    answer, content = get(place)
    if answer.status != 200:
        raise UnavailableError(f"manifest {place}: answered {answer.status or answer.error}")
    return content.decode("utf-8", "replace")


def make_record(release: str, place: str, text: str) -> Record:
    """Return what a manifest of Django says, or a record of the lab, which also knows digests."""
    document = parse(text)
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict) or not all(isinstance(name, str) for name in paths.values()):
        raise LabError(
            f'manifest {place}: it has no "paths"; give the staticfiles.json that collectstatic '
            "writes"
        )
    digests: dict[str, Any] = document.get("assets") or {}
    try:
        assets = {name: Asset(**digests.get(name, {})) for name in sorted(set(paths.values()))}
    except (TypeError, AttributeError) as error:
        raise LabError(f"manifest {place}: its digests are not those of a record") from error
    return Record(release=release, paths=paths, assets=assets)


def parse(text: str) -> Any:
    """Return a JSON document, or None for what is none."""
    if text.count("[") + text.count("{") > BRACKETS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
