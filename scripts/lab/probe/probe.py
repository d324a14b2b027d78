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
        manners: how its visitors behave; default as at home.
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
        self._manners = manners or Manners(site)
        self._history = history
        self._clock = clock
        self._session = session
        self._documents = Documents(site.static)
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._progress = threading.Condition()
        self._visits = 0
        self._names = 0
        self.crashes: list[str] = []

    @property
    def visits(self) -> int:
        """How many visits have been completed, by all visitors together."""
        with self._progress:
            return self._visits

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
            name = self._next_name()
            self._spawn(name, partial(self._keep_visiting, name, release, hard, pace))

    def crawl_once(
        self,
        release: str | None = None,
        *,
        hard: bool = False,
        name: str = "",
        stopping: Callable[[], bool] = lambda: False,
    ) -> list[Fetch]:
        """Visit every page once, here and now; returns each (page, asset) relation as a fetch."""
        visit = self._visit(name or self._next_name(), release, hard, stopping=stopping)
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
        client = self._client(None, hard=True)
        name = f"watch-{self._next_name()}"
        done = threading.Event()
        self._poll(client, wanted, release, name)

        def keep_polling() -> None:
            while not (done.wait(pace) or self._stopped.is_set()):
                self._poll(client, wanted, release, name, stopping=done.is_set)

        thread = self._spawn(name, keep_polling)
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._poll(client, wanted, release, name)
            client.close()

    def ask_for(self, urls: Iterable[str], release: str | None = None) -> None:
        """Ask for each of these assets once, past every cache, as a page does that is still open.

        Args:
            urls: the assets.
            release: whose assets they are.
        """
        client = self._client(None, hard=True)
        try:
            self._poll(client, urls, release, self._next_name())
        finally:
            client.close()

    def ask_for_absent(self, static: str | None = None) -> Fetch:
        """Ask for an asset that no release has, to see how a miss is answered."""
        client = self._client(None, hard=False)
        prefix = static or self.site.static or self.site.base
        try:
            return self._get(client, prefix + ABSENT, "absent", None, self._next_name())
        finally:
            client.close()

    def await_visits(self, count: int, timeout: float) -> bool:
        """Wait until so many more visits are complete.

        Returns:
            False when they are not in time, or a visitor has crashed.
        """
        with self._progress:
            goal = self._visits + count
            over = self._progress.wait_for(lambda: self._visits >= goal or self.crashes, timeout)
            return bool(over) and self._visits >= goal

    def stop(self) -> None:
        """Stop all visitors, and wait until what is on its way has arrived or timed out."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _next_name(self) -> str:
        with self._progress:
            self._names += 1
            return str(self._names)

    def _spawn(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(
            target=self._guard, args=(name, work), name=f"probe-{name}", daemon=True
        )
        self._threads.append(thread)
        thread.start()
        return thread

    def _guard(self, name: str, work: Callable[[], None]) -> None:
        """Run a visitor; its crash goes into the history, for then it did not see all it should."""
        try:
            work()
        except Exception as error:
            with self._progress:
                self.crashes.append(f"visitor {name}: {type(error).__name__}: {error}")
                self._progress.notify_all()
            with suppress(OSError, ValueError):  # the disk is full, or the history was closed
                self._history.event("probe-crashed", visitor=name, trace=traceback.format_exc())

    def _keep_visiting(self, name: str, release: str | None, hard: bool, pace: float) -> None:
        while not self._stopped.is_set():
            visit = self._visit(name, release, hard, stopping=self._stopped.is_set)
            answered = any(fetch.answer.status is not None for fetch in visit.fetches)
            self._stopped.wait(pace if answered else max(pace, BACK_OFF))

    def _visit(
        self, name: str, release: str | None, hard: bool, stopping: Callable[[], bool]
    ) -> Visit:
        client = self._client(release, hard=hard)
        visit = Visit(
            self.site,
            client,
            self._documents,
            self._history,
            name,
            stopping=stopping,
            manners=self._manners,
        )
        try:
            visit.run()
        finally:
            client.close()
        with self._progress:
            self._visits += not stopping()
            self._progress.notify_all()
        return visit

    def _client(self, release: str | None, *, hard: bool) -> Client:
        session, manners = self._session(), self._manners
        return Client(self.site, session, self._clock, pin=release, hard=hard, manners=manners)

    def _poll(
        self,
        client: Client,
        urls: Iterable[str],
        release: str | None,
        name: str,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        for url in urls:
            if stopping():
                return
            self._get(client, url, "watch", release, name)

    def _get(self, client: Client, url: str, how: str, release: str | None, name: str) -> Fetch:
        t = self._history.now()
        answer, _body = client.get(url)
        fetch = Fetch(t, "asset", url, None, None, how, release, name, answer)
        self._history.fetch(fetch)
        return fetch
