"""From a command to its history: a rollout, a rollback or a look, and all that belongs to it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lab.engines import choose
from lab.engines.ports import free_ports
from lab.engines.state import State, stack_names
from lab.errors import LabError
from lab.history import History
from lab.order import Order, choose_rollout, fit
from lab.probe import Probe, Site
from lab.recording import About, Interrupted, recorded
from lab.rollout import Roller, Rollout
from lab.stack import Plan, Say, Stack
from lab.stacks import (
    require_built,
    require_published,
    require_stack,
    require_strategy,
    serving,
    temporary_stack,
)

__all__ = ["Interrupted", "Order", "look", "run"]


def run(order: Order, say: Say) -> Path:
    """Carry a rollout or a rollback out; returns its history.

    Raises:
        Interrupted: by Ctrl-C; everything that was started is stopped.
    """
    if order.name in stack_names():
        return run_on(order.name, order, say)
    return run_alone(order, say)


def run_on(name: str, order: Order, say: Say) -> Path:
    """Roll on a stack that is up, and that stays up."""
    engine, stack = require_stack(name)
    if order.engine not in ("auto", engine.name):
        raise LabError(f"stack {name} runs on {engine.name}, not on {order.engine}")
    rollout = fit(order, stack)
    require_built(engine, (rollout.source, rollout.target))
    if not rollout.publishes:
        require_published(stack, rollout.target)
    about = About(stack.folder, stack.base, stack.strategy, engine.name)
    with recorded(about, order.action, say) as history:
        observe(stack, rollout, history, order.visitors, say)
    return history.path


def run_alone(order: Order, say: Say) -> Path:
    """Roll on a stack of its own, where the source serves; it is gone at the end."""
    strategy = require_strategy(order.strategy or "skewproof")
    rollout = choose_rollout(order)
    engine = choose(order.engine, say)
    require_built(engine, (rollout.source, rollout.target))
    published = (rollout.source,) if rollout.publishes else (rollout.target, rollout.source)
    (port,) = free_ports(1)
    name = f"{order.action}-{strategy}-{time.strftime('%H%M%S')}-{os.getpid()}"
    plan = Plan(name, strategy, port, {rollout.source: 100}, published)
    state = State(name, engine.name, strategy, port)
    about = About(state.folder, state.base, strategy, engine.name)
    with (
        recorded(about, order.action, say) as history,
        temporary_stack(engine, plan, say) as stack,
    ):
        observe(stack, rollout, history, order.visitors, say)
    return history.path


def observe(stack: Stack, rollout: Rollout, history: History, visitors: int, say: Say) -> None:
    """Roll while visitors look."""
    for release in (rollout.source, rollout.target):
        history.record(stack.record(release))
    with Probe(Site(stack.base, f"{stack.base}static/"), history) as probe:
        # One visitor comes by an edge of the CDN whose cache is cold.
        probe.start(visitors - 1)
        probe.start(1, hard=True)
        Roller(stack, probe, history, say, visitors).roll(rollout)
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
