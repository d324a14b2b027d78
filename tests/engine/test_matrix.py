"""Three cells of the matrix as they are run: the stock strategies fail, the cure passes.

A publish is killed at the store in one, at a system call in another, and half-way in the third.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from tests.engine.stacks import ON_LAST, build, say

from lab.errors import LabError
from lab.matrix.result import Result
from lab.matrix.run import MatrixRequest, run_cells
from lab.stacks.state import stack_names

STRATEGIES = ("shared", "shared-disk", "skewproof")


@pytest.fixture(scope="module", params=ON_LAST)
def wanted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MatrixRequest:
    build(request.param)
    run = str(tmp_path_factory.mktemp("matrix"))  # an absolute path wins over .lab/matrix
    return MatrixRequest(
        strategies=STRATEGIES, scenarios=["publish-killed"], run=run, engine=request.param
    )


@pytest.fixture(scope="module")
def cells(wanted: MatrixRequest) -> dict[str, Result]:
    cells = {result.strategy: result for result in run_cells(wanted, say)}
    assert [name for name in stack_names() if name.startswith(f"matrix-{os.getpid()}-")] == []
    return cells


def test_a_publish_that_is_killed_breaks_v1_with_the_stock_storages(
    cells: dict[str, Result],
) -> None:
    for strategy in ("shared", "shared-disk"):
        assert cells[strategy].status == "FAIL", cells[strategy]
        assert set(cells[strategy].faults) == {"asset resolves"}
        assert "v1's page" in (cells[strategy].first or "")


def test_a_publish_that_is_killed_hurts_nobody_with_skewproof(cells: dict[str, Result]) -> None:
    assert cells["skewproof"].status == "PASS", cells["skewproof"]
    assert cells["skewproof"].counts["pages"] == 45


def test_a_run_that_goes_on_runs_only_what_is_missing(
    wanted: MatrixRequest, cells: dict[str, Result]
) -> None:
    lines: list[str] = []
    again = replace(wanted, scenarios=["publish-killed"])
    assert {each.strategy: each for each in run_cells(again, lines.append)} == cells
    assert lines == []


@pytest.mark.usefixtures("cells")
def test_a_run_does_not_go_on_with_another_engine(wanted: MatrixRequest) -> None:
    other = "embedded" if wanted.engine == "compose" else "compose"
    with pytest.raises(LabError, match=f"is of --engine {wanted.engine}: give the same here"):
        run_cells(replace(wanted, engine=other), say)
