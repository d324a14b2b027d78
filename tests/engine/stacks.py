"""Stacks for the tests: each with a name and a port of its own, and gone afterwards in any case."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.engine.projects import Project
from tests.machine import engines

from lab.checkout import releases
from lab.engines import choose
from lab.engines.embeddedstack import BUILD, EmbeddedStack
from lab.engines.processes import Processes, free_ports
from lab.keeper import Keeper
from lab.session import start_stack
from lab.stack import Engine, Plan, Stack

ENGINES = engines() or ("embedded",)
"""What the tests run on; a machine that has no engine at all fails them."""


def say(line: str) -> None:
    """Progress, which pytest shows where a test fails."""
    print(line)


@functools.cache
def build(name: str, django: str = "") -> Engine:
    """Build both releases for an engine, once a session.

    Args:
        name: the engine's.
        django: a version other than the default; it must be in the variable DJANGO meanwhile.
    """
    engine = choose(name)
    say(f"building for {name} {django}")
    engine.build(releases(), say)
    return engine


@contextlib.contextmanager
def running(
    engine: Engine,
    name: str,
    weights: Mapping[str, int],
    *,
    strategy: str = "skewproof",
    replicas: int = 2,
) -> Iterator[Stack]:
    """Run a stack while the block does; a keeper takes it down when this process is killed."""
    (port,) = free_ports(1)
    unique = f"test-{name}-{os.getpid()}"
    plan = Plan(unique, strategy, port, weights, tuple(weights), replicas)
    with Keeper(engine.name, unique):
        stack = start_stack(engine, plan, say)
        try:
            yield stack
        finally:
            stack.down()
    # Only where all went well: else its logs and histories are worth a look.
    shutil.rmtree(stack.folder)


def is_embedded(stack: Stack) -> bool:
    """Whether the stack runs as processes of this machine."""
    return isinstance(stack, EmbeddedStack)


def project_of(stack: Stack) -> Project:
    """The containers of a stack."""
    return Project(f"skewproof-{stack.name}")


def publisher_environment(stack: Stack) -> dict[str, str]:
    """What the publish job of an embedded stack is told."""
    assert isinstance(stack, EmbeddedStack)
    return stack.publisher()


def built_release(release: str) -> Path:
    """Where an embedded stack's publish job runs."""
    return BUILD / release


def processes_of(stack: Stack) -> Processes:
    """The programs of an embedded stack."""
    assert isinstance(stack, EmbeddedStack)
    return stack.processes
