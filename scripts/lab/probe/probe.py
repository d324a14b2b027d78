"""The probe: visitors that walk a site again and again, and a watch over single assets.

All of them write one history; what it means is for the checkers to say.
"""

from __future__ import annotations

import threading
import time
import traceback
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Self

from lab.history import Fetch
from lab.probe.client import Client, make_session
from lab.probe.documents import Documents
from lab.probe.manners import BACK_OFF, Manners
from lab.probe.visitor import Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import requests

    from lab.history import History
    from lab.probe.site import Site

ABSENT = "css/no-release-has-this.000000000000.css"
"""A name in the form of an asset that no release has."""


class Probe:
    """Visitors of one site.

    Args:
        site: what to probe.
        history: where everything is written; it must stay open until `stop` has returned.
        clock: a monotonic clock, for time-outs and durations.
        session: makes a session; each visit has a fresh one.
        manners: how its visitors behave; default those for the lab's own stacks.
    """

    def __init__(
        self,
        site: Site,
        history: History,
        *,
        clock: Callable[[], float] = time.monotonic,
        session: Callable[[], requests.Session] = make_session,
        manners: Manners | None = None,
    ) -> None:
        self.site = site
        self.manners = manners or Manners(site)
        self.history = history
        self.clock = clock
        self.make_session = session
        self.documents = Documents(site.static)
        self.stopped = threading.Event()
        self.awake = threading.Event()
        self.awake.set()
        self.rest = 0.0
        self.threads: list[threading.Thread] = []
        self.progress = threading.Condition()
        self.begun = 0
        """How many visits were begun: each has its place among them as its number."""
        self.outdated = 0
        """The number of the last visit that began before what a round is to see."""
        self.latest: dict[str, int] = {}
        """The number of the last visit that each visitor has completed; 0 before its first."""
        self.names = 0
        self.crashes: list[str] = []

    def start(
        self,
        visitors: int = 4,
        *,
        release: str | None = None,
        hard: bool = False,
        pace: float = 0.0,
    ) -> None:
        """Start visitors, each of which visits again and again until `stop`; may be called again.

        Args:
            visitors: how many.
            release: pins them to one release by the gateway's cookie.
            hard: they reload past every cache (`Cache-Control: no-cache`).
            pace: seconds that each waits between two visits.
        """
        for _ in range(visitors):
            name = self.next_name()
            with self.progress:
                self.latest[name] = 0
            self.spawn(name, partial(self.keep_visiting, name, release, hard, pace))

    def crawl_once(
        self,
        release: str | None = None,
        *,
        hard: bool = False,
        name: str = "",
        stopping: Callable[[], bool] = lambda: False,
    ) -> list[Fetch]:
        """Visit every page once, here and now; return each (page, asset) relation as a fetch."""
        visit = self.visit(name or self.next_name(), release, hard, stopping=stopping)
        return visit.fetches

    @contextmanager
    def watch(
        self, urls: Iterable[str], release: str | None = None, *, pace: float = 0.0
    ) -> Iterator[None]:
        """Poll assets past every cache, one after another, while the block runs.

        Each is polled at least once before the block begins and once after its end.

        Args:
            urls: the assets, such as those that a publish might touch while they are served.
            release: whose assets they are.
            pace: seconds between two rounds.
        """
        wanted = list(dict.fromkeys(urls))
        client = self.make_client(None, hard=True)
        name = f"watch-{self.next_name()}"
        done = threading.Event()
        self.poll(client, wanted, release, name)

        def keep_polling() -> None:
            while not (done.wait(pace) or self.stopped.is_set()):
                self.poll(client, wanted, release, name, stopping=done.is_set)

        thread = self.spawn(name, keep_polling)
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.poll(client, wanted, release, name)
            client.close()

    @contextmanager
    def resting(self, seconds: float) -> Iterator[None]:
        """Have each visitor rest so long after every visit, at most until the block ends.

        A visit keeps a processor busy: what works in the block is done sooner if few are made.
        """
        self.rest = seconds
        self.awake.clear()
        try:
            yield
        finally:
            self.awake.set()

    def ask_for(self, urls: Iterable[str], release: str | None = None) -> None:
        """Ask for each of these assets once, past every cache, as a page does that is still open.

        Args:
            urls: the assets.
            release: whose assets they are.
        """
        client = self.make_client(None, hard=True)
        try:
            self.poll(client, urls, release, self.next_name())
        finally:
            client.close()

    def ask_for_absent(self, static: str | None = None) -> Fetch:
        """Ask for an asset that no release has, to see how a miss is answered."""
        client = self.make_client(None, hard=False)
        prefix = static or self.site.static or self.site.base
        try:
            return self.get(client, prefix + ABSENT, "absent", None, self.next_name())
        finally:
            client.close()

    def await_round(self, timeout: float) -> bool:
        """Wait until every visitor has completed a visit that it began after this call.

        Visits that are under way end with the page that they are at.

        Returns:
            False when that is not in time, or a visitor has crashed, or there is none.
        """
        with self.progress:
            before = self.outdated = self.begun

            def is_over() -> bool:
                return min(self.latest.values(), default=0) > before

            self.progress.wait_for(lambda: self.crashes or is_over(), timeout)
            return is_over()

    def stop(self) -> None:
        """Stop all visitors, and wait until what is on its way has arrived or timed out."""
        self.stopped.set()
        self.awake.set()
        for thread in self.threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def next_name(self) -> str:
        """Return a number that no visitor has yet."""
        with self.progress:
            self.names += 1
            return str(self.names)

    def spawn(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Start a thread whose crash goes into the history."""
        thread = threading.Thread(
            target=self.run_visitor, args=(name, work), name=f"probe-{name}", daemon=True
        )
        self.threads.append(thread)
        thread.start()
        return thread

    def run_visitor(self, name: str, work: Callable[[], None]) -> None:
        """Run a visitor; its crash goes into the history, for then it did not see all it should."""
        try:
            work()
        except Exception as error:
            with self.progress:
                self.crashes.append(f"visitor {name}: {type(error).__name__}: {error}")
                self.progress.notify_all()
            with suppress(OSError, ValueError):  # the disk is full, or the history was closed
                self.history.add_event("probe-crashed", visitor=name, trace=traceback.format_exc())

    def keep_visiting(self, name: str, release: str | None, hard: bool, pace: float) -> None:
        """Visit again and again until the probe stops."""
        while not self.stopped.is_set():
            visit = self.visit(name, release, hard, stopping=self.stopped.is_set)
            answered = any(fetch.answer.status is not None for fetch in visit.fetches)
            pause = 0 if visit.pages else pace  # at once, when it was ended before its last page
            self.stopped.wait(pause if answered else max(pace, BACK_OFF))
            self.awake.wait(self.rest)

    def visit(
        self, name: str, release: str | None, hard: bool, stopping: Callable[[], bool]
    ) -> Visit:
        """Visit every page once, as a new visitor.

        Of those who visit again and again, a visit is outdated as soon as a round begins, and ends.
        """
        again = name in self.latest
        with self.progress:
            self.begun += 1
            number = self.begun
        client = self.make_client(release, hard=hard)
        visit = Visit(
            self.site,
            client,
            self.documents,
            self.history,
            name,
            stopping=stopping,
            ending=lambda: again and number <= self.outdated,
            manners=self.manners,
        )
        try:
            visit.run()
        finally:
            client.close()
        with self.progress:
            if again and not visit.pages and not stopping():
                self.latest[name] = number
            self.progress.notify_all()
        return visit

    def make_client(self, release: str | None, *, hard: bool) -> Client:
        """Return the HTTP of a new visitor."""
        session, manners = self.make_session(), self.manners
        return Client(self.site, session, self.clock, pin=release, hard=hard, manners=manners)

    def poll(
        self,
        client: Client,
        urls: Iterable[str],
        release: str | None,
        name: str,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Fetch these assets, one after another."""
        for url in urls:
            if stopping():
                return
            self.get(client, url, "watch", release, name)

    def get(self, client: Client, url: str, how: str, release: str | None, name: str) -> Fetch:
        """Fetch an asset for no page, and write it down."""
        t = self.history.now()
        answer, _body = client.get(url)
        fetch = Fetch(
            t=t,
            role="asset",
            url=url,
            page=None,
            via=None,
            how=how,
            release=release,
            visitor=name,
            answer=answer,
        )
        if not self.manners.has_unseen(url, answer):
            self.history.add_fetch(fetch)
        return fetch
