"""From a request to its history: a rollout, a rollback, the strategies side by side, a look."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from lab.errors import LabError
from lab.history import About, History, Interrupted, open_history
from lab.judge.verdict import Verdict, judge_history
from lab.probe import Probe, Site
from lab.runs.guard import GuardedRoller
from lab.runs.load import steady_load
from lab.runs.orchestrated import OrchestratedRoller
from lab.runs.orchestratedguard import GuardedOrchestratedRoller
from lab.runs.request import RunRequest, choose_rollout, fit_rollout
from lab.runs.rollout import Roller, Rollout
from lab.runs.scenarios import RollScenario
from lab.stacks.engines import ORCHESTRATORS, Engine, choose
from lab.stacks.lifecycle import (
    require_built,
    require_published,
    require_stack,
    require_strategy,
    serving,
    temporary_stack,
)
from lab.stacks.model import Plan, Say
from lab.stacks.orchestrator import Orchestrator
from lab.stacks.ports import free_port
from lab.stacks.stack import Stack
from lab.stacks.state import State, stack_names
from lab.strategies import COMPARED, CURE

PACE_SECONDS = 2.0
"""Between two visits of a visitor, while a steady load is measured."""


def roll_out(request: RunRequest, say: Say) -> Path:
    """Carry a rollout or a rollback out, and return its history.

    Raises:
        Interrupted: by Ctrl-C; everything that was started is stopped.
    """
    if request.name in stack_names():
        return run_on_stack(request.name, request, say)
    return run_on_new_stack(request, say)


def run_on_stack(name: str, request: RunRequest, say: Say) -> Path:
    """Roll on a stack that is up, and that stays up."""
    engine, stack = require_stack(name)
    if request.engine not in ("auto", engine.name):
        raise LabError(f"stack {name} runs on {engine.name}, not on {request.engine}")
    require_fit(engine, request)
    rollout = fit_rollout(request, stack)
    require_built(engine, (rollout.source, rollout.target))
    if not rollout.publishes:
        require_published(stack, rollout.target)
    about = About(folder=stack.folder, base=stack.base, strategy=stack.strategy, engine=engine.name)
    with open_history(about, name_run(request), say) as history:
        observe_request(stack, rollout, history, request, say)
    return history.path


def run_on_new_stack(request: RunRequest, say: Say) -> Path:
    """Roll on a stack of its own, where the source serves; it is gone at the end."""
    strategy = require_strategy(request.strategy or CURE)
    rollout = choose_rollout(request)
    engine = choose(request.engine, say)
    require_fit(engine, request)
    require_built(engine, (rollout.source, rollout.target))
    published = (rollout.source,) if rollout.publishes else (rollout.target, rollout.source)
    port = free_port()
    name = f"{request.action}-{strategy}-{time.strftime('%H%M%S')}-{os.getpid()}"
    plan = Plan(
        name=name,
        strategy=strategy,
        port=port,
        weights={rollout.source: 100},
        publishes=published,
    )
    state = State(name=name, engine=engine.name, strategy=strategy, port=port)
    about = About(folder=state.folder, base=state.base, strategy=strategy, engine=engine.name)
    with (
        open_history(about, name_run(request), say) as history,
        temporary_stack(engine, plan, say) as stack,
    ):
        observe_request(stack, rollout, history, request, say)
    return history.path


def require_fit(engine: Engine, request: RunRequest) -> None:
    """Refuse what an engine cannot do, before anything is started.

    Raises:
        LabError: it cannot.
    """
    if request.guard and not engine.pauses:
        raise LabError(
            f"{engine.name} cannot pause a roll, so --guard has no moment in which to look: "
            f"leave it out; {engine.name} itself goes back when a replica does not get ready"
        )
    if request.scenario and request.scenario.pauses and not engine.pauses:
        raise LabError(
            f"{engine.name} cannot pause a roll, in whose middle --scenario "
            f"{request.scenario.name} happens: choose another one"
        )
    if request.scenario and engine.name not in ORCHESTRATORS:
        raise LabError(
            f"--scenario is for --engine {' or '.join(ORCHESTRATORS)}, not {engine.name}: there "
            'the scenarios are those of "lab matrix"'
        )


def name_run(request: RunRequest) -> str:
    """Return what a history says was done: a scenario need not publish, as a rollout must."""
    return request.scenario.name if request.scenario else request.action


def observe_request(
    stack: Stack | Orchestrator, rollout: Rollout, history: History, request: RunRequest, say: Say
) -> None:
    """Roll as it was asked for, while visitors look."""
    observe(
        stack,
        rollout,
        history,
        request.visitors,
        say,
        guard=request.guard,
        rate=request.rate,
        scenario=request.scenario,
    )


def observe(
    stack: Stack | Orchestrator,
    rollout: Rollout,
    history: History,
    visitors: int,
    say: Say,
    *,
    guard: bool = False,
    rate: float | None = None,
    scenario: RollScenario | None = None,
) -> None:
    """Roll while visitors look, who leave the machine to the load if there is one."""
    for release in (rollout.source, rollout.target):
        history.add_release(stack.record(release))
    with Probe(Site(base=stack.base, static=f"{stack.base}static/"), history) as probe:
        # One visitor reloads past every cache, as through a CDN server that has cached nothing yet.
        pace = PACE_SECONDS if rate else 0.0
        probe.start(visitors - 1, pace=pace)
        probe.start(1, hard=True, pace=pace)
        with steady_load(probe, rate, history, say):
            if isinstance(stack, Orchestrator):
                watcher = GuardedOrchestratedRoller if guard else OrchestratedRoller
                watcher(stack, probe, history, say, visitors, scenario).roll(rollout)
            else:
                roller = GuardedRoller if guard else Roller
                roller(stack, probe, history, say, visitors).roll(rollout)
        probe.ask_for_absent()


def probe_stack(name: str, visits: int, say: Say) -> Path:
    """Visit each release that a stack serves; return the history.

    Raises:
        Interrupted: by Ctrl-C.
    """
    engine, stack = require_stack(name)
    about = About(folder=stack.folder, base=stack.base, strategy=stack.strategy, engine=engine.name)
    site = Site(base=stack.base, static=about.static)
    with open_history(about, "probe", say) as history, Probe(site, history) as probe:
        for release in serving(stack):
            history.add_release(stack.record(release))
            visit_release(probe, release, visits, say)
    return history.path


def visit_release(probe: Probe, release: str, visits: int, say: Say) -> None:
    """Visit every page so many times."""
    for _ in range(visits):
        say(f"visiting {probe.site.base} of {release}")
        probe.crawl_once(release)


def run_each(engine: str, visitors: int, say: Say) -> Iterator[tuple[str, Verdict]]:
    """Roll out under each strategy, each on a stack of its own; an interrupt ends it early."""
    for strategy in reversed(COMPARED):
        say(f"strategy {strategy}")
        request = RunRequest(
            action="rollout", engine=engine, name=None, strategy=strategy, visitors=visitors
        )
        try:
            verdict = judge_history(roll_out(request, say))
        except Interrupted as stopped:
            yield strategy, judge_history(stopped.history)
            return
        yield strategy, verdict
