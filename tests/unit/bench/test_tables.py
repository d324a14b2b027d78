from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from bench.growth import BARE, LISTING, PRUNING, Growth
from bench.peers import AGAIN, COLD
from bench.runs import Cell, Run, Runs
from bench.summary import Figure, Summary, about, summarise
from bench.tables import BEGIN, END, render, section
from bench.targets import targets

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = {
    ("stock", COLD, 0): 50.0,
    ("stock", AGAIN, 0): 45.0,
    ("stock", COLD, 20): 300.0,
    ("stock", AGAIN, 20): 400.0,
    ("skewproof", COLD, 0): 1.0,
    ("skewproof", AGAIN, 0): 0.3,
    ("skewproof", COLD, 20): 1.2,
    ("skewproof", AGAIN, 20): 0.5,
    ("s5cmd", COLD, 0): 0.5,
    ("s5cmd", COLD, 20): 0.6,
    ("own_hashing", COLD, 0): 0.4,
    ("django_hashing", COLD, 0): 1.0,
}


def figure(peer: str, situation: str, latency: int, seconds: float) -> Figure:
    cell = Cell("1000", latency)
    inner = seconds / 2 if peer.endswith("hashing") else None
    peak = 90 << 20
    return Figure(cell, peer, situation, 5, seconds, 0.4, peak, 3, 0, 1128, inner, honest=True)


def summary(**changed: object) -> Summary:
    """A summary in which every target is met, but for what is changed in our own figures."""
    figures = [figure(*key, seconds) for key, seconds in SECONDS.items()]
    found = [replace(each, **changed) if each.peer == "skewproof" else each for each in figures]  # type: ignore[arg-type]
    lookups = {
        name: {"lookup": 1e-6, "load": 0.02, "memory": 2e6} for name in ("stock", "skewproof")
    }
    return Summary({"date": "2026-11-23"}, tuple(found), (), lookups)


def test_every_target_that_is_met_says_so() -> None:
    found = list(targets(summary()))
    assert [each.name for each in found if not each.met] == []
    assert [each.measured for each in found[:6]] == ["50", "250", "150", "800", "1.00 s", "1.20 s"]


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({"seconds": 1.5}, 6),
        ({"requests": 4}, 1),
        ({"honest": False}, 1),
        ({"peak": 121 << 20}, 1),
    ],
)
def test_a_target_that_is_missed_says_so(changed: dict[str, object], missed: int) -> None:
    found = [each for each in targets(summary(**changed)) if not each.met]
    assert len(found) == missed
    assert render(summary(**changed)).count("| **no** |") == missed


@pytest.mark.parametrize(
    ("listing", "bare", "peak", "met"),
    [
        (2.9, 2.0, 240 << 20, [True, True, True]),
        (3.1, 2.1, 240 << 20, [True, False, True]),
        (2.9, 1.9, 250 << 20, [False, True, False]),
    ],
)
def test_a_bucket_that_has_grown_has_targets(
    listing: float, bare: float, peak: int, met: list[bool]
) -> None:
    rows = [
        Growth(command, 20, 9.0, 9.0, peak, 200, inner)
        for command, inner in ((BARE, bare), (LISTING, listing), (PRUNING, None))
    ]
    found = list(targets(Summary({}, (), growth=tuple(asdict(row) for row in rows))))
    assert [each.met for each in found] == met


def test_without_figures_nothing_is_said_of_them() -> None:
    nothing = Summary({}, ())
    assert list(targets(nothing)) == []
    assert render(nothing).startswith(BEGIN)


def test_a_figure_of_fewer_runs_says_how_many() -> None:
    assert "| 1.00 | 0.30 |" in render(summary())
    assert "| 1.00 (2) | 0.30 (2) |" in render(summary(repeats=2))


def test_figures_are_medians_and_the_most_memory() -> None:
    cell = Cell("300", 20)
    runs = [
        Run(cell, "skewproof", COLD, number, seconds, 1.0, peak, {"PUT": 3, "failed": 1}, said, 5)
        for number, (seconds, peak, said) in enumerate([(1.0, 9, 3), (3.0, 7, 3), (9.0, 8, 4)], 1)
    ]
    (found,) = summarise(Runs(tuple(runs)))
    assert (found.repeats, found.seconds, found.peak, found.requests) == (3, 3.0, 9, 3)
    assert (found.failed, found.honest) == (1, False)


def test_a_summary_is_read_as_it_was_written(tmp_path: Path) -> None:
    summary().write(tmp_path / "summary.json")
    assert Summary.read(tmp_path / "summary.json") == summary()


def test_what_it_was_measured_on_is_named() -> None:
    assert {"date", "machine", "system", "packages", "store"} == about("x").keys()
    assert "Django 5" in about("x")["packages"]


@pytest.mark.parametrize("text", ["no tables", (BEGIN + END) * 2])
def test_a_document_without_the_one_part_for_the_tables_is_seen(text: str) -> None:
    with pytest.raises(LookupError, match=r"[02] parts"):
        section(text)
