"""The table of docs/zero-downtime.md tells of runs in which nothing was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.docs.load_table import PAGE, read, render, write
from tests.docs.markdown import Document

from lab.history import Header
from lab.judge.findings import Status
from lab.judge.latency import LoadPhase
from lab.judge.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

REST = LoadPhase(
    name="at rest",
    seconds=15.0,
    pages=3000,
    rate=200.0,
    p50=9.0,
    p99=20.0,
    longest=31.25,
    refused=0,
    errors=0,
)
ROLLING = LoadPhase(
    name="rolling",
    seconds=60.0,
    pages=12000,
    rate=200.3,
    p50=10.0,
    p99=80.0,
    longest=120.0,
    refused=0,
    errors=0,
)


def verdict(status: str) -> Verdict:
    header = Header(
        strategy="skewproof",
        engine="embedded",
        action="rollout",
        base="http://127.0.0.1:1/",
        static=None,
        started="",
    )
    return Verdict(
        status=Status(status), findings=(), releases={}, header=header, load=(REST, ROLLING)
    )


def test_the_page_tells_both_ways_at_rest_and_rolling_and_that_nothing_was_refused() -> None:
    rows = Document(PAGE, PAGE.read_text()).rows[1:]
    names = [row[0] for row in rows]
    assert names[:4] == [
        f"{action}, 200/s, {phase}"
        for action in ("rollout", "rollback")
        for phase in ("at rest", "rolling")
    ]
    assert {tuple(row[-2:]) for row in rows} == {("0", "0")}


def test_writing_replaces_the_table_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    phases = read(verdict("PASS"))
    write(phases, page)
    row = "| rollout, 200/s, rolling | 12,000 | 200.3 | 10.0 ms | 80.0 ms | 120.0 ms | 0 | 0 |"
    assert row in page.read_text()
    assert page.read_text().partition("<!-- load")[0] == PAGE.read_text().partition("<!-- load")[0]
    assert render(phases) in page.read_text()


def test_a_run_that_failed_is_not_shown() -> None:
    with pytest.raises(ValueError, match="no run to show: FAIL, 2 phases"):
        read(verdict("FAIL"))
