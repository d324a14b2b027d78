from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.report.histories import write_history, write_matrix

from lab import cli


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A rollout in which something broke."""
    return write_history(tmp_path / "rollout" / "1-rollout.jsonl")


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    """A run of the matrix."""
    return write_matrix(tmp_path / "matrix")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Runs `lab report` in this process; returns the exit code."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("lab.checkout.WORK", tmp_path / ".lab")

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["lab", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run
