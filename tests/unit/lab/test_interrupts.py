"""A Ctrl-C is a KeyboardInterrupt in whatever the lab is doing: here in each verb of a stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine, histories

from lab.history import read_history
from lab.stacks.state import stack_names

STARTING = ("start_store", "publish", "add_replica", "start_gateway")
ROLLING = ("record", "inventory", "recycle", "route", "drain")
STAYING = ("up", "--name", "mine", "--port")


def interrupt(engine: MiniatureEngine, verb: str) -> None:
    engine.plan_failure(verb, KeyboardInterrupt())


@pytest.mark.parametrize("verb", [*STARTING, *ROLLING, "down"])
def test_an_interrupted_rollout_stops_everything_keeps_its_history_and_is_unknown(
    lab: Command,
    miniature: MiniatureEngine,
    work: Path,
    capsys: pytest.CaptureFixture[str],
    verb: str,
) -> None:
    interrupt(miniature, verb)
    assert lab("rollout", "--visitors", 2, "--json") == 2
    shown = capsys.readouterr()
    verdict = json.loads(shown.out)
    assert verdict["verdict"] == "UNKNOWN"
    assert "interrupted" in shown.err
    (path,) = histories(work)
    assert verdict["history"] == str(path)
    history = read_history(path)
    assert history.header
    assert not history.ended
    assert not history.damage
    if verb != "down":  # which only a second process can bring to its end
        assert stack_names() == []
        assert miniature.still_up() == []


@pytest.mark.parametrize("verb", STARTING)
def test_an_interrupted_up_leaves_nothing(
    lab: Command,
    miniature: MiniatureEngine,
    capsys: pytest.CaptureFixture[str],
    free_port: int,
    verb: str,
) -> None:
    interrupt(miniature, verb)
    assert lab(*STAYING, free_port) == 2
    shown = capsys.readouterr()
    assert "lab: interrupted; nothing is left running" in shown.err
    assert shown.out == ""
    assert stack_names() == []
    assert miniature.verbs[-1] == "down"


def test_an_interrupted_rollout_on_a_stack_that_stays_up_leaves_it_up(
    lab: Command, miniature: MiniatureEngine, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab(*STAYING, free_port) == 0
    interrupt(miniature, "recycle")
    assert lab("rollout", "--name", "mine", "--visitors", 2) == 2
    assert miniature.still_up() == ["mine"]
    assert "UNKNOWN rollout" in capsys.readouterr().out


def test_an_interrupted_probe_is_unknown(
    lab: Command, miniature: MiniatureEngine, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab(*STAYING, free_port) == 0
    interrupt(miniature, "record")
    assert lab("probe", "--name", "mine") == 2
    assert "UNKNOWN probe" in capsys.readouterr().out


def test_an_interrupted_comparison_shows_what_it_has(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    miniature.plan_failure("recycle", KeyboardInterrupt(), stack=2)
    assert lab("gotcha", "--visitors", 2, "--json") == 2
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "UNKNOWN"
    assert document["why"] == "stopped before skewproof"
    assert [*document["strategies"]] == ["shared", "versioned"]
    assert document["strategies"]["versioned"]["verdict"] == "UNKNOWN"
    assert stack_names() == []


def test_a_comparison_that_is_interrupted_at_once_says_so(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupt(miniature, "start_store")
    assert lab("gotcha", "--visitors", 2) == 2
    assert "UNKNOWN: stopped before versioned and skewproof" in capsys.readouterr().out
