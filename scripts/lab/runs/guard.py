"""A guarded rollout: every page is looked at before each step, and what is broken stops it.

On the way back the old release gets the traffic first, then its replicas. What was published stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.errors import UnavailableError
from lab.history import Fetch, Header, Run, parse_record
from lab.judge.findings import Status
from lab.judge.verdict import Verdict, judge_run
from lab.runs.rollout import Roller, Rollout
from lab.stacks.model import RunningStack


class StoppedError(Exception):
    """The guard does not let a step be taken: something is broken, or could not be judged."""

    def __init__(self, when: str, why: str | None, status: Status) -> None:
        super().__init__(f"{when}: {why}")
        self.detail = {"when": when, "why": why, "verdict": str(status)}


class GuardedRoller(Roller):
    """Takes a step only when every page of what serves, or is about to, is whole."""

    def roll(self, rollout: Rollout) -> None:
        """Roll from the source to the target, or back again at the first thing that is broken.

        Raises:
            UnavailableError: a step could not be taken; the source serves as before.
        """
        replicas = len(self.stack.replicas(rollout.source))
        try:
            super().roll(rollout)
        except StoppedError as stop:
            self.say(f"stopped {stop}")
            self.history.add_event("guard-stopped", rollout.target, **stop.detail)
            self.go_back(rollout, replicas)
        except UnavailableError as error:
            self.say("stopped: a step could not be taken")
            detail = {"when": "in a step", "why": str(error), "verdict": str(Status.FAIL)}
            self.history.add_event("guard-stopped", rollout.target, **detail)
            self.go_back(rollout, replicas)
            raise

    def before(self, step: str) -> None:
        """Look at every page of each release that the gateway knows, past every cache.

        Raises:
            StoppedError: something is broken, or could not be looked at.
        """
        for release in self.routed:
            status, why = self.inspect(release, f"before {step}")
            if status is not Status.PASS:
                raise StoppedError(f"before {step}", why, status)

    def inspect(self, release: str, when: str) -> tuple[Status, str | None]:
        """Look at every page of a release; return how it is, and what is wrong."""
        self.say(f"the guard looks at {release} {when}")
        fetches = self.probe.crawl_once(release, hard=True, name="guard")
        verdict = judge_look(self.stack, release, fetches)
        pages = [fetch.answer.release for fetch in fetches if fetch.role == "page"]
        others = {other for other in pages if other} - {release}
        status, why = verdict.status, find_reason(verdict)
        if others and status is Status.PASS:
            status, why = Status.UNKNOWN, f"{release} was asked, {min(others)} answered"
        counts = {"pages": len(pages), "assets": verdict.total.assets}
        detail = {"when": when, "why": why, "verdict": str(status)}
        self.history.add_event("guard-checked", release, **detail, **counts)
        return status, why

    def go_back(self, rollout: Rollout, replicas: int) -> None:
        """Let the source serve as it did before the rollout, and look at all of it."""
        if not self.stack.replicas(rollout.source):
            self.restore(rollout.source)
        self.say(f"traffic: {rollout.source} 100%")
        self.route({rollout.source: 100})
        self.history.add_event("weights", rollout.target, weights={rollout.source: 100})
        self.note_serving(rollout, {rollout.source: 100})
        while len(self.stack.replicas(rollout.source)) < replicas:
            self.restore(rollout.source)
        for new in self.stack.replicas(rollout.target):
            self.drain(new)
        self.note_serving(rollout)
        self.settle()
        status, _why = self.inspect(rollout.source, "after the way back")
        detail = {"replicas": replicas, "verdict": str(status)}
        self.history.add_event("guard-rolled-back", rollout.source, **detail)

    def restore(self, release: str) -> None:
        """Start a replica in the place of one that is gone."""
        self.say(f"starting a replica of {release} again")
        new = self.stack.add_replica(release)
        self.history.add_event("replica-started", release, replica=new.name)


def judge_look(stack: RunningStack, release: str, fetches: Iterable[Fetch]) -> Verdict:
    """Judge what a guard has seen of a release."""
    # No rollout, in which a publish would be missed, and no external site, which may do more.
    header = Header(
        strategy=stack.strategy,
        engine="guard",
        action="guard",
        base=stack.base,
        static=f"{stack.base}static/",
        started="",
    )
    records = {release: parse_record(stack.record(release))}
    return judge_run(Run(header=header, records=records, fetches=tuple(fetches), ended=True))


def find_reason(verdict: Verdict) -> str | None:
    """Return what broke first; else why something could not be judged, if so."""
    failed = [finding.first for finding in verdict.findings if finding.first]
    if failed:
        return min(failed, key=lambda evidence: evidence.t).sentence
    unknown = [each for each in verdict.findings if each.status is Status.UNKNOWN]
    return f"{unknown[0].checker}: {unknown[0].reason}" if unknown else None
