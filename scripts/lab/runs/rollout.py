"""A rollout as it happens: publish, then replica by replica, while visitors look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import requests

from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.history import History
from lab.probe import Probe
from lab.stacks.model import Publish, Replica, RunningStack, Say
from lab.stacks.stack import Stack

S = TypeVar("S", bound=RunningStack)

REACH_SECONDS = 20.0
SETTLE_SECONDS = 60.0
"""For each visitor, and so for a loaded machine."""
REST_SECONDS = 2.0
"""Between two visits, while a publish or a start works: no process that serves is replaced then."""


@dataclass(frozen=True)
class Rollout:
    """From which release to which; a rollback publishes nothing."""

    source: str
    target: str
    publishes: bool = True


class BaseRoller(Generic[S]):
    """What every rollout has, whoever replaces the replicas: a publish, and visitors who look."""

    def __init__(self, stack: S, probe: Probe, history: History, say: Say, visitors: int) -> None:
        self.stack, self.probe, self.history, self.say = stack, probe, history, say
        self.visitors = visitors

    def before(self, step: str) -> None:
        """Do what has to be done before a step; a roller without a guard does nothing."""

    def settle(self) -> None:
        """Wait until every visitor has seen the whole site as it is now."""
        seconds = SETTLE_SECONDS * self.visitors
        if not self.probe.await_round(seconds):
            if self.probe.crashes:
                raise UnavailableError(f"the probe cannot go on: {self.probe.crashes[0]}")
            raise UnavailableError(
                f"{self.visitors} visitors did not see the site in {seconds:.0f} s; the "
                f"gateway's last words:\n{self.stack.logs('gateway')}"
            )

    def publish(self, rollout: Rollout) -> None:
        """Publish the target, and see what that does to the assets of the source."""
        self.announce(f"publishing {rollout.target}")
        record = self.stack.record(rollout.source)
        with self.probe.resting(REST_SECONDS):
            before = self.stack.inventory()
            self.history.add_event("publish-started", rollout.target)
            with self.probe.watch(self.probe.site.asset_urls(record["assets"]), rollout.source):
                publish = self.stack.publish(rollout.target)
            self.note(publish)
            if publish.exit_code:  # perhaps because there is no store any more to be listed
                raise UnavailableError(
                    f"publishing {rollout.target} failed with exit code {publish.exit_code}, "
                    f"{rollout.source} still serves; mend the cause and run it again; "
                    f"its last words:\n{publish.log}"
                )
            touched = find_rewritten(record["assets"], before, self.stack.inventory())
        self.history.add_event(
            "rewritten", rollout.target, assets=touched, of=len(record["assets"])
        )
        self.settle()

    def announce(self, step: str) -> None:
        """Say what begins, if it may."""
        self.before(step)
        self.say(step)

    def note(self, publish: Publish) -> None:
        """Write down how a publish ended."""
        seconds = round(publish.seconds, 2)
        how = {"exit_code": publish.exit_code, "seconds": seconds, "log": publish.log}
        self.history.add_event("publish-ended", publish.release, **how)


class Roller(BaseRoller[Stack]):
    """Carries a rollout out on a stack, and writes down each of its steps."""

    def __init__(
        self, stack: Stack, probe: Probe, history: History, say: Say, visitors: int
    ) -> None:
        super().__init__(stack, probe, history, say, visitors)
        self.routed: tuple[str, ...] = ()
        """The releases that the gateway knows."""
        self.weights: Mapping[str, int] = {}

    def roll(self, rollout: Rollout) -> None:
        """Roll from the source to the target; every visitor sees every stage at least once.

        Raises:
            UnavailableError: the publish failed, or a replica did not become ready.
        """
        self.note_serving(rollout, {rollout.source: 100})
        self.say(f"visitors look at {rollout.source}")
        self.settle()
        self.routed = (rollout.source,)
        if rollout.publishes:
            self.publish(rollout)
        self.recycle(rollout.source)
        leaving = self.stack.replicas(rollout.source)
        for step, old in enumerate(leaving, start=1):
            self.announce(f"starting a replica of {rollout.target} ({step} of {len(leaving)})")
            with self.probe.resting(REST_SECONDS):
                new = self.stack.add_replica(rollout.target)
            self.history.add_event("replica-started", rollout.target, replica=new.name)
            self.note_serving(rollout)
            if step == 1:
                self.reach(rollout)
            self.shift(rollout, 100 * step // len(leaving))
            self.before(f"draining {old.name}")
            self.drain(old)
            self.note_serving(rollout)
            self.recycle(rollout.source)
        self.say(f"visitors look at {rollout.target}")
        self.settle()

    def drain(self, old: Replica) -> None:
        """Let a replica finish, and stop."""
        self.say(f"draining {old.name}")
        self.stack.drain(old)
        self.history.add_event("replica-stopped", old.release, replica=old.name)

    def route(self, weights: Mapping[str, int]) -> None:
        """Give the traffic these weights; the gateway knows these releases, and no other."""
        self.stack.route(weights)
        self.routed = tuple(weights)

    def recycle(self, release: str) -> None:
        """Give every replica fresh workers, as max_requests, crashes and scaling do."""
        for replica in self.stack.replicas(release):
            self.say(f"recycling the workers of {replica.name}")
            self.stack.recycle(replica)
            self.history.add_event("recycled", release, replica=replica.name)
            self.settle()

    def reach(self, rollout: Rollout) -> None:
        """Make the target known to the gateway, with no share yet, and wait for its answer."""
        self.route({rollout.source: 100, rollout.target: 0})

        def answers() -> bool:
            pin = {"release": rollout.target}
            try:
                answer = requests.get(f"{self.stack.base}readyz", cookies=pin, timeout=5)
            except requests.RequestException:
                return False
            return answer.ok and answer.headers.get("X-Release") == rollout.target

        wait_until(
            answers,
            REACH_SECONDS,
            f"the gateway does not reach {rollout.target}",
            lambda: self.stack.logs("gateway"),
        )

    def shift(self, rollout: Rollout, percent: int) -> None:
        """Give the target that share of the requests; at 100 the source is out of the traffic."""
        weights = {rollout.source: 100 - percent, rollout.target: percent}
        step = f"traffic: {rollout.source} {100 - percent}%, {rollout.target} {percent}%"
        self.before(step)
        self.route({release: weight for release, weight in weights.items() if weight})
        self.say(step)
        self.history.add_event("weights", rollout.target, weights=weights)
        self.note_serving(rollout, weights)
        self.settle()

    def note_serving(self, rollout: Rollout, weights: Mapping[str, int] | None = None) -> None:
        """Write down who serves from now on, and which share; without weights, that of before."""
        self.weights = weights or self.weights
        releases = (rollout.source, rollout.target)
        replicas = {release: len(self.stack.replicas(release)) for release in releases}
        self.history.add_event("serving", None, weights=self.weights, replicas=replicas)


def find_rewritten(
    assets: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[dict[str, str | None]]:
    """Return the assets that were there before, and have been written again or are gone.

    Args:
        assets: hashed names, as the record of a release has them.
        before: the store's inventory, key -> {"last_modified": ...}.
        after: the same, later.
    """
    touched: list[dict[str, str | None]] = []
    for asset in sorted(assets):
        key = f"static/{asset}"
        if key not in before:
            continue
        was = before[key]["last_modified"]
        now = after[key]["last_modified"] if key in after else None
        if now != was:
            touched.append({"asset": asset, "before": was, "after": now})
    return touched
