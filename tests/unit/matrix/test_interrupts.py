"""An interrupt ends a run of the matrix, and leaves no cell that it has spoilt."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lab.judge.findings import Status
from lab.matrix.result import Result
from lab.matrix.run import MatrixRequest, run_cells

if TYPE_CHECKING:
    from pathlib import Path

    from lab.matrix.scenarios import Scenario
    from lab.strategies import Strategy


def test_a_cell_whose_stack_was_stopped_under_it_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = threading.Event()

    def run_one(
        _order: MatrixRequest, _stack: Any, strategy: Strategy, scenario: Scenario, _: Any
    ) -> Any:
        if scenario.name == "rollback":
            raise KeyboardInterrupt
        away.wait(30)
        return Result(
            strategy=strategy.name,
            scenario=scenario.name,
            status=Status.FAIL,
            expected="PASS",
            reason="502: nobody is there",
        )

    stack = SimpleNamespace(machine=SimpleNamespace(break_off=away.set))
    monkeypatch.setattr("lab.matrix.run.worker_stack", lambda *_: nullcontext(stack))
    monkeypatch.setattr("lab.matrix.run.run_one", run_one)
    wanted = MatrixRequest(
        strategies=["skewproof"], scenarios=["late-load", "rollback"], run=str(tmp_path)
    )
    lines: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run_cells(wanted, lines.append)

    assert away.is_set()
    assert wanted.finished() == []
    assert lines == []
