"""A page as Chromium shows it, and everything that is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Error, Page, Request, Response

SECONDS = 30.0  # for whatever a page still waits for
LOST = pytest.StashKey[list[str]]()
"""What the browser lost in a test because an interface of the machine came or went."""
INSPECTION = Path(__file__).with_name("inspection.js").read_text("utf-8")


@dataclass
class Visit:
    """What has happened on a page since it is listened to."""

    page: Page
    problems: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    fonts: set[str] = field(default_factory=set)
    """The families that are loaded, as of the last look."""
    _pending: set[Request] = field(default_factory=set)

    @property
    def paths(self) -> list[str]:
        """What was answered, in order."""
        return [urlsplit(answer.url).path for answer in self.answers]

    @property
    def assets(self) -> set[str]:
        """The hashed names that were fetched."""
        static = "/static/"
        return {path.removeprefix(static) for path in self.paths if path.startswith(static)}

    def asked(self, request: Request) -> None:
        self._pending.add(request)

    def finished(self, request: Request) -> None:
        self._pending.discard(request)

    def failed(self, request: Request) -> None:
        self._pending.discard(request)
        # Chromium gives up what the page that is being left has not loaded yet: an icon, a style
        # sheet for print. That it cut itself off says nothing of the site. Any other failure does.
        if request.failure == "net::ERR_ABORTED":
            return
        self.problems.append(f"request failed: {request.url}: {request.failure}")

    def answered(self, response: Response) -> None:
        self.answers.append(response)
        if response.status >= 400:
            self.problems.append(f"answered {response.status}: {response.url}")

    def said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def threw(self, error: Error) -> None:
        self.problems.append(f"page error: {error.message}")

    def open(self, url: str) -> Response:
        """Go to a page, and look at it when everything has come."""
        answer = self.page.goto(url, wait_until="load")
        assert answer is not None
        self.look()
        return answer

    def look(self) -> None:
        """Wait until nothing is under way, and add what a person would see to be wrong."""
        self.settle()
        seen = self.page.evaluate(INSPECTION)
        self.settle()
        self.fonts = set(seen["fonts"])
        self.problems += seen["wrong"]

    def settle(self) -> None:
        """Wait until every request has ended, one way or the other."""
        deadline = time.monotonic() + SECONDS
        while self._pending:
            waiting = ", ".join(request.url for request in self._pending)
            assert time.monotonic() < deadline, f"no answer after {SECONDS:.0f} s: {waiting}"
            self.page.wait_for_timeout(10)  # Playwright hears of the browser only while it waits


@contextmanager
def visiting(page: Page) -> Iterator[Visit]:
    """Listen to a page while the block runs."""
    visit = Visit(page)
    listeners = {
        "request": visit.asked,
        "requestfinished": visit.finished,
        "requestfailed": visit.failed,
        "response": visit.answered,
        "console": visit.said,
        "pageerror": visit.threw,
    }
    for event, listener in listeners.items():
        page.on(event, listener)  # type: ignore[call-overload]
    try:
        yield visit
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
