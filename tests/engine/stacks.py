"""Stacks for the tests: each with a name and a port of its own, and gone afterwards in any case."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from tests.engine.projects import Project
from tests.machine import engines

from lab.stacks.embedded import EmbeddedMachine
from lab.stacks.engines import Engine, reach
from lab.stacks.lifecycle import require_built, temporary_stack
from lab.stacks.model import Plan
from lab.stacks.orchestrator import Orchestrator
from lab.stacks.ports import free_port
from lab.stacks.processes import Processes
from lab.stacks.stack import Stack

ENGINES = engines() or ("embedded",)
"""What the tests run on; a machine that has no engine at all fails them."""


def on_one(engine: str, engines: Sequence[str] = ENGINES) -> list[Any]:
    """Return parameters for what is seen on this engine, and by `make thorough` on the others."""
    others = pytest.mark.thorough
    return [pytest.param(name, marks=() if name == engine else others) for name in engines]


ON_FIRST = on_one(ENGINES[0])
"""The quickest engine, for what is the same code on all."""
ON_LAST = on_one(ENGINES[-1])
"""Compose, where there is a Docker Engine: most users run it, and more of it can fail."""
RELEASES = ("v1", "v2")


def say(line: str) -> None:
    """Progress, which pytest shows where a test fails."""
    print(line)


@functools.cache
def build(name: str, label: str = "") -> Engine:
    """Build both releases for an engine, once a session.

    Args:
        name: the engine's.
        label: tells a build in another environment from the usual one.
    """
    engine = reach(name)
    say(f"building for {name} {label}")
    engine.build(RELEASES, say)
    return engine


@contextlib.contextmanager
def running(
    engine: Engine,
    name: str,
    weights: Mapping[str, int],
    *,
    strategy: str = "skewproof",
    replicas: int = 2,
    port: int | None = None,
) -> Iterator[Stack]:
    """Run a stack whose replicas the lab replaces while the block does; None takes a free port."""
    with started(engine, name, weights, strategy=strategy, replicas=replicas, port=port) as stack:
        assert isinstance(stack, Stack)
        yield stack


@contextlib.contextmanager
def orchestrated(
    engine: Engine, name: str, *, strategy: str = "skewproof"
) -> Iterator[Orchestrator]:
    """Run a stack whose replicas an orchestrator replaces, and that serves v1."""
    with started(engine, name, {"v1": 100}, strategy=strategy) as stack:
        assert isinstance(stack, Orchestrator)
        yield stack


@contextlib.contextmanager
def started(
    engine: Engine,
    name: str,
    weights: Mapping[str, int],
    *,
    strategy: str = "skewproof",
    replicas: int = 2,
    port: int | None = None,
) -> Iterator[Stack | Orchestrator]:
    """Run a stack while the block does; a watchdog takes it down when this process is killed."""
    port = port or free_port()
    plan = Plan(
        name=f"test-{name}-{os.getpid()}",
        strategy=strategy,
        port=port,
        weights=weights,
        publishes=tuple(weights),
        replicas=replicas,
    )
    require_built(engine, RELEASES)
    with temporary_stack(engine, plan, say) as stack:
        yield stack
    # Only where all went well: else its logs and histories are worth a look.
    shutil.rmtree(stack.folder)


def is_embedded(stack: Stack) -> bool:
    """Whether the stack runs as processes of this machine."""
    return isinstance(stack.machine, EmbeddedMachine)


def project_of(stack: Stack) -> Project:
    """The containers of a stack."""
    return Project(f"skewproof-{stack.name}")


def publisher_environment(stack: Stack) -> dict[str, str]:
    """What the publish job of an embedded stack is told."""
    assert isinstance(stack.machine, EmbeddedMachine)
    return stack.machine.settings("PUBLISHER")


def processes_of(stack: Stack) -> Processes:
    """The programs of an embedded stack."""
    assert isinstance(stack.machine, EmbeddedMachine)
    return stack.machine.processes
