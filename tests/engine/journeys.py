"""A journey: v1 serves, a rollout to v2, a rollback to v1, with a look at every page on the way.

Each of those in MADE is made once. What remains of it is data, which the tests only read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.engine.stacks import ENGINES, build, running, say

from lab.history import About, Header, History, Record, Run, open_history, read_history
from lab.judge.verdict import Verdict, judge_run
from lab.probe import Probe, Site
from lab.runs import session
from lab.runs.rollout import Rollout
from lab.stacks.engines import Engine
from lab.stacks.model import Replica
from lab.stacks.stack import Stack

VISITORS = 2

AT_REST: Mapping[str, str] = {
    "before the rollout": "v1",
    "after the publish": "v1",
    "after the rollout": "v2",
    "after the rollback": "v1",
}
"""The moments at which every page of a release is looked at, by one visitor, past every cache.

After the publish of v2, v1's processes have been recycled, and none of v2's has been started.
"""
ON_THE_WAY = ("rollout", "rollback")
"""What visitors look at all the while."""

MADE = tuple(
    (engine, strategy) for strategy in ("skewproof", "shared", "versioned") for engine in ENGINES
)
"""The journeys by engine and strategy."""


def as_parameter(engine: str, strategy: str, *more: str) -> Any:
    """Return a journey as a parameter: the cure is seen on every engine, all else on the first."""
    seen = strategy == "skewproof" or engine == ENGINES[0]
    return pytest.param(engine, strategy, *more, marks=() if seen else pytest.mark.thorough)


@dataclass(frozen=True)
class Journey:
    """What was seen, by moment, and the verdict on it."""

    engine: str
    strategy: str
    records: Mapping[str, Record]
    runs: Mapping[str, Run]
    verdicts: Mapping[str, Verdict]


@dataclass
class Traveller:
    """Makes a journey on a stack that serves v1."""

    stack: Stack
    engine: Engine
    histories: dict[str, Path] = field(default_factory=dict)

    def travel(self) -> Journey:
        """Go there and back."""
        self.look("before the rollout")
        self.roll("rollout", Rollout("v1", "v2"))
        self.look("after the rollout")
        self.roll("rollback", Rollout("v2", "v1", publishes=False))
        self.look("after the rollback")
        runs = {moment: read_history(path) for moment, path in self.histories.items()}
        verdicts = {moment: judge_run(run) for moment, run in runs.items()}
        records = runs["rollout"].records
        return Journey(self.engine.name, self.stack.strategy, records, runs, verdicts)

    def look(self, moment: str) -> None:
        """See every page of the release of this moment once, and all that it names."""
        path = self.stack.folder / f"{moment.replace(' ', '-')}.jsonl"
        self.histories[moment] = crawl(self.stack, self.engine.name, path, AT_REST[moment])

    def roll(self, action: str, rollout: Rollout) -> None:
        """Roll while visitors look; a rollout is looked at in its middle too."""
        stack: Any = self.stack
        if rollout.publishes:
            stack = Interposed(stack, lambda: self.look("after the publish"))
        self.histories[action] = roll(stack, self.engine.name, action, rollout)


def roll(stack: Stack, engine: str, action: str, rollout: Rollout) -> Path:
    """Roll while visitors look, as the command line does; returns the history."""
    about = About(folder=stack.folder, base=stack.base, strategy=stack.strategy, engine=engine)
    with open_history(about, action, say) as history:
        session.observe(stack, rollout, history, VISITORS, say)
    return history.path


class Interposed:
    """A stack on which something is done before the first replica is started."""

    def __init__(self, stack: Stack, do: Callable[[], None]) -> None:
        self._stack, self._do, self._done = stack, do, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stack, name)

    def add_replica(self, release: str) -> Replica:
        """Do it, the first time, and start the replica."""
        if not self._done:
            self._do()
        self._done = True
        return self._stack.add_replica(release)


def crawl(stack: Stack, engine: str, path: Path, *pins: str, hard: bool = True) -> Path:
    """Visit every page of each of these releases once; returns the history.

    Args:
        stack: where to look.
        engine: what it runs on.
        path: the history to write.
        pins: the releases.
        hard: past every cache, at the store itself.
    """
    site = Site(base=stack.base, static=f"{stack.base}static/")
    with History(path) as history, Probe(site, history) as probe:
        history.begin(
            Header(
                strategy=stack.strategy,
                engine=engine,
                action="probe",
                base=site.base,
                static=site.static,
                started=path.stem,
            )
        )
        for release in ("v1", "v2"):
            history.add_release(stack.record(release))
        for pin in pins:
            probe.crawl_once(pin, hard=hard)
        history.end()
    return path


class Journeys:
    """Makes each journey when it is first asked for; one that failed is not tried again."""

    def __init__(self) -> None:
        self.made: dict[tuple[str, str], Journey | Exception] = {}

    def get(self, engine: str, strategy: str) -> Journey:
        """The journey on this engine under this strategy."""
        key = (engine, strategy)
        if key not in self.made:
            try:
                # The cure is seen with two replicas of each release, as the lab has them.
                self.made[key] = make(*key, replicas=2 if strategy == "skewproof" else 1)
            except Exception as error:
                self.made[key] = error
        made = self.made[key]
        if isinstance(made, Exception):
            raise RuntimeError(f"the journey on {engine} under {strategy} failed") from made
        return made


def make(engine_name: str, strategy: str, *, label: str = "", replicas: int = 1) -> Journey:
    """Make a journey on a stack of its own.

    Args:
        engine_name: what it runs on.
        strategy: how static files are kept.
        label: tells a journey that is built of other parts from the usual one.
        replicas: of each release.
    """
    engine, name = build(engine_name, label), f"{strategy}{label.replace('.', '')}"
    with running(engine, name, {"v1": 100}, strategy=strategy, replicas=replicas) as stack:
        return Traveller(stack, engine).travel()
