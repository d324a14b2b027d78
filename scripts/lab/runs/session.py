"""From a command to its history: a rollout, a rollback or a look, and all that belongs to it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lab.errors import LabError
from lab.history import History
from lab.probe import Probe, Site
from lab.runs.guard import GuardedRoller
from lab.runs.load import steady_load
from lab.runs.recording import About, Interrupted, recorded
from lab.runs.request import RunRequest, choose_rollout, fit
from lab.runs.rollout import Roller, Rollout
from lab.stacks.engines import choose
from lab.stacks.lifecycle import (
    require_built,
    require_published,
    require_stack,
    require_strategy,
    serving,
    temporary_stack,
)
from lab.stacks.model import Plan, Say
from lab.stacks.ports import free_ports
from lab.stacks.stack import Stack
from lab.stacks.state import State, stack_names

PACE_SECONDS = 2.0
"""Between two visits of a visitor, while a steady load is measured."""

__all__ = ["Interrupted", "RunRequest", "look", "run"]


def run(request: RunRequest, say: Say) -> Path:
    """Carry a rollout or a rollback out; returns its history.

    Raises:
        Interrupted: by Ctrl-C; everything that was started is stopped.
    """
    if request.name in stack_names():
        return run_on(request.name, request, say)
    return run_alone(request, say)


def run_on(name: str, request: RunRequest, say: Say) -> Path:
    """Roll on a stack that is up, and that stays up."""
    engine, stack = require_stack(name)
    if request.engine not in ("auto", engine.name):
        raise LabError(f"stack {name} runs on {engine.name}, not on {request.engine}")
    rollout = fit(request, stack)
    require_built(engine, (rollout.source, rollout.target))
    if not rollout.publishes:
        require_published(stack, rollout.target)
    about = About(stack.folder, stack.base, stack.strategy, engine.name)
    with recorded(about, request.action, say) as history:
        observe(
            stack, rollout, history, request.visitors, say, guard=request.guard, rate=request.rate
        )
    return history.path


def run_alone(request: RunRequest, say: Say) -> Path:
    """Roll on a stack of its own, where the source serves; it is gone at the end."""
    strategy = require_strategy(request.strategy or "skewproof")
    rollout = choose_rollout(request)
    engine = choose(request.engine, say)
    require_built(engine, (rollout.source, rollout.target))
    published = (rollout.source,) if rollout.publishes else (rollout.target, rollout.source)
    (port,) = free_ports(1)
    name = f"{request.action}-{strategy}-{time.strftime('%H%M%S')}-{os.getpid()}"
    plan = Plan(
        name=name,
        strategy=strategy,
        port=port,
        weights={rollout.source: 100},
        publishes=published,
    )
    state = State(name, engine.name, strategy, port)
    about = About(state.folder, state.base, strategy, engine.name)
    with (
        recorded(about, request.action, say) as history,
        temporary_stack(engine, plan, say) as stack,
    ):
        observe(
            stack, rollout, history, request.visitors, say, guard=request.guard, rate=request.rate
        )
    return history.path


def observe(
    stack: Stack,
    rollout: Rollout,
    history: History,
    visitors: int,
    say: Say,
    *,
    guard: bool = False,
    rate: float | None = None,
) -> None:
    """Roll while visitors look, who leave the machine to the load if there is one."""
    for release in (rollout.source, rollout.target):
        history.record(stack.record(release))
    with Probe(Site(stack.base, f"{stack.base}static/"), history) as probe:
        # One visitor comes by an edge of the CDN whose cache is cold.
        pace = PACE_SECONDS if rate else 0.0
        probe.start(visitors - 1, pace=pace)
        probe.start(1, hard=True, pace=pace)
        roller = GuardedRoller if guard else Roller
        with steady_load(probe, rate, history, say):
            roller(stack, probe, history, say, visitors).roll(rollout)
        probe.ask_for_absent()


def look(name: str, visits: int, say: Say) -> Path:
    """Visit each release that a stack serves; returns the history.

    Raises:
        Interrupted: by Ctrl-C.
    """
    engine, stack = require_stack(name)
    about = About(stack.folder, stack.base, stack.strategy, engine.name)
    site = Site(stack.base, about.static)
    with recorded(about, "probe", say) as history, Probe(site, history) as probe:
        for release in serving(stack):
            history.record(stack.record(release))
            visit(probe, release, visits, say)
    return history.path


def visit(probe: Probe, release: str, visits: int, say: Say) -> None:
    """Visit every page so many times."""
    for _ in range(visits):
        say(f"visiting {probe.site.base} of {release}")
        probe.crawl_once(release)
