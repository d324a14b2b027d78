"""The pictures of the README.

`pytest tests/browser/test_pictures.py --pictures docs/images` takes them again; they are small
where Pillow is installed (`pip install pillow`), which nothing else needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser.pictures import Panel, keep, shares, side_by_side
from tests.browser.visit import visiting

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser
    from tests.browser.conftest import Open

    from lab.stacks.stack import Stack

PAPER = 0.02  # of a picture: as good as nothing


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path | None:
    """Where the pictures are kept; None when they are only looked at."""
    chosen: Path | None = request.config.getoption("--pictures", default=None)
    return chosen


def photograph(visitor: Open, stack: Stack, release: str, path: str = "/") -> bytes:
    """What a visitor sees at first, when everything has come."""
    page = visitor(stack, release)
    with visiting(page) as visit:
        visit.open(path)
    return page.screenshot()


def test_the_pictures_show_a_blue_release_a_green_one_and_a_broken_page(
    chromium: Browser, healthy: Stack, skewed: Stack, visitor: Open, folder: Path | None
) -> None:
    v1 = photograph(visitor, healthy, "v1")
    v2 = photograph(visitor, healthy, "v2")
    broken = photograph(visitor, skewed, "v1")
    error = photograph(visitor, skewed, "v1", "/about/")

    blue, green = shares(chromium, v1), shares(chromium, v2)
    assert blue["blue"] > 0.15 > PAPER > max(blue["green"], blue["red"])
    assert green["green"] > 0.15 > PAPER > max(green["blue"], green["red"])
    assert shares(chromium, broken)["red"] > 0.08
    assert shares(chromium, error)["red"] > PAPER

    skew = side_by_side(
        chromium,
        [
            Panel(v1, "v1", "The release that serves now.", "#1d3fb8"),
            Panel(v2, "v2", "The next one, and its own files.", "#2c7656"),
            Panel(
                broken,
                "v1, after v2 was published",
                "One manifest for both: every URL answers 200, and the page is broken.",
                "#c1121f",
            ),
        ],
    )
    of_all = shares(chromium, skew)
    assert min(of_all.values()) > PAPER

    named = {"v1": v1, "v2": v2, "skew": skew}
    if folder:
        for name, picture in named.items():
            keep(folder, f"{name}.png", picture)
