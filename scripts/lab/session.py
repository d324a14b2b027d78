"""From a command to its history: a rollout, a rollback or a look, and all that belongs to it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from lab import checkout
from lab.checkout import FOREIGN, releases, require_release
from lab.engines import choose
from lab.engines.ports import free_ports
from lab.engines.state import State, stack_names
from lab.errors import LabError, UnavailableError, describe
from lab.history import Header, History, HistoryError
from lab.probe import Probe, Site
from lab.rollout import Roller, Rollout
from lab.stack import Plan, Say, Stack
from lab.stacks import (
    DEFAULT_NAME,
    require_built,
    require_published,
    require_stack,
    require_strategy,
    serving,
    temporary_stack,
)

ANSWER_SECONDS = 10.0


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


def choose_rollout(order: Order) -> Rollout:
    """From where to where, when nothing serves yet: from the first release to the second, or back.

    Raises:
        LabError: that is no way.
    """
    first = releases()[0]
    source = require_release(order.source or (first if order.publishes else beside(first, order)))
    target = require_release(order.target or beside(source, order))
    if source == target:
        raise LabError(f"a {order.action} from {source} to {target} goes nowhere: name another")
    return Rollout(source, target, order.publishes)


def beside(release: str, order: Order) -> str:
    """The release after it, for a rollback the one before it; at the end the one on the other side.

    Raises:
        LabError: it is the only one.
    """
    before, after = split_at(release)
    there = [*after, *before] if order.publishes else [*before, *after]
    if not there:
        raise LabError(f"{release} is the only release in app/releases: there is none to go to")
    return there[0]


def split_at(release: str) -> tuple[list[str], list[str]]:
    """The releases before one, and those after it, the nearest first."""
    known = releases()
    index = known.index(release)
    return [*known[:index][::-1]], [*known[index + 1 :]]


def fit(order: Order, stack: Stack) -> Rollout:
    """Fit what was asked for to the stack that is up.

    Raises:
        LabError: it does not fit.
    """
    now = serving(stack)
    if len(now) != 1:
        raise LabError(
            f"stack {stack.name} serves {' and '.join(now) or 'nothing'}, but a {order.action} "
            f'begins with one release: take it down with "lab down --name {stack.name}"'
        )
    target = require_release(order.target or beside(now[0], order))
    if order.strategy not in (None, stack.strategy):
        raise LabError(
            f"stack {stack.name} has the strategy {stack.strategy}, not {order.strategy}"
        )
    if order.source not in (None, now[0]) or target == now[0]:
        source = order.source or now[0]
        raise LabError(
            f"stack {stack.name} serves {now[0]}: it cannot go from {source} to {target}"
        )
    return Rollout(now[0], target, order.publishes)


@dataclass(frozen=True)
class About:
    """What a history says of the site that it is about, and the folder that takes it."""

    folder: Path
    base: str
    strategy: str | None = None
    engine: str | None = None

    @property
    def static(self) -> str | None:
        """The URL prefix of hashed assets; nobody knows that of a foreign site."""
        return f"{self.base}static/" if self.engine else None


@contextmanager
def recorded(about: About, action: str, say: Say) -> Iterator[History]:
    """A history, which gets its end when the block comes to its own.

    Raises:
        Interrupted: the block was.
    """
    stamp = datetime.now(UTC)
    started = stamp.isoformat(timespec="seconds")
    with new_history(about.folder, f"{stamp:%Y%m%d-%H%M%S}-{action}") as history:
        header = Header(about.strategy, about.engine, action, about.base, about.static, started)
        history.run(header)
        try:
            yield history
        except KeyboardInterrupt:
            raise Interrupted(history.path) from None
        except Exception:
            say(f"the history until then: {history.path}")
            raise
        history.end()


def new_history(folder: Path, name: str) -> History:
    """Begin a history under a name that no other has.

    Raises:
        UnavailableError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, number = folder / f"{name}.jsonl", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.jsonl"
    try:
        return History(path)
    except HistoryError as error:
        raise UnavailableError(str(error)) from error


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


def look(url: str | None, name: str, visits: int, say: Say) -> Path:
    """Visit a URL, or each release that a stack serves; returns the history.

    Raises:
        Interrupted: by Ctrl-C.
    """
    return look_at_url(url, visits, say) if url else look_at_stack(name, visits, say)


def look_at_url(url: str, visits: int, say: Say) -> Path:
    """Visit a site of which nothing is known."""
    try:
        site = Site(url)
    except ValueError as error:
        raise LabError(str(error)) from error
    require_answer(url)
    about = About(checkout.WORK / FOREIGN, url)
    with recorded(about, "probe", say) as history, Probe(site, history) as probe:
        visit(probe, None, visits, say)
    return history.path


def look_at_stack(name: str, visits: int, say: Say) -> Path:
    """Visit each release that a stack serves."""
    engine, stack = require_stack(name)
    about = About(stack.folder, stack.base, stack.strategy, engine.name)
    site = Site(stack.base, about.static)
    with recorded(about, "probe", say) as history, Probe(site, history) as probe:
        for release in serving(stack):
            history.record(stack.record(release))
            visit(probe, release, visits, say)
    return history.path


def visit(probe: Probe, release: str | None, visits: int, say: Say) -> None:
    """Visit every page so many times."""
    for _ in range(visits):
        say(f"visiting {probe.site.base}" + (f" of {release}" if release else ""))
        probe.crawl_once(release)


def require_answer(url: str) -> None:
    """See that somebody answers, whatever the answer is.

    Raises:
        UnavailableError: nobody does.
    """
    try:
        requests.get(url, timeout=ANSWER_SECONDS, stream=True).close()
    except requests.RequestException as error:
        raise UnavailableError(
            f"{url} does not answer: see that it is up, and that the URL is right "
            f"({describe(error)})"
        ) from error
