"""How a probe behaves: fast on the lab's own stacks, and as a guest on an external site.

A guest keeps to a rate, to robots.txt, and waits as long as the site asks it to. robots.txt is read
by Protego, as https://www.rfc-editor.org/rfc/rfc9309 says.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from protego import Protego

from lab.judge.names import has_hash
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


class Robots:
    """The robots.txt of each origin, asked for once."""

    def __init__(self, get: Callable[[str], tuple[Answer, bytes]]) -> None:
        self.get = get
        self.known: dict[str, Protego] = {}

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
            self.known[origin] = Protego.parse(self.fetch(f"{origin}/robots.txt"))
        return self.known[origin]

    def fetch(self, url: str) -> str:
        """Return a robots.txt, or what stands for one that did not come."""
        answer, content = self.get(url)
        if answer.status is None or answer.status >= 500:
            return FORBID_EVERYTHING
        return (
            content[:ROBOTS_BYTES].decode("utf-8-sig", "replace")
            if answer.status == 200
            else FORBID_NOTHING
        )


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
        """Say whether a page may be visited."""
        return self.site.has_page(url)

    def admits_asset(self, link: Link) -> bool:
        """Say whether an asset may be fetched."""
        return self.site.has_asset(link.url)

    def notice(self, links: Iterable[Link]) -> None:
        """Take in what a page names."""

    def vouch(self, url: str) -> None:
        """Take in that an asset is answered by a redirect to this URL."""

    def await_turn(self, _url: str) -> None:
        """Wait until the next request may be made."""

    def wants_another_try(self, _url: str, _answer: Answer) -> bool:
        """Say whether to ask again, having waited as the answer says."""
        return False


class Guest(Manners):
    """How a visitor of an external site behaves.

    Pages are those of the site's own origin; assets are those of its own and of origins where one
    of its pages names an asset by a hashed name, as Django makes them. What third parties serve,
    such as fonts and analytics, is left alone.

    Args:
        site: what is probed.
        robots: what its hosts let robots ask for.
        history: takes what was left out, and each time that the site asked for patience.
        rate: requests a second, at most; None for as many as it answers.
        seconds: when to stop; None for never.
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
    ) -> None:
        super().__init__(site)
        self.robots = robots
        self.history = history
        self.clock = clock
        self.sleep = sleep
        self.interval = max(1 / rate if rate else 0.0, robots.delay(site.base))
        self.turn = clock()
        self.end = None if seconds is None else clock() + seconds
        self.origins: set[str] = set()
        self.vouched: set[str] = set()
        self.left: dict[str, str] = {}
        self.tries = 0
        self.hashed: str | None = None

    @property
    def over(self) -> bool:
        """Say whether the time is over."""
        return self.end is not None and self.clock() >= self.end

    @property
    def rate(self) -> float | None:
        """Return how many requests a second there are at most."""
        return 1 / self.interval if self.interval else None

    def left_out(self) -> list[str]:
        """Return what was not looked at, as lines."""
        lines = [f"left out: {what}, {why}" for what, why in self.left.items()]
        more = [f"left out: {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        return lines[:SHOWN] + more

    def admits_page(self, url: str) -> bool:
        """Say whether a page may be visited, by the site and by robots.txt."""
        return super().admits_page(url) and self.may_ask(url, "page")

    def admits_asset(self, link: Link) -> bool:
        """Say whether an asset may be fetched, by its origin and by robots.txt.

        Source maps are for developers' tools, and many are named that never were: only those that
        collectstatic has seen count.
        """
        if link.how == "source-map" and not has_hash(link.url):
            return False
        origin = read_origin(link.url)
        if super().admits_asset(link) or origin in self.origins or link.url in self.vouched:
            return self.may_ask(link.url, "asset")
        self.leave_out(origin, "another's", "left-out")
        return False

    def notice(self, links: Iterable[Link]) -> None:
        """Learn from a page which origins serve the site's assets."""
        for link in links:
            if not link.page and has_hash(link.url):
                self.origins.add(read_origin(link.url))
                if self.hashed is None and self.robots.allow(link.url):
                    self.hashed = link.url

    def vouch(self, url: str) -> None:
        """Follow an asset's redirect wherever it leads, as browsers do."""
        self.vouched.add(url)

    def await_turn(self, _url: str = "") -> None:
        """Keep to the rate."""
        self.wait(self.turn - self.clock())
        self.turn = max(self.turn, self.clock()) + self.interval

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
        seconds = min(read_retry_after(answer.retry_after, 2.0**self.tries), LONGEST_WAIT)
        self.history.add_event("backed-off", url=url, status=answer.status, seconds=seconds)
        self.wait(seconds)
        if answer.status == 503 or self.tries >= TRIES:
            self.tries = 0
            return False
        self.interval = max(2 * self.interval, 0.1)
        return not self.over

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond the end of the time."""
        left = seconds if self.end is None else min(seconds, self.end - self.clock())
        if left > 0:
            self.sleep(left)

    def may_ask(self, url: str, role: str) -> bool:
        """Say whether robots.txt allows a URL, and note it where it does not."""
        allowed = self.robots.allow(url)
        if not allowed:
            self.leave_out(url, "by robots.txt", "forbidden", role=role)
        return allowed

    def leave_out(self, what: str, why: str, event: str, **detail: str) -> None:
        """Note once that something is not looked at, and why."""
        if what not in self.left:
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
    except ValueError:
        return default
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


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
