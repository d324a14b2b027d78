"""The table of what orchestrators do by themselves: the cure holds where the control fails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.docs.orchestrator_table import NAMES, PAGE, read, render, section, stated, write

from lab.history import Event, Header, Run
from lab.strategies import CONTROL, CURE

if TYPE_CHECKING:
    from pathlib import Path

HEADER = Header(
    strategy=CURE,
    engine="swarm",
    action="crashing",
    base="http://127.0.0.1:1/",
    static=None,
    started="",
)
ENDED = Event(t=2.0, event="roll-ended", release="v2", detail={"outcome": "done", "serves": {}})
RUN = Run(header=HEADER, events=(ENDED,), ended=True)


def cells() -> dict[tuple[str, str, str], str]:
    return stated(PAGE.read_text())


def test_the_table_tells_of_scenarios_that_there_are() -> None:
    assert {scenario for scenario, _, _ in cells()} <= {*NAMES}


def test_in_no_scenario_a_visitor_of_the_cure_saw_anything() -> None:
    cured = {key: cell for key, cell in cells().items() if key[2] == CURE}
    assert cured
    assert {cell.partition(";")[0] for cell in cured.values()} == {"PASS"}


def test_the_control_breaks_for_visitors_wherever_a_replica_is_lost_or_comes_back() -> None:
    found = {
        (name, engine): cells()[name, engine, CONTROL].partition(";")[0]
        for name, engine, strategy in cells()
        if strategy == CONTROL and name in ("replica-lost", "undone", "never-published", "rollback")
    }
    assert found
    assert set(found.values()) == {"**FAIL**"}


def test_writing_fills_one_cell_and_leaves_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    key, cell = read(replace(RUN, header=replace(HEADER, engine="another")))
    assert key == ("crashing", "another", CURE)
    write({key: cell}, page)
    assert stated(page.read_text()) == {**cells(), key: cell}
    assert page.read_text().partition("<!-- orch")[0] == PAGE.read_text().partition("<!-- orch")[0]
    assert render(stated(page.read_text())) == section(page.read_text())


def test_a_run_that_has_no_end_is_not_shown() -> None:
    with pytest.raises(ValueError, match="no run to show"):
        read(replace(RUN, ended=False))
    with pytest.raises(ValueError, match="no run to show"):
        read(replace(RUN, events=()))
