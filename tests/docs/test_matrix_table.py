"""The README's table of the matrix is that of the last run, and that run was as expected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.docs.matrix_table import (
    PAGE,
    README,
    RESULTS,
    read,
    render_page,
    render_table,
    section,
    write,
)

from lab.matrix.scenarios import SCENARIOS
from lab.strategies import STRATEGIES

if TYPE_CHECKING:
    from pathlib import Path

HOW = "write it again: .venv/bin/lab matrix --json | .venv/bin/python -m tests.docs.matrix_table"
EXPECTED = {
    name: {strategy: scenario.expected(strategy) for strategy in STRATEGIES}
    for name, scenario in SCENARIOS.items()
}


def test_the_last_run_came_to_what_is_expected_today() -> None:
    assert json.loads(RESULTS.read_text()) == EXPECTED, HOW


def test_the_readme_and_the_page_show_the_last_run() -> None:
    outcomes = json.loads(RESULTS.read_text())
    assert section(README.read_text()) == render_table(outcomes), HOW
    assert PAGE.read_text() == render_page(outcomes), HOW


def document(outcomes: dict[str, dict[str, str]], verdict: str = "PASS") -> dict[str, Any]:
    """What `lab matrix --json` prints."""
    cells = [
        {"scenario": scenario, "strategy": strategy, "status": status}
        for scenario, found in outcomes.items()
        for strategy, status in found.items()
    ]
    return {"verdict": verdict, "why": "because", "cells": cells}


def test_a_run_is_read_as_it_came() -> None:
    assert read(document(EXPECTED)) == EXPECTED


def test_a_run_that_is_not_whole_or_not_as_expected_is_refused() -> None:
    part = {**EXPECTED, "late-load": {"shared": "FAIL"}}
    for refused in (document(part), document(EXPECTED, "FAIL")):
        with pytest.raises(ValueError, match=r"no run to show: (PASS|FAIL): because"):
            read(refused)


def test_writing_replaces_the_table_and_nothing_else(tmp_path: Path) -> None:
    readme, page = tmp_path / "README.md", tmp_path / "matrix.md"
    readme.write_text(README.read_text())
    changed = {**EXPECTED, "late-load": {**EXPECTED["late-load"], "shared": "PASS"}}
    write(changed, readme, page)

    before, after = README.read_text(), readme.read_text()
    assert before.replace(section(before), "") == after.replace(section(after), "")
    row = next(line for line in section(after).splitlines() if "[late-load]" in line)
    assert row.startswith("| [late-load](docs/matrix.md#late-load) | PASS | PASS | PASS |")
    assert "- PASS: shared, versioned" in page.read_text()


@pytest.mark.parametrize("text", ["no table", "twice"])
def test_a_readme_without_the_one_table_is_seen(text: str) -> None:
    with pytest.raises(LookupError, match=r"README.md has [02] parts"):
        section(README.read_text() * 2 if text == "twice" else text)
