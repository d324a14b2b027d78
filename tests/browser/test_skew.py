"""The gotcha before the eyes: v1 under the shared manifest, after v2 was published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.browser.visit import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.browser.conftest import Open

    from lab.stacks.stack import Stack

GONE = {
    "/about/": "img/wood-kiln-480.jpg",
    "/cart/": "js/promo.js",
    "/products/moon-jar/": "js/zoom.js",
}
RED = "rgb(193, 18, 31)"
BANNER = """() => {
  const {content, backgroundColor, height, position} = getComputedStyle(document.body, "::before");
  return {content, backgroundColor, height: parseFloat(height), position};
}"""


def banner(page: Page) -> dict[str, str | float]:
    """The computed style of what a stylesheet puts before a page of another release."""
    found: dict[str, str | float] = page.evaluate(BANNER)
    return found


@pytest.mark.parametrize("path", GONE)
def test_a_page_whose_file_went_is_a_500_that_names_the_file(
    skewed: Stack, visitor: Open, path: str
) -> None:
    page = visitor(skewed)
    answer = page.goto(path)
    assert answer is not None
    assert (answer.status, answer.headers["x-release"]) == (500, "v1")
    expect(page.get_by_role("heading")).to_have_text("500: this page of v1 is broken")
    missing = f"Missing staticfiles manifest entry for '{GONE[path]}'"
    expect(page.get_by_text(missing)).to_be_visible()
    expect(page.get_by_text("manifest strategy shared")).to_be_visible()


def test_every_other_page_of_v1_answers_200_and_wears_the_stylesheet_of_v2(
    skewed: Stack, visitor: Open, pages: tuple[str, ...]
) -> None:
    page = visitor(skewed)
    other = skewed.record("v2")["paths"]["css/site.css"]
    assert other not in skewed.record("v1")["assets"]
    for path in pages:
        if path in GONE or path.startswith("/admin/"):
            continue
        with visiting(page) as visit:
            visit.open(path)
        # Nothing but the page itself tells: no status does.
        assert {answer.status for answer in visit.answers} == {200}, path
        assert other in visit.assets, path
        assert "console error: This page is of release v1, its scripts are of release v2." in (
            visit.problems
        )
        shown = banner(page)
        assert str(shown["content"]).startswith('"Broken: this page is of release '), path
        assert 'its stylesheet of release v2"' in str(shown["content"]), path
        assert shown["backgroundColor"] == RED, path
        assert float(shown["height"]) > 20, path


def test_the_admin_of_v1_wears_the_stylesheet_of_v2(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    page.goto("/admin/login/")
    assert 'of another release than its stylesheet (v2)"' in str(banner(page)["content"])
    assert banner(page)["backgroundColor"] == RED


def test_a_broken_page_is_framed_in_red_wherever_one_scrolls(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    page.goto("/catalogue/")
    frame = """() => {
      const {position, borderTopColor, borderTopWidth} = getComputedStyle(document.body, "::after");
      return [position, borderTopColor, borderTopWidth];
    }"""
    assert page.evaluate(frame) == ["fixed", RED, "12px"]
    assert banner(page)["position"] == "sticky"
