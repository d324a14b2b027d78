"""A rollout that an orchestrator carries out: the lab says which image, and then only watches.

See docs/adr/0042. What an orchestrator does is read over and over; what has changed from one look
to the next goes into the history, so that a report shows it as a rollout of the lab's own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

from lab.deadline import wait_until
from lab.errors import LabError, UnavailableError
from lab.history import History
from lab.probe import Probe
from lab.runs.rollout import BaseRoller, Rollout
from lab.runs.scenarios import ROLLBACK, ROLLOUT, RollScenario
from lab.stacks.model import Replica, Say
from lab.stacks.orchestrator import (
    Orchestrator,
    Outcome,
    PausingOrchestrator,
    Phase,
    Progress,
    Seen,
)

LOOK_SECONDS = 0.2
"""Between two looks at a roll."""
ROLL_SECONDS = 900.0
"""The longest roll. An orchestrator gives up long before that, or goes back."""
REPLACE_SECONDS = 180.0
"""For another replica in the place of one that was lost."""

ENDED = (Outcome.DONE, Outcome.STALLED, Outcome.ROLLED_BACK)
BROKEN: Mapping[str, str] = {"DRAIN_SECONDS": "soon"}
"""What a release is told that is to end as soon as it starts: the shop refuses such a length."""


class Chronicle:
    """Writes down what has changed from one look to the next.

    Args:
        history: where to.
        rollout: whose releases have a share of the traffic.
    """

    def __init__(self, history: History, rollout: Rollout) -> None:
        self.history, self.rollout = history, rollout
        self.seen: dict[str, Seen] | None = None
        self.ready: Counter[str] | None = None
        self.whys: dict[str, str] = {}
        """What was last said of a release's replicas that are not ready."""

    def note(self, progress: Progress) -> None:
        """Write down what is new."""
        now = {each.name: each for each in progress.replicas}
        if self.seen is not None:  # whoever is there at the first look has not just been started
            for each in now.values():
                self.compare(self.seen.get(each.name), each)
            for name in [name for name in self.seen if name not in now]:
                self.history.add_event("replica-stopped", self.seen[name].release, replica=name)
        self.seen = now
        self.note_serving(progress)

    def compare(self, before: Seen | None, now: Seen) -> None:
        """Write down what has become of one replica."""
        if before is None:
            self.history.add_event("replica-started", now.release, replica=now.name)
        was = before.phase if before else None
        if now.phase is Phase.READY:
            if was is not Phase.READY:
                self.history.add_event("replica-ready", now.release, replica=now.name)
            return
        if now.why:
            self.whys[now.release] = now.why
        is_news = bool(now.why) and (before is None or before.why != now.why)
        if is_news or (was is Phase.READY and now.phase is Phase.STARTING):
            self.history.add_event(
                "replica-unready", now.release, replica=now.name, why=now.why or None
            )

    def note_serving(self, progress: Progress) -> None:
        """Write down who draws traffic from now on, if that has changed."""
        ready = count_ready(progress)
        if ready == self.ready:
            return
        self.ready = ready
        releases = dict.fromkeys((self.rollout.source, self.rollout.target, *ready))
        replicas = {release: ready[release] for release in releases}
        self.history.add_event("serving", None, weights=find_shares(replicas), replicas=replicas)


class OrchestratedRoller(BaseRoller[Orchestrator]):
    """Lets an orchestrator carry a rollout out, and writes down what happens."""

    def __init__(
        self,
        stack: Orchestrator,
        probe: Probe,
        history: History,
        say: Say,
        visitors: int,
        scenario: RollScenario | None = None,
    ) -> None:
        super().__init__(stack, probe, history, say, visitors)
        self.scenario = scenario
        self.chronicle: Chronicle | None = None

    def roll(self, rollout: Rollout) -> None:
        """Take the steps of the scenario; every visitor sees every stage at least once.

        Raises:
            UnavailableError: the publish failed, or the roll came to no end at all.
        """
        self.chronicle = Chronicle(self.history, rollout)
        self.look()
        self.say(f"visitors look at {rollout.source}")
        self.settle()
        scenario = self.scenario or (ROLLOUT if rollout.publishes else ROLLBACK)
        for verb in scenario.steps:
            VERBS[verb](self, rollout)

    def look(self) -> Progress:
        """Look at the roll once, and write down what is new."""
        progress = self.stack.progress()
        if self.chronicle:
            self.chronicle.note(progress)
        if self.probe.crashes:
            raise UnavailableError(f"the probe cannot go on: {self.probe.crashes[0]}")
        return progress

    def watch(self, what: str, seconds: float, holds: Callable[[Progress], bool]) -> Progress:
        """Look until something holds.

        Raises:
            UnavailableError: it does not in time; with what the orchestrator last said.
        """
        seen = self.look()

        def look_again() -> bool:
            nonlocal seen
            if holds(seen):
                return True
            time.sleep(LOOK_SECONDS)
            seen = self.look()
            return False

        wait_until(look_again, seconds, what, lambda: describe_progress(seen))
        return seen

    def lose(self, rollout: Rollout) -> None:
        """Let a replica of the source end from outside, and see it replaced."""
        source = rollout.source
        seen = self.watch(
            f"{source} has no replica that is ready",
            REPLACE_SECONDS,
            lambda now: bool(count_ready(now)[source]),
        )
        mine = [each for each in seen.replicas if each.release == source]
        old = next(each for each in mine if each.phase is Phase.READY)
        wanted = count_ready(seen)
        self.announce(f"losing {old.name}, as to a drained node")
        self.stack.lose(Replica(old.release, old.name))
        self.history.add_event("replica-lost", old.release, replica=old.name)

        def is_replaced(now: Progress) -> bool:
            gone = old.name not in [each.name for each in now.replicas]
            return gone and count_ready(now) == wanted

        self.watch(f"{old.name} was not replaced", REPLACE_SECONDS, is_replaced)
        self.settle()

    def go(self, rollout: Rollout, variables: Mapping[str, str] | None = None) -> None:
        """Say that the target shall serve, and watch."""
        self.announce(f"setting the release {rollout.target}")
        self.history.add_event("roll-started", rollout.target, how="set")
        self.stack.set_release(rollout.target, variables or {})
        self.hold(rollout.target)
        self.follow(rollout.target)

    def stop_midway(self, rollout: Rollout) -> None:
        """Say that the target shall serve, and pause the roll when its first replica does."""
        self.announce(f"setting the release {rollout.target}")
        self.history.add_event("roll-started", rollout.target, how="set")
        self.stack.set_release(rollout.target, {})
        what = f"no replica of {rollout.target} gets ready"
        self.watch(what, ROLL_SECONDS, lambda now: begins_to_serve(now, rollout.target))
        self.stack.pause()
        self.history.add_event("roll-paused", rollout.target)
        self.settle()

    def let_go(self, rollout: Rollout) -> None:
        """Let a paused roll go on, and watch."""
        self.announce("letting the roll go on")
        self.stack.resume()
        self.history.add_event("roll-resumed", rollout.target)
        self.follow(rollout.target)

    def grow(self, rollout: Rollout) -> None:
        """Add replicas in the middle of a roll, and see some of the source come."""
        source = rollout.source
        before = count_ready(self.look())[source]
        self.announce("adding replicas")
        require_pausing(self.stack).grow()
        what = f"no further replica of {source} gets ready"
        self.watch(what, REPLACE_SECONDS, lambda now: count_ready(now)[source] > before)
        self.settle()

    def recycle(self, rollout: Rollout) -> None:
        """Give every replica of the source fresh workers."""
        for replica in self.stack.replicas(rollout.source):
            self.announce(f"recycling the workers of {replica.name}")
            self.stack.recycle(replica)
            self.history.add_event("recycled", rollout.source, replica=replica.name)
            self.settle()

    def undo(self, release: str) -> None:
        """Let the orchestrator go back to the release of before, and watch."""
        self.announce(f"undoing, back to {release}")
        self.begin_undo(release)
        self.hold(release)
        self.follow(release)

    def begin_undo(self, release: str) -> None:
        """Tell the orchestrator to go back."""
        self.history.add_event("roll-started", release, how="undo")
        self.stack.undo()

    def hold(self, release: str) -> None:
        """Do what has to be done when a roll has begun; a roller without a guard does nothing."""

    def follow(self, release: str) -> None:
        """Watch until the roll has ended, in whatever way, and nobody is leaving any more."""
        seen = self.watch(f"the roll to {release} has no end", ROLL_SECONDS, has_ended)
        why = "" if seen.outcome is Outcome.DONE else self.find_reason(seen, release)
        serves = dict(count_ready(seen))
        self.history.add_event(
            "roll-ended", release, outcome=str(seen.outcome), why=why or None, serves=serves
        )
        self.say(f"{seen.outcome}; visitors look at {' and '.join(serves) or 'nothing'}")
        self.settle()

    def find_reason(self, seen: Progress, release: str) -> str:
        """Return what is said of a roll that did not go well, and of its replicas."""
        whys = self.chronicle.whys if self.chronicle else {}
        return "; ".join(dict.fromkeys(filter(None, (seen.message, whys.get(release)))))


VERBS: Mapping[str, Callable[[OrchestratedRoller, Rollout], None]] = {
    "publish": lambda roller, rollout: roller.publish(rollout),
    "lose": lambda roller, rollout: roller.lose(rollout),
    "roll": lambda roller, rollout: roller.go(rollout),
    "hold": lambda roller, rollout: roller.stop_midway(rollout),
    "let go": lambda roller, rollout: roller.let_go(rollout),
    "grow": lambda roller, rollout: roller.grow(rollout),
    "recycle": lambda roller, rollout: roller.recycle(rollout),
    "crash": lambda roller, rollout: roller.go(rollout, BROKEN),
    "undo": lambda roller, rollout: roller.undo(rollout.target),
    "turn back": lambda roller, rollout: roller.undo(rollout.source),
}
"""The verbs of the scenarios."""


def count_ready(progress: Progress) -> Counter[str]:
    """Count the replicas that may draw traffic, by release."""
    return Counter(each.release for each in progress.replicas if each.phase is Phase.READY)


def begins_to_serve(progress: Progress, release: str) -> bool:
    """Say whether a replica of a release may draw traffic, or none will any more."""
    return progress.outcome in ENDED or bool(count_ready(progress)[release])


def require_pausing(stack: Orchestrator) -> PausingOrchestrator:
    """Return an orchestrator that can pause a roll.

    Raises:
        LabError: this one cannot.
    """
    if not isinstance(stack, PausingOrchestrator):
        raise LabError(f"the orchestrator of stack {stack.name} cannot pause a roll")
    return stack


def has_ended(progress: Progress) -> bool:
    """Say whether a roll has ended, and those that it has replaced are gone."""
    leaving = any(each.phase is Phase.LEAVING for each in progress.replicas)
    return progress.outcome in ENDED and not leaving


def find_shares(replicas: Mapping[str, int]) -> dict[str, int]:
    """Return percent of the traffic by release: each replica draws as much as any other."""
    total = sum(replicas.values())
    if not total:
        return dict.fromkeys(replicas, 0)
    first, *others = replicas
    shares = {release: round(100 * replicas[release] / total) for release in others}
    return {first: 100 - sum(shares.values()), **shares}


def describe_progress(progress: Progress) -> str:
    """Return what an orchestrator says of a roll: in one line, and one for each replica."""
    said = f"{progress.outcome}: {progress.message}" if progress.message else str(progress.outcome)
    lines = [
        " ".join(filter(None, (each.name, each.release, each.phase, each.why)))
        for each in progress.replicas
    ]
    return "\n".join([said, *lines])
