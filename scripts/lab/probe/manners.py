"""How a probe behaves: at home it asks as fast as it can, as a guest for less, and it waits."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.judge.names import has_hash
from lab.probe.links import read_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.history import Answer, History
    from lab.probe.links import Link
    from lab.probe.robots import Robots
    from lab.probe.site import Site

LONGEST_WAIT = 300.0
"""Seconds: whoever asks a guest to come back later than that is asked after that."""
BACK_OFF = 0.2
"""Seconds that a visitor waits after a visit in which nothing answered: no point in a busy loop."""
TRIES = 4
"""How often a guest asks in all for what is answered 429, "Too Many Requests"."""
SHOWN = 10
"""Lines of what was left out."""


class Manners:
    """Those of a visitor of the lab's own stacks: no limits but those of the site."""

    def __init__(self, site: Site) -> None:
        self.site = site

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

    def await_turn(self) -> None:
        """Wait until the next request may be made."""

    def wants_another_try(self, _url: str, _answer: Answer) -> bool:
        """Say whether to ask again, having waited as the answer says."""
        return False


class Guest(Manners):
    """Those of a visitor of somebody else's site.

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
        self._robots = robots
        self._history = history
        self._clock = clock
        self._sleep = sleep
        self._interval = max(1 / rate if rate else 0.0, robots.delay(site.base))
        self._turn = clock()
        self._end = None if seconds is None else clock() + seconds
        self._origins: set[str] = set()
        self._vouched: set[str] = set()
        self._left: dict[str, str] = {}
        self._tries = 0
        self.hashed: str | None = None

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return self._end is not None and self._clock() >= self._end

    @property
    def rate(self) -> float | None:
        """Requests a second, at most."""
        return 1 / self._interval if self._interval else None

    def left_out(self) -> list[str]:
        """Return what was not looked at, as lines."""
        lines = [f"left out: {what}, {why}" for what, why in self._left.items()]
        more = [f"left out: {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        return lines[:SHOWN] + more

    def admits_page(self, url: str) -> bool:
        """Say whether a page may be visited: robots.txt has a word in it."""
        return super().admits_page(url) and self._may_ask(url, "page")

    def admits_asset(self, link: Link) -> bool:
        """Say whether an asset may be fetched: by whose it is, and by robots.txt.

        Source maps are for developers' tools, and many are named that never were: only those that
        collectstatic has seen count.
        """
        if link.how == "source-map" and not has_hash(link.url):
            return False
        origin = read_origin(link.url)
        if super().admits_asset(link) or origin in self._origins or link.url in self._vouched:
            return self._may_ask(link.url, "asset")
        self._leave_out(origin, "another's", "left-out")
        return False

    def notice(self, links: Iterable[Link]) -> None:
        """Learn from a page which origins serve the site's assets."""
        for link in links:
            if not link.page and has_hash(link.url):
                self._origins.add(read_origin(link.url))
                if self.hashed is None and self._robots.allow(link.url):
                    self.hashed = link.url

    def vouch(self, url: str) -> None:
        """Follow an asset's redirect wherever it leads, as browsers do."""
        self._vouched.add(url)

    def await_turn(self) -> None:
        """Keep to the rate."""
        self._wait(self._turn - self._clock())
        self._turn = max(self._turn, self._clock()) + self._interval

    def rest(self) -> None:
        """Wait after a visit in which nothing answered."""
        self._wait(BACK_OFF)

    def wants_another_try(self, url: str, answer: Answer) -> bool:
        """Wait as long as the site asks for; say whether the answer was none but "later".

        A 503 with Retry-After is waited for too, but it is what a visitor got.
        """
        self._tries += 1
        if answer.status != 429 and not (answer.status == 503 and answer.retry_after):
            self._tries = 0
            return False
        seconds = min(_seconds_of(answer.retry_after, 2.0**self._tries), LONGEST_WAIT)
        self._history.event("backed-off", url=url, status=answer.status, seconds=seconds)
        self._wait(seconds)
        if answer.status == 503 or self._tries >= TRIES:
            self._tries = 0
            return False
        self._interval = max(2 * self._interval, 0.1)
        return not self.over

    def _wait(self, seconds: float) -> None:
        left = seconds if self._end is None else min(seconds, self._end - self._clock())
        if left > 0:
            self._sleep(left)

    def _may_ask(self, url: str, role: str) -> bool:
        allowed = self._robots.allow(url)
        if not allowed:
            self._leave_out(url, "by robots.txt", "forbidden", role=role)
        return allowed

    def _leave_out(self, what: str, why: str, event: str, **detail: str) -> None:
        if what not in self._left:
            self._left[what] = why
            self._history.event(event, what=what, **detail)


def _seconds_of(retry_after: str | None, default: float) -> float:
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
    """Say whether a URL is on this very machine, where nobody has to be spared."""
    host = urlsplit(url).hostname or ""
    return (
        host == "localhost"
        or host.endswith(".localhost")
        or host in _LOOPBACK
        or (host.startswith("127.") and host.replace(".", "").isdigit())
    )


_LOOPBACK = ("::1",)
