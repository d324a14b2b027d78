"""How a probe behaves: fast on the lab's own stacks, and as a guest on an external site.

A guest keeps to a rate, to robots.txt, and waits as long as the site asks it to. robots.txt is read
by Protego, as https://www.rfc-editor.org/rfc/rfc9309 says.
"""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from protego import Protego

from lab.judge.names import find_hash, has_hash
from lab.probe.links import read_origin
from lab.probe.wire import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.history import Answer, History
    from lab.probe.links import Link
    from lab.probe.site import Site


LONGEST_WAIT = 300.0
"""Seconds that a guest waits at most, even where the site asks for more."""
BACK_OFF = 0.2
"""Seconds that a visitor waits after a visit in which nothing answered, to avoid a busy loop."""
PATIENCE = 900.0
"""Seconds that a guest waits in all, because a site asks for it."""
LONGEST_DELAY = 60.0
"""Seconds between two requests with which a guest still looks at a site."""
GRACE = 2.0
"""Seconds that an answer may come late when the time is over."""
RATE = 5.0
"""Requests a second for each host, where no rate was given."""
FOREIGN_HOSTS, FOREIGN_ASSETS = 10, 500
"""Other origins that a guest asks, and assets of each."""
LEFT = 1000
"""Things that are noted as left out."""
TRIES = 4
"""How often a guest asks in all for what is answered 429, "Too Many Requests"."""
SHOWN = 10
"""Lines of what was left out."""

ROBOT_NAME = "skewproof-probe"
"""What a group of robots.txt may call the probe."""
ROBOTS_BYTES = 500 * 1024
"""Bytes of a robots.txt that have to be read, by section 2.5."""
FORBID_NOTHING, FORBID_EVERYTHING = "", "User-agent: *\nDisallow: /"
"""What counts where there is no robots.txt (section 2.3.1.3), or no answer (2.3.1.4)."""

UNASKED = "unasked: "
"""How the error of an answer begins for which nobody was asked, and why."""
OVER = "over"
"""The error of an answer that had not come when the time of the whole probe was over."""

RULES, RULE_CHARACTERS = 2_000, 2_000
"""Lines of a robots.txt that count, and characters of each."""
AGENT = re.compile(r"\s*user[- ]?agent\b", re.IGNORECASE)


def cut_rules(text: str) -> str:
    """Return the lines of a robots.txt, without the names of other robots.

    Protego copies each rule for every name before it, however many there are of both.
    """
    lines = [
        line
        if not AGENT.match(line) or "*" in line or "skewproof" in line.lower()
        else "User-agent: another"
        for line in islice(text.splitlines(), RULES)
    ]
    return "\n".join(line[:RULE_CHARACTERS] for line in lines)


class Robots:
    """The robots.txt of each origin, asked for once."""

    def __init__(self, get: Callable[[str], tuple[Answer, bytes]]) -> None:
        self.get = get
        self.known: dict[str, Protego] = {}
        self.unasked: dict[str, str] = {}

    def allow(self, url: str) -> bool:
        """Say whether a URL may be asked for."""
        return self.find_rules(url).can_fetch(url, ROBOT_NAME)

    def delay(self, url: str) -> float:
        """Return the seconds between two requests that the host of a URL asks for."""
        return float(self.find_rules(url).crawl_delay(ROBOT_NAME) or 0.0)

    def find_rules(self, url: str) -> Protego:
        """Return the rules of a URL's origin, asked for once."""
        origin = read_origin(url)
        if origin not in self.known:
            self.known[origin] = Protego.parse(cut_rules(self.fetch(f"{origin}/robots.txt")))
        return self.known[origin]

    def fetch(self, url: str) -> str:
        """Return a robots.txt, or what stands for one that did not come."""
        answer, content = self.get(url)
        if answer.error and answer.error.startswith(UNASKED):
            self.unasked[read_origin(url)] = answer.error.removeprefix(UNASKED)
        if answer.status is None or answer.status >= 500:
            return FORBID_EVERYTHING
        return (
            content[:ROBOTS_BYTES].decode("utf-8-sig", "replace")
            if answer.status == 200
            else FORBID_NOTHING
        )


GATEWAYS_OWN = "/lab/"
"""What the gateway of a stack serves by itself, so that no release answers for it."""


class Manners:
    """How a visitor of the lab's own stacks behaves: no limits but those of the site.

    Attributes:
        last_moment: when the last request has to be over.
        reach: which addresses may be asked.
    """

    last_moment = math.inf

    def __init__(self, site: Site, reach: Reach | None = None) -> None:
        self.site = site
        self.reach = reach or Reach()

    def admits_page(self, url: str) -> bool:
        """Say whether a page may be visited: one that a release answers for."""
        return self.site.has_page(url) and not urlsplit(url).path.startswith(GATEWAYS_OWN)

    def admits_asset(self, link: Link, _via: str) -> bool:
        """Say whether an asset may be fetched that is named by a file."""
        return self.site.has_asset(link.url)

    def arrange(self, links: Iterable[Link]) -> list[Link]:
        """Take in what a page names, and return it in the order in which it is fetched."""
        return list(links)

    def prove(self, url: str, answer: Answer) -> None:
        """Take in what came for an asset."""

    def miss(self, what: str, why: str) -> None:
        """Take in that something was not seen, so that nobody can say that all is well."""

    def has_unseen(self, url: str, answer: Answer) -> bool:
        """Say whether an answer is none: nobody was asked, or the time was over; take it in."""
        if answer.error == OVER:
            self.miss(url, "had not answered when the time was over")
        elif answer.error and answer.error.startswith(UNASKED):
            self.miss(url, answer.error.removeprefix(UNASKED))
        else:
            return False
        return True

    def vouch(self, url: str) -> None:
        """Take in that an asset is answered by a redirect to this URL."""

    def await_turn(self, _url: str) -> None:
        """Wait until the next request may be made."""

    def wants_another_try(self, _url: str, _answer: Answer) -> bool:
        """Say whether to ask again, having waited as the answer says."""
        return False


class Guest(Manners):
    """How a visitor of an external site behaves.

    Pages are those of the site's own origin, and so are assets. Of another origin it fetches what
    a page of the site, or an asset with a hashed name, names by a hashed name as Django makes
    them; and other names, once the body of such an asset has shown that its hash is Django's. What
    third parties serve, such as fonts and analytics, is left alone.

    Args:
        site: what is probed.
        robots: what its hosts let robots ask for.
        history: takes what was left out, and each time that the site asked for patience.
        rate: requests a second of one host, at most; None for as many as the site answers.
        seconds: when to stop; None for never.
        reach: which addresses may be asked.
    """

    def __init__(
        self,
        site: Site,
        robots: Robots,
        history: History,
        rate: float | None,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        reach: Reach | None = None,
    ) -> None:
        super().__init__(site, reach)
        self.robots = robots
        self.history = history
        self.clock = clock
        self.sleep = sleep
        self.wanted = rate
        self.own = read_host(site.base)
        self.intervals = {self.own: max(1 / rate if rate else 0.0, robots.delay(site.base))}
        self.turns: dict[str, float] = {}
        self.end = None if seconds is None else clock() + seconds
        if self.end is not None:
            self.last_moment = self.end + GRACE
        self.patience = PATIENCE
        self.origins: set[str] = set()
        self.foreign: dict[str, set[str]] = {}
        self.vouched: set[str] = set()
        self.left: dict[str, str] = {}
        self.tries = 0
        self.hashed: str | None = None

    @property
    def over(self) -> bool:
        """Say whether the time is over, or the history full."""
        return self.history.full or (self.end is not None and self.clock() >= self.end)

    @property
    def rate(self) -> float | None:
        """Return how many requests a second the site gets at most."""
        interval = self.intervals[self.own]
        return 1 / interval if interval else None

    def left_out(self) -> list[str]:
        """Return what was not looked at, as lines."""
        lines = [f"left out: {what}, {why}" for what, why in self.left.items()]
        more = [f"left out: {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        return lines[:SHOWN] + more

    def admits_page(self, url: str) -> bool:
        """Say whether a page may be visited, by the site and by robots.txt."""
        return self.site.has_page(url) and self.may_ask(url, "page")

    def admits_asset(self, link: Link, via: str) -> bool:
        """Say whether an asset may be fetched, by its origin and by robots.txt.

        Source maps are for developers' tools, and many are named that never were: only those that
        collectstatic has seen count.
        """
        url = link.url
        if link.how == "source-map" and not has_hash(url):
            return False
        if super().admits_asset(link, via):
            return self.may_ask(url, "asset")
        if not (url in self.vouched or self.is_ours(url, via)):
            self.leave_out(read_origin(url), "another's", "left-out")
            return False
        return self.has_room(url) and self.may_ask(url, "asset")

    def is_ours(self, url: str, via: str) -> bool:
        """Say whether an asset on another origin is evidently the site's own."""
        names_ours = self.site.has_asset(via) or has_hash(via)
        return names_ours and (has_hash(url) or read_origin(url) in self.origins)

    def has_room(self, url: str) -> bool:
        """Say whether another origin may be asked for one more asset."""
        origin = read_origin(url)
        if origin not in self.foreign and len(self.foreign) >= FOREIGN_HOSTS:
            self.miss(origin, f"is one of more than {FOREIGN_HOSTS} other hosts")
            return False
        asked = self.foreign.setdefault(origin, set())
        if url not in asked and len(asked) >= FOREIGN_ASSETS:
            self.miss(origin, f"has more than {FOREIGN_ASSETS} assets, and is not the site")
            return False
        asked.add(url)
        delay = self.robots.delay(url)
        if delay > LONGEST_DELAY:
            self.miss(origin, f"asks for {delay:g} s between two requests")
        return delay <= LONGEST_DELAY

    def arrange(self, links: Iterable[Link]) -> list[Link]:
        """Fetch what has a hashed name first: it shows which origins serve the site's assets."""
        arranged = sorted(links, key=lambda link: link.page or not has_hash(link.url))
        if self.hashed is None:
            own = (link for link in arranged if super(Guest, self).admits_asset(link, link.url))
            first = next((link for link in own if not link.page and has_hash(link.url)), None)
            if first and self.robots.allow(first.url):
                self.hashed = first.url
        return arranged

    def prove(self, url: str, answer: Answer) -> None:
        """Learn from a body whose hash is in its name that an origin serves the site's assets."""
        said = find_hash(urlsplit(url).path)
        if said and answer.status == 200 and (answer.md5 or "").startswith(said):
            self.origins.add(read_origin(url))
            self.hashed = self.hashed or url

    def miss(self, what: str, why: str) -> None:
        """Note that something was not seen."""
        self.leave_out(what, why, "unseen", why=why)

    def vouch(self, url: str) -> None:
        """Follow an asset's redirect wherever it leads, as browsers do."""
        self.vouched.add(url)

    def await_turn(self, url: str) -> None:
        """Keep to the rate of a host."""
        host = read_host(url)
        turn, interval = self.turns.get(host, self.clock()), self.find_interval(url)
        self.wait(turn - self.clock())
        self.turns[host] = max(turn, self.clock()) + interval

    def find_interval(self, url: str) -> float:
        """Return the seconds between two requests to a host."""
        host = read_host(url)
        if host not in self.intervals:
            rate = self.wanted or (None if is_loopback(url) else RATE)
            self.intervals[host] = max(1 / rate if rate else 0.0, self.robots.delay(url))
        return self.intervals[host]

    def rest(self) -> None:
        """Wait after a visit in which nothing answered."""
        self.wait(BACK_OFF)

    def wants_another_try(self, url: str, answer: Answer) -> bool:
        """Wait as long as the site asks for; say whether the answer only meant "later".

        A 503 with Retry-After is waited for too, but it is what a visitor got.
        """
        self.tries += 1
        if answer.status != 429 and not (answer.status == 503 and answer.retry_after):
            self.tries = 0
            return False
        asked = read_retry_after(answer.retry_after, 2.0**self.tries)
        seconds = min(asked, LONGEST_WAIT, self.patience)
        self.patience -= seconds
        self.history.add_event("backed-off", url=url, status=answer.status, seconds=seconds)
        self.wait(seconds)
        if answer.status == 503 or self.tries >= TRIES or not self.patience:
            self.tries = 0
            return False
        self.intervals[read_host(url)] = max(2 * self.find_interval(url), 0.1)
        return not self.over

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond the end of the time."""
        left = seconds if self.end is None else min(seconds, self.end - self.clock())
        if left > 0:
            self.sleep(left)

    def may_ask(self, url: str, role: str) -> bool:
        """Say whether robots.txt allows a URL, and note it where it does not."""
        allowed = self.robots.allow(url)
        if why := self.robots.unasked.get(read_origin(url)):
            self.miss(url, why)
        elif not allowed:
            self.leave_out(url, "by robots.txt", "forbidden", role=role)
        return allowed

    def leave_out(self, what: str, why: str, event: str, /, **detail: str) -> None:
        """Note once that something is not looked at, and why."""
        if what not in self.left and len(self.left) < LEFT:
            self.left[what] = why
            self.history.add_event(event, what=what, **detail)


def read_retry_after(retry_after: str | None, default: float) -> float:
    """Return what Retry-After asks for: seconds or a date.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    said = (retry_after or "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return default
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def read_host(url: str) -> str:
    """Return the host of a URL, whatever its port."""
    return urlsplit(url).hostname or ""


def is_loopback(url: str) -> bool:
    """Say whether a URL is on this machine, where no rate has to be kept."""
    host = urlsplit(url).hostname or ""
    return (
        host == "localhost"
        or host.endswith(".localhost")
        or host in LOOPBACK
        or (host.startswith("127.") and host.replace(".", "").isdigit())
    )


LOOPBACK = ("::1",)
