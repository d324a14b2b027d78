"""The report in a browser: it draws, asks nobody, can be read, and runs nobody's script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.test_accessibility import faint, nameless
from tests.unit.report.histories import write_matrix

from lab.report.document import make_report
from lab.report.page import render_page
from lab.report.sources import find_sources

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = {"width": 375, "height": 800}
CHARTS = 5
DRAWN = f"document.querySelectorAll('canvas').length === {CHARTS}"
CELL = "#shared.late-load"
INJECT = """() => {
  const script = document.createElement("script");
  script.textContent = "window.injected = true";
  document.body.append(script);
}"""

# Notes for every text on a canvas how far it goes beyond the right edge.
NOTE_TEXTS = """
  window.beyond = {};
  const draw = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, ...rest) {
    const width = this.measureText(text).width;
    const left = { center: x - width / 2, right: x - width, left: x }[this.textAlign] ?? x;
    window.beyond[text] = this.getTransform().e + left + width - this.canvas.width;
    return draw.call(this, text, x, ...rest);
  };
"""

Show = Callable[..., "Page"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a small matrix, in whose evidence there is a script."""
    folder: Path = write_matrix(tmp_path_factory.mktemp("matrix"))
    page = folder / "report.html"
    text = render_page(make_report(find_sources([str(folder)])))
    page.write_text(text, encoding="utf-8", errors="replace")
    return page.as_uri()


@pytest.fixture
def show(chromium: Browser, url: str) -> Iterator[Show]:
    """Opens the report; at the end nothing was asked for, and nothing went wrong."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def arrive(fragment: str = "", **options: Any) -> Page:
        contexts.append(context := chromium.new_context(**options))
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
        page.goto(url + fragment)
        return page

    yield arrive
    for context in contexts:
        context.close()
    assert said == []
    assert set(asked) == {url}


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_run_is_drawn_and_can_be_read(show: Show, colours: str) -> None:
    page = show(CELL, color_scheme=colours, viewport=PHONE)
    page.wait_for_function(DRAWN)
    page.evaluate(
        "document.querySelectorAll('.run[open] details').forEach((each) => (each.open = true))"
    )

    assert faint(page) == []
    assert nameless(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.title() != "owned"


@pytest.mark.parametrize(("width", "end"), [(375, "2"), (1280, "2.8"), (1280, "3600")])
def test_the_last_number_of_an_axis_is_not_cut_off(
    chromium: Browser, url: str, tmp_path: Path, width: int, end: str
) -> None:
    text = Path(url.removeprefix("file://")).read_text()
    copy = tmp_path / "report.html"
    copy.write_text(re.sub('data-end="[^"]*"', f'data-end="{end}"', text))
    page = chromium.new_page(viewport={"width": width, "height": 800})
    page.add_init_script(NOTE_TEXTS)
    page.goto(copy.as_uri() + CELL)
    page.wait_for_function(DRAWN)
    beyond = page.evaluate("window.beyond")
    page.close()

    assert f"{end} s" in beyond
    assert max(beyond.values()) <= 0, beyond


def test_every_chart_has_a_name_and_a_table(show: Show) -> None:
    page = show(CELL)
    page.wait_for_function(DRAWN)
    labels = [each.get_attribute("aria-label") for each in page.get_by_role("img").all()]
    tables = page.evaluate(
        "[...document.querySelectorAll('.plot')]"
        ".map((plot) => document.getElementById(plot.dataset.table).rows.length)"
    )

    assert len(labels) == CHARTS  # those of other runs are there when one opens them
    assert all("The numbers are in a table below" in str(label) for label in labels)
    assert min(tables) > 1


def test_who_has_only_a_keyboard_comes_from_the_matrix_to_a_run(show: Show) -> None:
    page = show()
    assert page.locator("canvas").count() == 0
    page.get_by_role("link", name="FAIL shared").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(DRAWN)

    assert page.evaluate("document.activeElement.textContent").startswith("shared")


def test_colours_can_be_changed_and_charts_follow(show: Show) -> None:
    page = show(CELL, color_scheme="light")
    page.wait_for_function(DRAWN)
    ground = "getComputedStyle(document.body).backgroundColor"
    canvas = "document.querySelector('canvas').toDataURL()"
    light = page.evaluate(f"[{ground}, {canvas}]")
    page.get_by_role("button", name="Dark colours").click()
    dark = page.evaluate(f"[{ground}, {canvas}]")

    assert light[0] != dark[0]
    assert light[1] != dark[1]
    assert page.get_by_role("button", name="Light colours").is_visible()


def test_a_script_that_gets_into_the_page_does_not_run(chromium: Browser, url: str) -> None:
    page = chromium.new_page()
    page.goto(url)
    page.evaluate(INJECT)
    assert page.evaluate("window.injected") is None
    page.close()
