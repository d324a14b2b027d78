"""A rollout under guard: what is broken stops it, and the old release serves as before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine, MiniatureStack, histories, page_of

from lab.errors import UnavailableError
from lab.history import Event, Run, read_history

GUARDED = ("rollout", "--guard", "--visitors", 2)


def seen(work: Path, event: str = "") -> tuple[Run, list[Event]]:
    (path,) = histories(work)
    run = read_history(path)
    return run, [each for each in run.events if each.event.startswith(event)]


def only_stack(engine: MiniatureEngine) -> MiniatureStack:
    (stack,) = engine.stacks.values()
    return stack


def replicas(engine: MiniatureEngine) -> dict[str, int]:
    return {release: len(names) for release, names in only_stack(engine).running.items()}


def test_the_guard_looks_at_all_that_serves_before_each_step(
    lab: Command, miniature: MiniatureEngine, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab(*GUARDED, "--json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["checkers"][-1]["checker"] == "guard content"
    run, checks = seen(work, "guard-")
    assert [(each.release, each.detail["when"].partition(" web")[0]) for each in checks] == [
        ("v1", "before publishing v2"),
        ("v1", "before starting a replica of v2 (1 of 2)"),
        ("v1", "before traffic: v1 50%, v2 50%"),
        ("v2", "before traffic: v1 50%, v2 50%"),
        ("v1", "before draining"),
        ("v2", "before draining"),
        ("v1", "before starting a replica of v2 (2 of 2)"),
        ("v2", "before starting a replica of v2 (2 of 2)"),
        ("v1", "before traffic: v1 0%, v2 100%"),
        ("v2", "before traffic: v1 0%, v2 100%"),
        ("v2", "before draining"),
    ]
    assert {each.detail["verdict"] for each in checks} == {"PASS"}
    assert {each.detail["pages"] for each in checks} == {1}
    assert replicas(miniature) == {"v1": 0, "v2": 2}
    assert run.ended


def test_a_publish_that_forgot_a_file_ends_where_it_began_and_no_visitor_notices(
    lab: Command, miniature: MiniatureEngine, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    miniature.forgotten.add("v2")
    assert lab(*GUARDED) == 1
    shown = capsys.readouterr()
    run, events = seen(work, "guard-")
    *_, found, stopped, after, back = events
    assert (found.release, found.detail["verdict"]) == ("v2", "FAIL")
    assert "css/site" in stopped.detail["why"]
    assert (after.release, after.detail["verdict"]) == ("v1", "PASS")
    assert (back.event, back.detail["verdict"]) == ("guard-rolled-back", "PASS")
    assert replicas(miniature) == {"v1": 2, "v2": 0}
    assert only_stack(miniature).weights == {"v1": 100}
    assert only_stack(miniature).published == ["v1", "v2"]
    others = [each for each in run.fetches if each.visitor != "guard" and each.how != "absent"]
    assert {fetch.answer.status for fetch in others} == {200}
    assert "the guard stopped the way to v2" in " ".join(shown.out.split())
    assert run.ended


def test_without_a_guard_the_same_publish_goes_to_everybody(
    lab: Command, miniature: MiniatureEngine, work: Path
) -> None:
    miniature.forgotten.add("v2")
    assert lab("rollout", "--visitors", 2) == 1
    assert replicas(miniature) == {"v1": 0, "v2": 2}
    assert not seen(work, "guard-")[1]


def test_what_breaks_half_way_gives_the_old_release_its_replicas_back(
    lab: Command, miniature: MiniatureEngine, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain = MiniatureStack.drain

    def forget(stack: MiniatureStack, replica: Any) -> None:
        drain(stack, replica)
        if replica.release == "v1":
            miniature.forgotten.add("v2")

    monkeypatch.setattr(MiniatureStack, "drain", forget)
    assert lab(*GUARDED) == 1
    _run, events = seen(work)
    assert replicas(miniature) == {"v1": 2, "v2": 0}
    way = [each.event for each in events if each.event != "serving"]
    assert way[way.index("guard-stopped") :] == [
        "guard-stopped",
        "weights",
        "replica-started",
        "replica-stopped",
        "guard-checked",
        "guard-rolled-back",
    ]


def test_what_cannot_be_judged_stops_too_and_is_unknown(
    lab: Command, miniature: MiniatureEngine, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.unit.lab.miniature.page_of",
        lambda release: b"<!doctype html>" if release == "v2" else page_of(release),
    )
    assert lab(*GUARDED) == 2
    _run, (stopped,) = seen(work, "guard-stopped")
    assert stopped.detail["verdict"] == "UNKNOWN"
    assert "no data" in stopped.detail["why"]
    assert replicas(miniature) == {"v1": 2, "v2": 0}


def test_a_step_that_cannot_be_taken_leads_back_too(
    lab: Command, miniature: MiniatureEngine, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    miniature.plan_failure("drain", UnavailableError("web-v1-1 does not stop"))
    assert lab(*GUARDED) == 69
    assert "web-v1-1 does not stop" in capsys.readouterr().err
    _run, (back,) = seen(work, "guard-rolled-back")
    assert back.detail == {"replicas": 2, "verdict": "PASS"}
    assert replicas(miniature) == {"v1": 2, "v2": 0}


def test_an_interrupted_rollout_under_guard_is_unknown_and_leaves_nothing(
    lab: Command, miniature: MiniatureEngine, work: Path
) -> None:
    miniature.plan_failure("route", KeyboardInterrupt())
    assert lab(*GUARDED) == 2
    assert not seen(work, "guard-stopped")[1]
    assert miniature.still_up() == []
