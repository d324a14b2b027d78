"""The explore page as a person sees it, and what it comes to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from lab.camera import DISTURBED

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import ConsoleMessage, Locator, Page, Request

SECONDS = 600.0  # for whatever has to appear: on a busy machine the page slows down by itself
MINUTE = 60.0
MISSED = "Failed to load resource: "
"""What Chromium says of an answer of 400 and above: no page can keep it from that."""


@dataclass
class Explorer:
    """A browser's tab with the explore page; `problems` is what the console has said."""

    page: Page
    problems: list[str] = field(default_factory=list)
    pending: set[Request] = field(default_factory=set)
    """The requests that have no answer so far."""
    heard: float = 0.0
    """When the last request was made, or its answer came."""

    def began(self, request: Request) -> None:
        self.pending.add(request)
        self.heard = time.monotonic()

    def ended(self, request: Request) -> None:
        self.pending.discard(request)
        self.heard = time.monotonic()

    def said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.text} ({message.location.get('url')})")

    @property
    def complaints(self) -> list[str]:
        """Those that are no whim of the machine's networks; of these the page asks again."""
        return [each for each in self.problems if DISTURBED not in each]

    @property
    def own_problems(self) -> list[str]:
        """Those that are the page's, and not those of the pages and assets that it asks for."""
        return [each for each in self.problems if not each.startswith(MISSED)]

    @property
    def count(self) -> int:
        """How many pages it has visited."""
        return int(self.page.locator("#count").inner_text().replace(",", ""))

    @property
    def states(self) -> set[str]:
        """What the squares say."""
        cells = self.page.locator("#grid button")
        found: list[str] = cells.evaluate_all("all => all.map((each) => each.dataset.state)")
        return set(found)

    @property
    def marks(self) -> list[str]:
        """What happened, oldest first, without the times."""
        texts = self.page.locator("#marks li").all_inner_texts()
        return [text.partition(" ")[2] for text in reversed(texts)]

    @property
    def verdicts(self) -> dict[str, str]:
        """What each checker comes to, by its promise."""
        rows = self.page.locator("#verdicts tbody tr")
        found: list[list[str]] = rows.evaluate_all(
            "all => all.map((row) => [row.cells[0].firstChild.data, row.cells[1].innerText])"
        )
        return dict((promise, status) for promise, status in found)  # noqa: C402 - typed so

    @property
    def seen(self) -> list[int]:
        """The steps of the tour that are ticked, from 1."""
        items = self.page.locator("#steps > li")
        found: list[str] = items.evaluate_all("all => all.map((each) => each.dataset.state)")
        return [number for number, state in enumerate(found, start=1) if state == "seen"]

    def cells(self, state: str) -> Locator:
        """The squares of a kind."""
        return self.page.locator(f'#grid button[data-state="{state}"]')

    def wait(self, holds: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
        """Wait until something holds."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > seconds:
                raise AssertionError(f"not after {seconds:.0f} s: {what}; {self.describe()}")
            self.page.wait_for_timeout(50)

    def wait_for_visits(self, count: int) -> None:
        """Wait for so many more visits."""
        end = self.count + count
        self.wait(lambda: self.count >= end, f"{end} visits")

    def wait_for_silence(self) -> None:
        """Wait until a visit that is under way has got all that it asks for: a second passes."""
        self.wait(lambda: not self.pending and time.monotonic() - self.heard > 1, "silence", MINUTE)

    def wait_for_steps(self, steps: list[int]) -> None:
        """Wait until just these steps of the tour are ticked."""
        self.wait(lambda: self.seen == steps, f"steps {steps} of the tour, and {self.seen} so far")

    def wait_for_mark(self, text: str, seconds: float = SECONDS) -> None:
        self.wait(lambda: any(text in mark for mark in self.marks), f"the mark {text}", seconds)

    def describe(self) -> str:
        """Return what the page shows, for who reads a failure."""
        shown = [self.page.locator(f"#{name}").inner_text() for name in ("headline", "trouble")]
        return f"{shown}, {self.count} visits, {self.states}, {self.marks}, {self.problems[:5]}"

    def require_calm(self, visits: int = 40) -> None:
        """See that so many more pages come, and that each of them is whole."""
        self.wait_for_visits(visits)
        assert self.states == {"whole"}, self.describe()
        expect(self.page.locator("#headline")).to_have_attribute("data-state", "pass")
        expect(self.page.locator("#headline")).to_contain_text("Whole")
        assert "FAIL" not in self.verdicts.values(), self.describe()

    def require_alarm(self, seconds: float = SECONDS) -> int:
        """See that broken and wrong pages appear; return after how many visits both had."""
        before = self.count
        self.wait(lambda: {"broken", "wrong"} <= self.states, "red and amber", seconds)
        expect(self.page.locator("#headline")).to_have_attribute("data-state", "fail")
        return self.count - before


def explore(page: Page, base: str) -> Explorer:
    """Open the explore page, and listen to it from then on."""
    explorer = Explorer(page)
    page.on("console", explorer.said)
    page.on("pageerror", lambda error: explorer.problems.append(f"page error: {error.message}"))
    page.on("request", explorer.began)
    page.on("requestfinished", explorer.ended)
    page.on("requestfailed", explorer.ended)
    page.goto(f"{base}lab/")
    return explorer
