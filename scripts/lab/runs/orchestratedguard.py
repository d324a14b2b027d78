"""A guarded roll by an orchestrator: held half-way and looked at, then let go or undone.

What was published stays.
"""

from __future__ import annotations

import math

from lab.errors import UnavailableError
from lab.history import Fetch
from lab.judge.findings import Status
from lab.runs.guard import StoppedError, find_reason, judge_look
from lab.runs.orchestrated import (
    ENDED,
    ROLL_SECONDS,
    OrchestratedRoller,
    begins_to_serve,
    count_ready,
)
from lab.runs.rollout import Rollout

LUCK = 1e-6
"""The chance that a whole release does not show every page within the looks that it gets."""
FEWEST = 5
"""Looks, also where nobody else serves: one that is leaving may still answer."""
PAGES = 30
"""How many pages a site has, while nobody knows."""


class GuardedOrchestratedRoller(OrchestratedRoller):
    """Lets a roll go on only when every page of both releases is whole."""

    begun = False
    """Whether a roll has begun, which could be undone."""

    def roll(self, rollout: Rollout) -> None:
        """Let the orchestrator roll, or go back at the first thing that is broken.

        Raises:
            UnavailableError: a step could not be taken; the source serves as before.
        """
        try:
            super().roll(rollout)
        except StoppedError as stop:
            self.say(f"stopped {stop}")
            self.history.add_event("guard-stopped", rollout.target, **stop.detail)
            self.go_back(rollout)
        except UnavailableError as error:
            self.say("stopped: a step could not be taken")
            detail = {"when": "in a step", "why": str(error), "verdict": str(Status.FAIL)}
            self.history.add_event("guard-stopped", rollout.target, **detail)
            self.go_back(rollout)
            raise

    def before(self, step: str) -> None:
        """Look at every page of each release that serves, past every cache.

        Raises:
            StoppedError: something is broken, or could not be looked at.
        """
        pages: set[str] = set()
        ready = count_ready(self.look())
        looks = {
            release: self.visit_all(release, pages, count / ready.total())
            for release, count in ready.items()
        }
        for release, fetches in looks.items():
            missing = len(pages - pages_of(release, fetches))
            status, why = self.judge(release, f"before {step}", fetches, missing)
            if status is not Status.PASS:
                raise StoppedError(f"before {step}", why, status)

    def visit_all(self, release: str, pages: set[str], share: float) -> list[Fetch]:
        """Visit until a release has shown every page that is known; add those that it names."""
        fetches: list[Fetch] = []
        for _ in range(find_looks(share, len(pages) or PAGES)):
            seen = self.probe.crawl_once(release, hard=True, name="guard")
            pages |= {each.url for each in seen if each.role == "page" and each.answer.status}
            fetches += [each for each in seen if each.release == release]
            if not pages - pages_of(release, fetches):
                break
        return fetches

    def judge(
        self, release: str, when: str, fetches: list[Fetch], missing: int
    ) -> tuple[Status, str | None]:
        """Judge what was seen of a release, and write it down."""
        verdict = judge_look(self.stack, release, fetches)
        status, why = verdict.status, find_reason(verdict)
        if missing and status is Status.PASS:
            status, why = Status.UNKNOWN, f"{missing} pages of {release} did not come"
        counts = {"pages": len(pages_of(release, fetches)), "assets": verdict.total.assets}
        detail = {"when": when, "why": why, "verdict": str(status)}
        self.history.add_event("guard-checked", release, **detail, **counts)
        return status, why

    def hold(self, release: str) -> None:
        """Hold the roll when its first replica is ready, look at everything, and let it go on.

        Raises:
            StoppedError: something is broken, or could not be looked at.
        """
        self.begun = True
        what = f"no replica of {release} gets ready"
        begun = self.watch(what, ROLL_SECONDS, lambda now: begins_to_serve(now, release))
        if begun.outcome in ENDED:
            return
        self.stack.pause()
        self.history.add_event("roll-paused", release)
        self.announce("letting the roll go on")
        self.stack.resume()
        self.history.add_event("roll-resumed", release)

    def go_back(self, rollout: Rollout) -> None:
        """Let the source serve as it did before the roll, and look at all of it."""
        if self.begun:
            self.say(f"undoing, back to {rollout.source}")
            self.begin_undo(rollout.source)
            self.follow(rollout.source)
        pages: set[str] = set()
        ready = count_ready(self.look())
        share = ready[rollout.source] / max(ready.total(), 1)
        fetches = self.visit_all(rollout.source, pages, share)
        missing = len(pages - pages_of(rollout.source, fetches))
        status, _why = self.judge(rollout.source, "after the way back", fetches, missing)
        detail = {"replicas": ready[rollout.source], "verdict": str(status)}
        self.history.add_event("guard-rolled-back", rollout.source, **detail)


def find_looks(share: float, pages: int) -> int:
    """Return in how many visits a release shows every page, but for LUCK.

    Where a gateway cannot pin a visitor to a release, whoever asks draws any of the replicas, so
    that a page comes from a release as often as its share of them says.
    """
    if not 0 < share < 1:
        return FEWEST
    return max(FEWEST, math.ceil(math.log(LUCK / pages) / math.log(1 - share)))


def pages_of(release: str, fetches: list[Fetch]) -> set[str]:
    """Return the pages that a release has answered."""
    return {each.url for each in fetches if each.role == "page" and each.release == release}
