from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from lab.commands.tables import render_verdict, side_by_side

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lab.judge.verdict import Verdict

    from .conftest import Bench, Reply


def draw(renderable: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.fixture
def healthy(bench: Bench) -> Verdict:
    bench.begin()
    bench.visit()
    bench.publish()
    return bench.verdict()


@pytest.fixture
def faulty(bench: Bench, reply: type[Reply]) -> Verdict:
    """Return the verdict of a run with a fault in every column, and a thousand in one."""
    shop = bench.shop
    shop.plant("/about/", reply(b"<h1>Server Error (500)</h1>", 500, {"X-Release": "v1"}))
    shop.plant("/products/1/", reply(b"", 502))
    path = shop.asset("img/logo.png")
    shop.plant(path, reply(b"", 404, {"Cache-Control": "public, max-age=31536000, immutable"}))
    pages = shop.releases["v1"].pages
    own, other = (shop.releases[name].paths["css/site.css"] for name in ("v1", "v2"))
    pages["/"] = pages["/"].replace(own, other)
    bench.begin()
    bench.visit("v1", "v2")
    with bench.probe.watch(bench.probe.site.asset_urls([own, path.removeprefix("/static/")]), "v1"):
        pass
    touched = {"before": "2026-11-23T15:00:00Z", "after": None}
    bench.publish(*({"asset": f"css/{number}.css", **touched} for number in range(1234)))
    return bench.verdict()


@pytest.mark.parametrize("width", [80, 120])
def test_a_verdict_fits_its_terminal_and_loses_nothing(faulty: Verdict, width: int) -> None:
    lines = draw(render_verdict(faulty), width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "…" not in text
    for finding in faulty.findings:
        assert finding.checker in text
    for word in ("release", "pages", "broken", "wrong", "refused", "polls", "failed", "1,234"):
        assert word in text
    assert '500 ("Server Error (500)"); it should have answered 200' in text
    assert f"FAIL rollout with skewproof: {faulty.total.requests} requests" in text


def test_a_healthy_verdict_shows_no_evidence(healthy: Verdict) -> None:
    text = "\n".join(draw(render_verdict(healthy), 80))
    assert "FAIL" not in text
    assert "it should have" not in text
    assert "polls" not in text
    assert "PASS rollout with skewproof" in text


@pytest.mark.parametrize("width", [80, 120])
def test_runs_stand_side_by_side_with_their_first_evidence(healthy: Verdict, width: int) -> None:
    lines = draw(side_by_side({"skewproof": healthy, "again": healthy}), width)
    assert max(map(len, lines)) <= width
    (conclusion,) = [line.split() for line in lines if line.strip().startswith("verdict")]
    assert conclusion == ["verdict", "PASS", "PASS"]
    assert not any("it should have" in line for line in lines)


def test_side_by_side_says_which_strategy_broke_what(faulty: Verdict) -> None:
    lines = draw(side_by_side({"shared": faulty, "skewproof": faulty}), 80)
    words = [line.split() for line in lines]
    assert ["page", "answers", "FAIL", "2", "FAIL", "2"] in words
    assert ["append-only", "FAIL", "1,234", "FAIL", "1,234"] in words
    assert ["wrong", "release", "1", "1"] in words
    assert lines.count("shared") == 1


def test_an_unknown_verdict_says_why(bench: Bench) -> None:
    bench.begin()
    bench.visit()
    text = " ".join(" ".join(draw(render_verdict(bench.verdict(end=False)), 80)).split())
    assert "UNKNOWN" in text
    assert "the run was interrupted: its history has no end" in text
    assert "no data" in text
