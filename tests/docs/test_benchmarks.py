"""The tables in docs/benchmarks.md are those of the figures beside it."""

from __future__ import annotations

from tests.docs.project import ROOT

from bench.peers import AGAIN, COLD
from bench.summary import Summary
from bench.tables import render, section

DOCUMENT, FIGURES = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "benchmarks.json"


def test_the_tables_are_made_from_the_figures_beside_them() -> None:
    assert section(DOCUMENT.read_text()) == render(Summary.read(FIGURES))


def test_the_readme_says_what_was_measured() -> None:
    summary = Summary.read(FIGURES)
    said = " ".join((ROOT / "README.md").read_text().split())
    for situation, latency in ((COLD, 0), (AGAIN, 0), (COLD, 20)):
        own, stock = (
            summary.get("1000", latency, peer, situation) for peer in ("skewproof", "stock")
        )
        assert own
        assert stock
        assert f"{own.seconds:.1f} s instead of {stock.seconds:.0f} s" in said


def test_a_figure_that_was_changed_by_hand_is_seen() -> None:
    text = DOCUMENT.read_text().replace("| skewproof | ", "| skewproof | 0", 1)
    assert section(text) != render(Summary.read(FIGURES))
