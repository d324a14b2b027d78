"""The stacks of this checkout: which there are, and what must hold before one is used."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from lab.checkout import BUILDS, EXTERNAL, MATRIX, releases, require_release, stack_folder
from lab.errors import LabError, UnavailableError
from lab.stacks.engines import Engine, find_composed, reach
from lab.stacks.model import Plan, Recyclable, Replicated, RunningStack, Say
from lab.stacks.orchestrator import Orchestrator
from lab.stacks.ports import require_free
from lab.stacks.stack import Stack
from lab.stacks.state import State, locked, stack_names
from lab.stacks.watchdog import Watchdog
from lab.strategies import COMPARED

DEFAULT_NAME = "lab"
LOCK = ".starting"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""Good as a folder, and as a part of the name of a Compose project and of its containers."""


def require_name(name: str) -> str:
    """Return `name`, or say what a stack may be called.

    Raises:
        LabError: it may not be called that.
    """
    if not NAME.fullmatch(name):
        raise LabError(
            f'no name for a stack: "{name}"; take a to z, 0 to 9, "-" and "_", '
            "at most 40 of them, with a letter or a digit first"
        )
    if name in (BUILDS, EXTERNAL, MATRIX):
        raise LabError(f'no name for a stack: the lab has a folder "{name}" of its own')
    return name


def require_strategy(strategy: str) -> str:
    """Return `strategy`, or say which ones there are."""
    if strategy not in COMPARED:
        raise LabError(f"unknown strategy {strategy}: there are {', '.join(COMPARED)}")
    return strategy


def require_built(engine: Engine, wanted: Collection[str]) -> None:
    """Refuse releases that are unknown, or have not been built."""
    for release in wanted:
        if not engine.is_built(require_release(release)):
            raise LabError(
                f"release {release} is not built for the engine {engine.name}: "
                f'run "lab build {release} --engine {engine.name}"'
            )


def require_stack(name: str) -> tuple[Engine, Stack | Orchestrator]:
    """Return the stack of that name, whole, and what runs it.

    Raises:
        LabError: there is none, or it is half up.
    """
    state = State.load(name)
    if state is None:
        there = ", ".join(stack_names()) or "none"
        raise LabError(f'no stack {name} is up (there is: {there}); start one with "lab up"')
    engine = reach(state.engine)
    stack = engine.attach(name)
    gone = stack.find_missing() if stack else ["all of it"]
    if stack is None or gone:
        raise LabError(
            f"stack {name} is half up ({', '.join(gone)} does not run): "
            f'take it down with "lab down --name {name}"'
        )
    return engine, stack


def require_recyclable(name: str | None) -> Recyclable:
    """Return the stack of that name; without one the lab's, or else what `docker compose up` runs.

    Raises:
        LabError: there is none, or it is half up.
    """
    if name is None and State.load(DEFAULT_NAME) is None:
        composed = find_composed()
        if composed and serving(composed):
            return composed
    _engine, stack = require_stack(name or DEFAULT_NAME)
    return stack


def recycle_replicas(stack: Recyclable, wanted: Collection[str], say: Say) -> None:
    """Give the replicas of these releases fresh workers, one after another."""
    require_serving(stack, wanted)
    for release in wanted:
        for replica in stack.replicas(release):
            say(f"recycling the workers of {replica.name}")
            stack.recycle(replica)


def serving(stack: Replicated) -> list[str]:
    """Return the releases that have running replicas."""
    return [release for release in releases() if stack.replicas(release)]


def require_serving(stack: Replicated, wanted: Collection[str]) -> None:
    """Refuse a share for a release that has no replica."""
    there = serving(stack)
    for release in wanted:
        if release not in there:
            raise LabError(
                f"stack {stack.name} has no replica of {release} that could serve "
                f"(there is: {', '.join(there) or 'none'})"
            )


def require_published(stack: RunningStack, release: str) -> None:
    """Refuse to go back to a release whose assets are not in the store."""
    stored = stack.inventory()
    assets = stack.record(release)["assets"]
    missing = [asset for asset in assets if f"static/{asset}" not in stored]
    if missing:
        raise LabError(
            f"release {release} is not published on stack {stack.name}, {len(missing)} of its "
            f'{len(assets)} assets are missing: go there with "lab rollout --to {release}"'
        )


def require_free_name(name: str) -> None:
    """Refuse the name of a stack that is up, or half up."""
    if State.load(name) is not None:
        require_stack(name)
        raise LabError(
            f"stack {name} is already up: choose another --name, "
            f'or take it down with "lab down --name {name}"'
        )


def start_stack(engine: Engine, plan: Plan, say: Say) -> RunningStack:
    """Start a stack that stays up; interrupted or killed half-way, nothing of it is left."""
    require_free_name(plan.name)
    require_built(engine, plan.publishes)
    require_free(plan.port)
    try:
        with locked(stack_folder(plan.name) / LOCK, wait=False):
            require_free_name(plan.name)
            with Watchdog(engine.name, plan.name) as watchdog:
                stack = engine.up(plan, say)
                watchdog.dismiss()
    except BlockingIOError:
        raise LabError(
            f"stack {plan.name} is being started by another lab: choose another --name"
        ) from None
    return stack


@contextmanager
def temporary_stack(engine: Engine, plan: Plan, say: Say) -> Iterator[Stack | Orchestrator]:
    """Start a stack for one run: gone at the end, whatever the end is."""
    with Watchdog(engine.name, plan.name):
        stack = engine.up(plan, say)
        try:
            yield stack
        finally:
            say("taking the stack down")
            take_away(stack)


def take_down(name: str, say: Say) -> None:
    """Stop a stack, whole or half up; a Ctrl-C does not stop that half-way."""
    state = State.load(name)
    if state is None:
        say(f"no stack {name} is up (there is: {', '.join(stack_names()) or 'none'})")
        return
    stack = reach(state.engine).attach(name)
    if stack is not None:
        say(f"taking {name} down")
        with Watchdog(state.engine, name):
            take_away(stack)


def take_away(stack: RunningStack) -> None:
    """Stop everything and remove what the stack stored.

    Raises:
        UnavailableError: something refuses; what there is can be taken down later.
    """
    try:
        stack.down()
    except LabError as error:
        raise UnavailableError(
            f"stack {stack.name} could not be taken down: {error}; "
            f'try "lab down --name {stack.name}" again'
        ) from error
