"""Rolls that an orchestrator carries out while visitors look, and what was seen of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.engine.stacks import say

from lab.history import About, Run, open_history, read_history
from lab.judge.actions import ROLL
from lab.judge.findings import Status
from lab.judge.verdict import Verdict, judge_run
from lab.runs import session
from lab.runs.rollout import Rollout
from lab.runs.scenarios import RollScenario
from lab.stacks.engines import Engine
from lab.stacks.orchestrator import Orchestrator

VISITORS = 2
REACHES = ROLL.name
FORWARD, BACK = Rollout("v1", "v2"), Rollout("v2", "v1", publishes=False)


@dataclass(frozen=True)
class Roll:
    """What was seen of one roll, and the verdict on it."""

    run: Run
    verdict: Verdict

    @property
    def whole(self) -> bool:
        """Whether every visitor got every page and asset right, wherever the roll ended."""
        finds = [each for each in self.verdict.findings if each.checker != REACHES]
        return {each.status for each in finds} <= {Status.PASS, Status.NOT_APPLICABLE}

    @property
    def releases(self) -> set[str | None]:
        """The releases whose pages anybody got."""
        return {fetch.release for fetch in self.run.fetches if fetch.role == "page"}

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """What was written down of what happened, each time."""
        return [each.detail for each in self.run.events if each.event == name]


def roll(
    engine: Engine,
    stack: Orchestrator,
    rollout: Rollout,
    scenario: RollScenario | None = None,
    *,
    guard: bool = False,
) -> Roll:
    """Roll while visitors look, as the command line does."""
    action = scenario.name if scenario else ("rollout" if rollout.publishes else "rollback")
    about = About(folder=stack.folder, base=stack.base, strategy=stack.strategy, engine=engine.name)
    with open_history(about, action, say) as history:
        session.observe(stack, rollout, history, VISITORS, say, scenario=scenario, guard=guard)
    run = read_history(history.path)
    return Roll(run, judge_run(run))
