"""A roll by an orchestrator: what it does is written down, and what it does not reach is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine, histories
from tests.unit.lab.orchestra import OrchestraEngine, OrchestraStack

from lab.errors import UnavailableError
from lab.history import Event, Run, read_history
from lab.judge.findings import Status
from lab.judge.verdict import Verdict, judge_run
from lab.report.timeline import mark_events, tabulate_serving
from lab.runs.orchestrated import BROKEN
from lab.runs.orchestratedguard import FEWEST, find_looks
from lab.runs.scenarios import SCENARIOS

FEW = ("--visitors", 2)


@pytest.fixture
def orchestra(monkeypatch: pytest.MonkeyPatch) -> Iterator[OrchestraEngine]:
    """The one engine of this machine."""
    engine = OrchestraEngine()
    for place in ("lab.runs.session.choose", "lab.commands.stacks.choose"):
        monkeypatch.setattr(place, lambda name, _say=None: engine.reach(name))
    monkeypatch.setattr("lab.stacks.lifecycle.reach", engine.reach)
    monkeypatch.setattr("lab.runs.orchestrated.LOOK_SECONDS", 0.0)
    yield engine
    engine.plans.clear()
    for stack in engine.stacks.values():
        stack.down()


def only(engine: OrchestraEngine) -> OrchestraStack:
    (stack,) = engine.stacks.values()
    assert isinstance(stack, OrchestraStack)
    return stack


def seen(work: Path) -> Run:
    (path,) = histories(work)
    return read_history(path)


def names(run: Run, *leave_out: str) -> list[str]:
    return [each.event for each in run.events if each.event not in ("serving", *leave_out)]


def status_of(run: Run) -> dict[str, Status]:
    return {each.checker: each.status for each in judge_run(run).findings}


def served(run: Run) -> list[dict[str, Any]]:
    return [dict(each.detail) for each in run.events if each.event == "serving"]


NEW = ["replica-started", "replica-ready", "replica-stopped"]


def test_what_the_orchestrator_does_is_written_down_as_it_happens(
    lab: Command, orchestra: OrchestraEngine, work: Path
) -> None:
    assert lab("rollout", *FEW) == 0
    run = seen(work)
    assert names(run) == [
        *("publish-started", "publish-ended", "rewritten"),
        *("replica-lost", "replica-stopped", "replica-started", "replica-ready"),
        *("roll-started", *NEW, *NEW, "roll-ended"),
    ]
    told = served(run)
    assert told[0] == {"weights": {"v1": 100, "v2": 0}, "replicas": {"v1": 2, "v2": 0}}
    assert {"weights": {"v1": 67, "v2": 33}, "replicas": {"v1": 2, "v2": 1}} in told
    assert {"weights": {"v1": 50, "v2": 50}, "replicas": {"v1": 1, "v2": 1}} in told
    assert told[-1] == {"weights": {"v1": 0, "v2": 100}, "replicas": {"v1": 0, "v2": 2}}
    assert status_of(run)["reaches its target"] is Status.PASS
    assert {fetch.release for fetch in run.fetches if fetch.role == "page"} == {"v1", "v2"}
    assert only(orchestra).told == ["v1", "v2"]


def test_a_report_shows_the_replicas_as_bands_and_the_events_in_words(
    lab: Command, orchestra: OrchestraEngine, work: Path
) -> None:
    orchestra.fate = "stalled"
    lab("rollout", *FEW)
    run = seen(work)
    assert {"replicas", "weights"} == set(tabulate_serving(run).charts())
    marks = [mark.text for mark in mark_events(run)]
    assert "lost web.1" in marks
    assert "unready web.4: readiness probe failed" in marks
    assert marks[-1].startswith("roll to v2 ended: stalled (the deadline was exceeded; readiness")


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        ("stalled", "the deadline was exceeded; readiness probe failed"),
        ("rolled back", "task: non-zero exit (78)"),
    ],
)
def test_a_roll_that_does_not_reach_its_target_fails_though_every_page_is_whole(
    lab: Command, orchestra: OrchestraEngine, work: Path, fate: str, why: str
) -> None:
    orchestra.fate = fate
    assert lab("rollout", *FEW) == 1
    run = seen(work)
    assert run.ended
    statuses = status_of(run)
    assert statuses.pop("reaches its target") is Status.FAIL
    assert set(statuses.values()) == {Status.PASS}
    finding = judge_run(run).finding("reaches its target")
    assert finding.first
    assert f"the roll to v2 had ended, {fate} ({why}): v1 served" in finding.first.sentence
    assert {fetch.release for fetch in run.fetches if fetch.role == "page"} == {"v1"}


def test_a_replica_that_is_ready_and_then_not_is_told(
    lab: Command, orchestra: OrchestraEngine, work: Path
) -> None:
    orchestra.fate = "flapping"
    assert lab("rollout", *FEW) == 0
    run = seen(work)
    told = [each.event for each in run.events if each.detail.get("replica") == "web.4"]
    assert told == ["replica-started", "replica-ready", "replica-unready", "replica-stopped"]


def test_a_roll_without_an_end_is_given_up_with_what_was_last_said(
    lab: Command,
    orchestra: OrchestraEngine,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("lab.runs.orchestrated.ROLL_SECONDS", 0.3)
    orchestra.fate = "endless"
    assert lab("rollout", *FEW) == 69
    shown = capsys.readouterr().err
    assert "lab: the roll to v2 has no end after 0 s; its last words:\nrolling\n" in shown
    assert judge_run(seen(work)).status is Status.UNKNOWN
    assert orchestra.still_up() == []


def test_a_replica_that_is_not_replaced_is_not_awaited_for_ever(
    lab: Command,
    orchestra: OrchestraEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("lab.runs.orchestrated.REPLACE_SECONDS", 0.3)
    orchestra.replaces = False
    assert lab("rollout", *FEW) == 69
    assert "lab: web.1 was not replaced after 0 s" in capsys.readouterr().err


def test_a_rollback_is_the_orchestrators_own_undo(
    lab: Command, orchestra: OrchestraEngine, work: Path
) -> None:
    assert lab("rollback", *FEW) == 0
    assert orchestra.verbs.count("undo") == 1
    assert "set_release" not in orchestra.verbs
    run = seen(work)
    (begun,) = [each for each in run.events if each.event == "roll-started"]
    assert (begun.release, begun.detail["how"]) == ("v1", "undo")
    assert served(run)[-1]["replicas"] == {"v2": 0, "v1": 2}


def test_an_undo_that_leads_elsewhere_fails(
    lab: Command, orchestra: OrchestraEngine, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = OrchestraStack.begin
    monkeypatch.setattr(OrchestraStack, "begin", lambda stack, _release: begin(stack, "v0"))
    monkeypatch.setattr("tests.unit.lab.miniature.RELEASES", ("v0", "v1", "v2"))
    assert lab("rollback", *FEW) == 1
    assert orchestra.verbs.count("undo") == 1
    first = judge_run(seen(work)).finding("reaches its target").first
    assert first
    assert (first.came, first.expected) == ("v0", "v1")


def test_a_rollout_and_a_rollback_on_a_stack_that_stays_up(
    lab: Command, orchestra: OrchestraEngine, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("up", "--port", free_port) == 0
    assert lab("rollout", *FEW) == 0
    assert lab("rollback", *FEW) == 0
    assert lab("probe") == 0
    capsys.readouterr()
    assert lab("route", "v1=100") == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lab: stack lab runs on swarm, where every replica draws the same share")
    assert lab("recycle") == 0
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert lab("down") == 0
    assert orchestra.still_up() == []


def test_a_scenario_without_a_publish_says_that_nothing_was_published(
    lab: Command, orchestra: OrchestraEngine, work: Path
) -> None:
    assert lab("rollout", "--scenario", "never-published", *FEW) == 0
    run = seen(work)
    assert run.header
    assert run.header.action == "never-published"
    assert judge_run(run).finding("append-only").status is Status.NOT_APPLICABLE
    assert only(orchestra).published == ["v1"]


def test_a_crashing_release_is_told_what_it_cannot_read(
    lab: Command, orchestra: OrchestraEngine
) -> None:
    assert lab("rollout", "--scenario", "crashing", *FEW) == 0
    assert only(orchestra).variables == BROKEN


def test_a_roll_that_is_undone_ends_where_it_began(
    lab: Command, orchestra: OrchestraEngine, work: Path
) -> None:
    assert lab("rollout", "--scenario", "undone", *FEW) == 0
    assert only(orchestra).told == ["v1", "v2", "v1"]
    run = seen(work)
    assert [each.release for each in run.events if each.event == "roll-ended"] == ["v2", "v1"]
    assert served(run)[-1]["replicas"] == {"v1": 2, "v2": 0}


@pytest.mark.parametrize("replicas", [1, 2, 5, 20])
def test_a_guard_looks_until_a_release_has_shown_every_page_but_for_one_in_a_million(
    replicas: int,
) -> None:
    pages, share = 30, 1 / (replicas + 1)
    looks = find_looks(share, pages)
    missed = pages * (1 - share) ** looks
    assert missed <= 1e-6 < pages * (1 - share) ** (looks - 1)
    assert find_looks(1.0, pages) == find_looks(0.0, pages) == FEWEST


class TestUnderGuard:
    @pytest.fixture(autouse=True)
    def pausing(self, orchestra: OrchestraEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(orchestra, "pauses", True)

    def test_the_roll_is_held_while_the_guard_looks_at_both_releases(
        self, lab: Command, orchestra: OrchestraEngine, work: Path
    ) -> None:
        assert lab("rollout", "--guard", *FEW) == 0
        run = seen(work)
        checks = [
            (each.release, each.detail["when"].partition(" web")[0], each.detail["verdict"])
            for each in run.events
            if each.event == "guard-checked"
        ]
        assert checks == [
            ("v1", "before publishing v2", "PASS"),
            ("v1", "before losing", "PASS"),
            ("v1", "before setting the release v2", "PASS"),
            ("v1", "before letting the roll go on", "PASS"),
            ("v2", "before letting the roll go on", "PASS"),
        ]
        way = names(run)
        assert way.index("roll-paused") < way.index("roll-resumed") < way.index("roll-ended")
        assert [verb for verb in orchestra.verbs if verb in ("pause", "resume", "undo")] == [
            "pause",
            "resume",
        ]

    def test_a_release_that_is_broken_is_undone(
        self, lab: Command, orchestra: OrchestraEngine, work: Path
    ) -> None:
        orchestra.forgotten.add("v2")
        assert lab("rollout", "--guard", *FEW) == 1
        run = seen(work)
        (stopped,) = [each for each in run.events if each.event == "guard-stopped"]
        assert "css/site" in stopped.detail["why"]
        (back,) = [each for each in run.events if each.event == "guard-rolled-back"]
        assert back.detail == {"replicas": 2, "verdict": "PASS"}
        assert "resume" not in orchestra.verbs
        assert "reaches its target" not in status_of(run)
        assert judge_run(run).finding("guard content").status is Status.FAIL
        assert not only(orchestra).replicas("v2")

    def test_pages_that_do_not_come_are_unknown_and_stop_it_too(
        self,
        lab: Command,
        orchestra: OrchestraEngine,
        work: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(OrchestraStack, "drawn", lambda _stack, _cookie: "v1")
        assert lab("rollout", "--guard", *FEW) == 2
        (stopped,) = [each for each in seen(work).events if each.event == "guard-stopped"]
        assert stopped.detail["verdict"] == "UNKNOWN"
        assert orchestra.verbs.count("undo") == 1

    def test_a_step_that_cannot_be_taken_leads_back_too(
        self, lab: Command, orchestra: OrchestraEngine, work: Path
    ) -> None:
        orchestra.plan_failure("resume", UnavailableError("no answer"))
        assert lab("rollout", "--guard", *FEW) == 69
        assert seen(work).events[-1].event == "guard-rolled-back"
        assert orchestra.verbs.count("undo") == 1


class TestWhatMakesNoSense:
    def test_a_guard_where_a_roll_cannot_be_paused(
        self,
        lab: Command,
        orchestra: OrchestraEngine,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(orchestra, "pauses", False)
        assert lab("rollout", "--guard") == 64
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("lab: swarm cannot pause a roll, so --guard has no moment")
        assert not orchestra.stacks

    def test_a_scenario_where_the_lab_itself_replaces_the_replicas(
        self, lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert lab("rollout", "--scenario", "undone") == 64
        (line,) = capsys.readouterr().err.splitlines()
        assert "not miniature: there the scenarios are those of" in line
        assert not miniature.stacks

    def test_an_unknown_scenario(self, lab: Command, capsys: pytest.CaptureFixture[str]) -> None:
        assert lab("rollout", "--scenario", "tea") == 64
        assert f"'tea' is none of {', '.join(SCENARIOS)}." in capsys.readouterr().err

    def test_a_matrix_on_an_orchestrator(
        self, lab: Command, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert lab("matrix", "--engine", "swarm") == 64
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("lab: the matrix takes --engine compose or embedded: on swarm an")
        assert lab("matrix", "--engine", "tea") == 64
        assert "unknown engine tea" in capsys.readouterr().err


def judge(*events: Event) -> Verdict:
    return judge_run(Run(header=None, events=events))


def rolled(t: float, event: str, release: str = "v2", **detail: Any) -> Event:
    return Event(t=t, event=f"roll-{event}", release=release, detail=detail)


def test_a_roll_that_nobody_saw_end_is_a_doubt() -> None:
    lost = judge(rolled(1, "started")).finding("reaches its target")
    assert (lost.status, lost.reason) == (
        Status.UNKNOWN,
        "nobody saw the roll to v2 end (1 could not be judged)",
    )
    done = rolled(3, "ended", outcome="done", serves={"v2": 2})
    twice = judge(rolled(1, "started"), rolled(2, "started"), done).finding("reaches its target")
    assert (twice.status, twice.judged) == (Status.UNKNOWN, 1)


@pytest.mark.parametrize("serves", [{}, {"v1": 1}, {"v1": 1, "v2": 2}])
def test_a_roll_that_says_done_while_others_serve_has_not_reached_its_target(
    serves: dict[str, int],
) -> None:
    ended = rolled(2, "ended", outcome="done", serves=serves)
    finding = judge(rolled(1, "started"), ended).finding("reaches its target")
    assert finding.status is Status.FAIL
    assert finding.first
    assert finding.first.came == (" and ".join(serves) or "nothing")
