from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.lab.miniature import MiniatureEngine

from lab import cli
from lab.stacks import ports

Command = Callable[..., int]


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder .lab of the test's own."""
    folder = tmp_path / ".lab"
    monkeypatch.setattr("lab.checkout.WORK", folder)
    return folder


@pytest.fixture
def miniature(monkeypatch: pytest.MonkeyPatch) -> Iterator[MiniatureEngine]:
    """The one engine of this machine."""
    engine = MiniatureEngine()
    for place in ("lab.runs.session.choose", "lab.commands.stacks.choose"):
        monkeypatch.setattr(place, lambda name, _say=None: engine.reach(name))
    monkeypatch.setattr("lab.stacks.lifecycle.reach", engine.reach)
    # Nobody's own `docker compose up` is met.
    monkeypatch.setattr("lab.stacks.lifecycle.find_composed", lambda: None)
    yield engine
    engine.plans.clear()
    for stack in engine.stacks.values():
        stack.down()


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command line in this process; returns the exit code."""
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["lab", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


@pytest.fixture
def free_port() -> int:
    return ports.free_port()


@pytest.fixture
def other_port() -> int:
    return ports.free_port()
