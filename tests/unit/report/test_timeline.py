from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.report.recorded import PAGES, PLANTED, write_history

from lab.history import Run, read_history
from lab.judge.verdict import judge_run
from lab.report.document import write_report
from lab.report.marks import MOST, mark_events
from lab.report.page import render_page
from lab.report.sources import Source
from lab.report.timeline import STEPS, choose_step, count_sightings, serving_over_time

if TYPE_CHECKING:
    from pathlib import Path

    from lab.report.tables import Table


def sums(table: Table) -> dict[str, float]:
    """The sum of each column."""
    return {
        column.title: sum(row[index] or 0 for row in table.rows)
        for index, column in enumerate(table.columns, start=1)
    }


def test_the_counts_over_time_add_up_to_those_of_the_verdict(history: Path) -> None:
    run = read_history(history)
    verdict = judge_run(run)
    counted = sums(count_sightings(run, verdict))
    v1 = verdict.releases["v1"]

    assert counted["v1 wrong release"] == v1.wrong == PAGES - 20
    assert counted["v1 broken"] == v1.broken_pages + v1.broken_assets == 1
    assert counted["v1 refused"] == v1.refused == 1
    assert counted["v1 right"] == v1.pages + v1.assets - v1.wrong - 1
    assert counted[f"{PLANTED} broken"] == 1


def test_latency_is_that_of_pages_in_their_step_of_time(history: Path) -> None:
    table = count_sightings(run := read_history(history), judge_run(run))
    rows = {row[0]: row for row in table.rows}
    titles = [column.title for column in table.columns]

    assert table.step == 0.1
    assert rows[1.0][1 + titles.index("p50 ms")] == 110
    assert rows[1.0][1 + titles.index("p99 ms")] == 110


def test_replicas_and_weights_are_those_that_the_history_says(history: Path) -> None:
    table = serving_over_time(read_history(history))

    assert [column.title for column in table.columns] == [
        "v1 % of the traffic",
        "v2 % of the traffic",
        "v1 replicas",
        "v2 replicas",
    ]
    assert table.rows == ((0.0, 100, 0, 2, 0), (1.5, 50, 50, 2, 1))


def test_a_history_from_before_there_were_reports_has_no_bands(tmp_path: Path) -> None:
    path = write_history(tmp_path / "old.jsonl", told=False)
    page = render_page(write_report([Source(path)]))

    assert serving_over_time(read_history(path)).rows == ()
    assert 'data-chart="fetches"' in page
    assert 'data-chart="replicas"' not in page


def test_a_hundred_thousand_fetches_are_a_hundred_rows(history: Path) -> None:
    few = read_history(history)
    many = tuple(replace(few.fetches[0], t=number / 100) for number in range(100_000))
    table = count_sightings(Run(few.header, few.records, fetches=many), judge_run(Run(None)))

    assert STEPS / 2.5 <= len(table.rows) <= STEPS
    assert sums(table)["v1 right"] == 100_000


@pytest.mark.parametrize(
    ("seconds", "step"), [(0, 0.1), (9.9, 0.1), (10, 0.2), (49, 0.5), (130, 2), (3600, 50)]
)
def test_steps_are_round_and_no_more_than_a_chart_shows(seconds: float, step: float) -> None:
    assert choose_step(seconds) == step


def test_events_are_told_in_words(history: Path) -> None:
    assert [mark.text for mark in mark_events(read_history(history))] == [
        "publish of v2 begins",
        "publish of v2 ends after 0.5 s",
        "publish of v2 rewrote or deleted 0 of 1 assets",
        "traffic v1 50%, v2 50%",
        PLANTED,
    ]


def test_of_too_many_events_the_first_are_told(history: Path) -> None:
    run = read_history(history)
    marks = mark_events(replace(run, events=run.events[-1:] * 100))

    assert len(marks) == MOST + 1
    assert marks[-1].text == f"{100 - MOST} more events are in the history"


@pytest.mark.parametrize("number", ["NaN", "1e999", "-1"])
def test_a_time_that_is_none_does_not_break_a_report(history: Path, number: str) -> None:
    text = history.read_text()
    history.write_text(text.replace('"t":1.0,', f'"t":{number},', 1))

    assert render_page(write_report([Source(history)]))
