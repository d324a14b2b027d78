"""Strategies and scenarios are data that fit each other, the app and the verbs of a cell."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from lab.commands.tables import count_cell, render_cells
from lab.history import Answer, Asset, Fetch, Header, Record, Run
from lab.judge.checkers import CHECKERS
from lab.judge.findings import Status, check
from lab.matrix.cell import Cell
from lab.matrix.result import Result, conclude_cells, load, not_applicable
from lab.matrix.scenarios import SCENARIOS, Scenario
from lab.strategies import STRATEGIES
from shop.environment import STRATEGIES as SETTINGS

EACH = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)


def test_every_strategy_is_one_of_the_shops() -> None:
    assert set(STRATEGIES) == set(SETTINGS)
    assert all(each.image is None or each.image in SETTINGS for each in STRATEGIES.values())


@EACH
def test_every_step_is_a_verb_and_is_told_what_it_takes(scenario: Scenario) -> None:
    for step in scenario.steps:
        verb = inspect.signature(getattr(Cell, step.verb))
        verb.bind(None, *([step.release] if step.release else []), **step.options)


@EACH
def test_every_expectation_is_of_a_strategy_and_has_a_reason(scenario: Scenario) -> None:
    said = [*scenario.fails.items(), *scenario.without.items()]
    assert len({strategy for strategy, _reason in said}) == len(said)
    assert all(strategy in STRATEGIES and reason for strategy, reason in said)


def test_the_cure_passes_everything_and_every_other_strategy_fails_somewhere() -> None:
    by_strategy = {
        name: {each.expected(name) for each in SCENARIOS.values()} for name in STRATEGIES
    }
    assert by_strategy.pop("skewproof") == {"PASS"}
    assert all("FAIL" in expected for expected in by_strategy.values())


def result(status: Status, expected: str = "PASS", strategy: str = "shared") -> Result:
    return Result(
        strategy,
        "late-load",
        status,
        expected,
        "why",
        "0",
        {"pages": 2},
        {"page answers": {"500": 1}},
    )


@pytest.mark.parametrize(
    ("results", "status", "why"),
    [
        ([result(Status.PASS)], Status.PASS, "all 1 cells are as expected"),
        ([result(Status.FAIL, "FAIL")], Status.PASS, "all 1"),
        ([result(Status.PASS, "FAIL")], Status.FAIL, "shared x late-load"),
        ([result(Status.FAIL)], Status.FAIL, "shared x late-load"),
        ([result(Status.UNKNOWN)], Status.UNKNOWN, "could not be judged: shared x late-load"),
        ([result(Status.UNKNOWN), result(Status.FAIL)], Status.FAIL, "not as expected"),
        ([], Status.UNKNOWN, "0 of 1 cells"),
    ],
)
def test_a_run_passes_when_every_cell_is_what_it_should_be(
    results: list[Result], status: Status, why: str
) -> None:
    concluded, said = conclude_cells(results, len(results) or 1)
    assert concluded == status
    assert why in said


@pytest.mark.parametrize(
    ("came", "status", "count"),
    [("PASS", "UNKNOWN", 1), ("FAIL", "FAIL", 1), ("UNKNOWN", "UNKNOWN", 0)],
)
def test_a_run_that_is_not_whole_says_how_much_of_it_there_is(
    came: str, status: str, count: int
) -> None:
    concluded, said = conclude_cells([result(Status(came))], 3)
    assert concluded == status
    assert f"{count} of 3 cells have been run" in said


def test_a_cell_that_was_kept_is_read_again_as_it_was(tmp_path: Path) -> None:
    kept = result(Status.FAIL)
    kept.save(tmp_path)
    assert load(tmp_path, "shared", "late-load") == kept
    assert load(tmp_path, "shared", "rollback") is None
    assert count_cell(kept) == "2 pages, 0 assets; page answers: 1 x 500"
    assert render_cells([kept])


def test_a_cell_that_cannot_be_says_why() -> None:
    cell = not_applicable(STRATEGIES["whitenoise"], SCENARIOS["store-down"])
    assert cell.status == cell.expected == "n/a"
    assert cell.reason == "the assets are in the image: there is no store"


def served(name: str) -> Run:
    """A run in which one asset came, as its release was built with it."""
    base = "http://127.0.0.1:1/"
    asset = Asset(sha256="s", bytes=1)
    answer = Answer(200, content_type="text/css", sha256="s", md5="0" * 32)
    fetch = Fetch(0, "asset", f"{base}static/{name}", base, base, "stylesheet", "v1", "1", answer)
    header = Header("unhashed", "embedded", "late-load", base, f"{base}static/", "now")
    return Run(header, {"v1": Record("v1", {name: name}, {name: asset})}, (), (fetch,), ended=True)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("css/site.css", Status.NOT_APPLICABLE),
        ("css/site.000000000000.css", Status.PASS),
        ("css/site.111111111111.css", Status.FAIL),
    ],
)
def test_a_plain_name_promises_nothing_of_its_body(name: str, status: Status) -> None:
    (checker,) = (each for each in CHECKERS if each.name == "body matches hash")
    assert check(served(name), checker).status == status
