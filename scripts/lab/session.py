"""From a command to its history: finds or starts the stack, and takes away what it started."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.checkout import WORK, releases, require_release
from lab.engines import choose
from lab.engines.processes import free_ports
from lab.errors import LabError
from lab.history import Header, History
from lab.keeper import Keeper
from lab.probe import Probe, Site
from lab.rollout import Roller, Rollout
from lab.stack import STRATEGIES, Engine, Plan, Say, Stack

DEFAULT_NAME = "lab"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM while a history was being written; what is in it stays."""

    def __init__(self, history: Path) -> None:
        super().__init__()
        self.history = history


@dataclass(frozen=True)
class Order:
    """What a person asked for; None is "whatever fits"."""

    action: str
    engine: str = "auto"
    name: str | None = DEFAULT_NAME
    """A stack that is up is used; with None the run always has one of its own."""
    strategy: str | None = None
    source: str | None = None
    target: str | None = None
    visitors: int = 4

    @property
    def publishes(self) -> bool:
        """A rollback goes to what has been published before."""
        return self.action == "rollout"


def require_strategy(strategy: str) -> str:
    """Return `strategy`, or say which ones there are."""
    if strategy not in STRATEGIES:
        raise LabError(f"unknown strategy {strategy}: there are {', '.join(STRATEGIES)}")
    return strategy


def require_built(engine: Engine, wanted: tuple[str, ...]) -> None:
    """Refuse releases that have not been built."""
    for release in wanted:
        if not engine.built(require_release(release)):
            raise LabError(
                f"release {release} is not built for the engine {engine.name}: "
                f'run "lab build {release} --engine {engine.name}"'
            )


def find_stack(engine: Engine, name: str) -> Stack | None:
    """The stack of that name, whole; None when there is none.

    Raises:
        LabError: it is half up.
    """
    stack = engine.attach(name)
    if stack is not None and (gone := stack.gone()):
        raise LabError(
            f"stack {name} is half up ({', '.join(gone)} does not run): "
            f'take it down with "lab down --name {name}"'
        )
    return stack


def start_stack(engine: Engine, plan: Plan, say: Say) -> Stack:
    """Start a stack under a name that is free."""
    require_built(engine, tuple(plan.publishes))
    if find_stack(engine, plan.name) is not None:
        raise LabError(
            f'stack {plan.name} is already up: take it down with "lab down --name {plan.name}", '
            "or choose another --name"
        )
    return engine.up(plan, say)


def serving(stack: Stack) -> list[str]:
    """The releases that have running replicas."""
    return [release for release in releases() if stack.replicas(release)]


def run(order: Order, say: Say) -> Path:
    """Carry a rollout or a rollback out; returns the history, whole or torn off."""
    if order.name in stack_names():
        engine = engine_of(order.name)
        stack = require_stack(order.name)
        if order.engine not in ("auto", engine.name):
            raise LabError(f"stack {order.name} runs on {engine.name}, not on {order.engine}")
        return observe(stack, engine, settle_order(order, stack), order, say)
    engine = choose(order.engine)
    rollout = Rollout(order.source or "v1", order.target or "v2", order.publishes)
    if not order.publishes:
        rollout = Rollout(order.source or "v2", order.target or "v1", publishes=False)
    with temporary(engine, order, rollout, say) as fresh:
        return observe(fresh, engine, rollout, order, say)


def settle_order(order: Order, stack: Stack) -> Rollout:
    """Fit what was asked for to the stack that is up.

    Raises:
        LabError: it does not fit.
    """
    now = serving(stack)
    if len(now) != 1:
        raise LabError(
            f"stack {stack.name} serves {' and '.join(now) or 'nothing'}: "
            f"a {order.action} begins with one release"
        )
    others = [release for release in releases() if release != now[0]]
    target = order.target or others[0]
    if order.strategy not in (None, stack.strategy):
        raise LabError(f"stack {stack.name} has the strategy {stack.strategy}, not {order.strategy}")
    if order.source not in (None, now[0]) or target == now[0]:
        raise LabError(f"stack {stack.name} serves {now[0]}: it cannot go from there to {target}")
    return Rollout(now[0], require_release(target), order.publishes)


@contextmanager
def temporary(engine: Engine, order: Order, rollout: Rollout, say: Say) -> Iterator[Stack]:
    """A stack of its own for one run: the source serves; gone at the end, whatever the end is."""
    strategy = require_strategy(order.strategy or "skewproof")
    name = f"{order.action}-{strategy}-{time.strftime('%H%M%S')}-{os.getpid()}"
    both = (rollout.source, rollout.target)
    require_built(engine, both)
    publishes = (rollout.source,) if rollout.publishes else (rollout.target, rollout.source)
    (port,) = free_ports(1)
    plan = Plan(name, strategy, port, {rollout.source: 100}, publishes)
    with Keeper(engine.name, name):
        stack = start_stack(engine, plan, say)
        try:
            yield stack
        finally:
            say("taking the stack down")
            stack.down()


def observe(stack: Stack, engine: Engine, rollout: Rollout, order: Order, say: Say) -> Path:
    """Roll while visitors look; an interrupted run keeps its history, without an end."""
    stamp = datetime.now(UTC)
    path = stack.folder / f"{stamp:%Y%m%d-%H%M%S}-{order.action}.jsonl"
    with History(path) as history:
        history.run(
            Header(
                strategy=stack.strategy,
                engine=engine.name,
                action=order.action,
                base=stack.base,
                static=f"{stack.base}static/",
                started=stamp.isoformat(timespec="seconds"),
            )
        )
        for release in (rollout.source, rollout.target):
            history.record(stack.record(release))
        try:
            site = Site(stack.base, f"{stack.base}static/")
            with Probe(site, history) as probe:
                # One visitor comes by an edge of the CDN whose cache is cold.
                probe.start(order.visitors - 1)
                probe.start(1, hard=True)
                Roller(stack, probe, history, say, order.visitors).roll(rollout)
                probe.ask_for_absent()
        except KeyboardInterrupt:
            raise Interrupted(path) from None
        history.end()
    return path


def stack_names() -> list[str]:
    """Every stack that was started from this checkout and not taken down."""
    return sorted(path.parent.name for path in WORK.glob("*/stack.json"))


def engine_of(name: str) -> Engine:
    """The engine that a stack runs on.

    Raises:
        LabError: there is no such stack.
    """
    try:
        state = json.loads((WORK / name / "stack.json").read_text())
    except FileNotFoundError:
        there = ", ".join(stack_names()) or "none"
        raise LabError(f'no stack {name} is up (there is: {there}); start one with "lab up"') from None
    return choose(state["engine"])


def require_stack(name: str) -> Stack:
    """The stack of that name, whole.

    Raises:
        LabError: there is none, or it is half up.
    """
    stack = find_stack(engine_of(name), name)
    if stack is None:
        raise LabError(f'no stack {name} is up; start one with "lab up --name {name}"')
    return stack


def require_serving(stack: Stack, weights: Mapping[str, int]) -> None:
    """Refuse a share for a release that has no replica."""
    for release in weights:
        if not stack.replicas(release):
            raise LabError(f"stack {stack.name} has no replica of {release} that could serve")


def take_down(name: str, say: Say) -> None:
    """Stop a stack, whole or half up."""
    stack = engine_of(name).attach(name)
    if stack is not None:
        say(f"taking {name} down")
        stack.down()


def look(url: str | None, name: str, visits: int, say: Say) -> Path:
    """Visit a URL, or each release that a stack serves; returns the history."""
    stack = None if url else require_stack(name)
    base = stack.base if stack else str(url)
    stamp = datetime.now(UTC)
    folder = stack.folder if stack else WORK / "probe"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stamp:%Y%m%d-%H%M%S}-probe.jsonl"
    static = f"{base}static/" if stack else None
    with History(path) as history, Probe(Site(base, static), history) as probe:
        engine = engine_of(name).name if stack else None
        strategy = stack.strategy if stack else None
        started = stamp.isoformat(timespec="seconds")
        history.run(Header(strategy, engine, "probe", base, static, started))
        pins: list[str | None] = [*serving(stack)] if stack else [None]
        for pin in pins:
            if stack and pin:
                history.record(stack.record(pin))
            for _ in range(visits):
                say(f"visiting {base}" + (f" of {pin}" if pin else ""))
                probe.crawl_once(pin)
        history.end()
    return path
