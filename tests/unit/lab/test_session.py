from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine, histories

from lab.history import About, open_history, read_history
from lab.judge.findings import Status
from lab.judge.verdict import Verdict, conclude_comparison
from lab.runs.request import RunRequest, choose_rollout
from lab.runs.rollout import Rollout, find_rewritten
from lab.stacks.state import State, stack_names
from lab.strategies import COMPARED, CONTROL, CURE


def test_a_rollout_without_a_stack_has_one_of_its_own_and_takes_it_down(
    lab: Command, miniature: MiniatureEngine, work: Path
) -> None:
    assert lab("rollout", "--visitors", 2) == 0
    (stack,) = miniature.stacks.values()
    assert stack.published == ["v1", "v2"]
    assert {release: len(names) for release, names in stack.running.items()} == {"v1": 0, "v2": 2}
    assert stack_names() == []
    (history,) = histories(work)
    run = read_history(history)
    assert run.ended
    assert [event.event for event in run.events].count("replica-stopped") == 2
    told = [event.detail for event in run.events if event.event == "serving"]
    assert told[0] == {"weights": {"v1": 100}, "replicas": {"v1": 2, "v2": 0}}
    assert told[-1] == {"weights": {"v1": 0, "v2": 100}, "replicas": {"v1": 0, "v2": 2}}


def test_a_rollback_without_a_stack_begins_where_the_rollout_ends(
    lab: Command, miniature: MiniatureEngine
) -> None:
    assert lab("rollback", "--visitors", 2) == 0
    (stack,) = miniature.stacks.values()
    assert stack.published == ["v1", "v2"]
    assert miniature.verbs.count("publish") == 2
    assert len(stack.running["v1"]) == 2


def test_rollout_and_rollback_use_the_stack_that_is_up(
    lab: Command, miniature: MiniatureEngine, free_port: int
) -> None:
    assert lab("up", "--port", free_port) == 0
    assert lab("rollout", "--visitors", 2) == 0
    assert lab("rollback", "--visitors", 2) == 0
    assert [*miniature.stacks] == miniature.still_up() == ["lab"]
    assert lab("route", "v1=100") == 0
    assert lab("down") == 0
    assert miniature.still_up() == []


def test_a_stack_of_another_name_is_left_alone(
    lab: Command, miniature: MiniatureEngine, free_port: int
) -> None:
    assert lab("up", "--port", free_port, "--name", "other") == 0
    assert lab("rollout", "--visitors", 2) == 0
    assert len(miniature.stacks) == 2
    assert miniature.still_up() == ["other"]
    assert miniature.stacks["other"].published == ["v1"]


def test_two_stacks_are_up_at_once_and_all_go_down(
    lab: Command, miniature: MiniatureEngine, free_port: int, other_port: int
) -> None:
    assert lab("up", "--name", "one", "--port", free_port) == 0
    assert lab("up", "--name", "two", "--port", other_port) == 0
    assert stack_names() == miniature.still_up() == ["one", "two"]
    assert lab("down", "--all") == 0
    assert stack_names() == miniature.still_up() == []


@pytest.mark.parametrize(
    ("wanted", "rollout"),
    [
        (RunRequest(action="rollout"), Rollout("v1", "v2")),
        (RunRequest(action="rollback"), Rollout("v2", "v1", publishes=False)),
        (RunRequest(action="rollout", source="v2"), Rollout("v2", "v3")),
        (RunRequest(action="rollout", source="v3"), Rollout("v3", "v2")),
        (RunRequest(action="rollback", source="v3"), Rollout("v3", "v2", publishes=False)),
        (RunRequest(action="rollout", target="v3"), Rollout("v1", "v3")),
    ],
)
def test_what_is_not_said_is_the_neighbour(
    monkeypatch: pytest.MonkeyPatch, wanted: RunRequest, rollout: Rollout
) -> None:
    monkeypatch.setattr("lab.runs.request.releases", lambda: ("v1", "v2", "v3"))
    monkeypatch.setattr("lab.checkout.releases", lambda: ("v1", "v2", "v3"))
    assert choose_rollout(wanted) == rollout


def test_two_histories_of_one_second_have_two_files(tmp_path: Path) -> None:
    about = About(folder=tmp_path / "site", base="http://127.0.0.1:1/")
    paths = set()
    for _ in range(3):
        with open_history(about, "probe", lambda _line: None) as history:
            paths.add(history.path)
    assert len(paths) == 3
    assert all(read_history(path).ended for path in paths)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ({"skewproof": "PASS", "versioned": "FAIL", "shared": "FAIL"}, Status.PASS),
        ({"skewproof": "FAIL", "versioned": "FAIL", "shared": "FAIL"}, Status.FAIL),
        ({"skewproof": "UNKNOWN", "versioned": "PASS", "shared": "FAIL"}, Status.UNKNOWN),
        ({"skewproof": "PASS", "versioned": "PASS", "shared": "PASS"}, Status.UNKNOWN),
        ({"versioned": "FAIL", "shared": "FAIL"}, Status.UNKNOWN),
        ({}, Status.UNKNOWN),
    ],
)
def test_a_comparison_passes_only_beside_a_control_that_fails(
    statuses: dict[str, str], outcome: Status
) -> None:
    verdicts = {
        name: Verdict(status=Status(status), findings=(), releases={}, header=None)
        for name, status in statuses.items()
    }
    concluded, why = conclude_comparison(verdicts, COMPARED, CURE, CONTROL)
    assert concluded == outcome
    assert why


def test_an_asset_is_rewritten_when_its_date_changes_or_it_is_gone() -> None:
    def at(date: str) -> dict[str, str]:
        return {"last_modified": date}

    before = {"static/same": at("1"), "static/again": at("1"), "static/lost": at("1")}
    after = {"static/same": at("1"), "static/again": at("2"), "static/new": at("2")}
    assert find_rewritten({"same": 1, "again": 1, "lost": 1, "new": 1}, before, after) == [
        {"asset": "again", "before": "1", "after": "2"},
        {"asset": "lost", "before": "1", "after": None},
    ]


def test_a_state_tells_where_its_stack_is(work: Path) -> None:
    state = State(name="mine", engine="embedded", strategy="skewproof", port=8081)
    assert (state.host, state.base) == ("127.0.0.1:8081", "http://127.0.0.1:8081/")
    assert state.folder == work / "mine"
