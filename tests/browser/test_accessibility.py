"""The basics: names for what is shown and pressed, contrast, a focus that is seen, phones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.visit import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from tests.browser.conftest import Open

    from lab.stacks.stack import Stack

FAINT = Path(__file__).with_name("accessibility.js").read_text("utf-8")
NAMED = {"button", "image", "link", "searchbox", "slider", "spinbutton", "textbox"}
PHONE = {"width": 390, "height": 844}
FAULTY = """<html lang="en"><body style="background: #fff">
<p style="color: #777">grey on white</p><p style="color: #767676">just enough</p>
<p style="color: #949494; font-size: 24px">large enough</p>
<div style="background: #000"><p style="color: #0008">black on black</p></div>
<p hidden style="color: #fff">nowhere</p>
<button></button><a href="/"></a><img src="data:,"><input><button>named</button></body></html>"""
FOCUS = """() => {
  const here = document.activeElement;
  if (here === document.body) return null;
  const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(here);
  const seen = outlineStyle === "solid" && parseFloat(outlineWidth) >= 2 && boxShadow !== "none";
  return {words: here.textContent.trim() || here.name, seen};
}"""


def nameless(page: Page) -> list[str]:
    """The controls and images that a screen reader could not name."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        f"{node['role']['value']} without a name"
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in NAMED
        and not node.get("name", {}).get("value")
    ]


def faint(page: Page) -> list[str]:
    """The texts that are hard to tell from their ground."""
    found: list[str] = page.evaluate(FAINT)
    return found


def fill_cart(page: Page) -> None:
    """Put something into the visitor's cart, so that its page has all its parts."""
    page.goto("/products/moon-jar/")
    page.locator("[data-buy] button").click()
    page.wait_for_url("**/cart/")


def test_everything_has_a_name_and_can_be_read(
    healthy: Stack, visitor: Open, pages: tuple[str, ...], release: str
) -> None:
    page = visitor(healthy, release)
    fill_cart(page)
    wrong = {}
    for path in pages:
        with visiting(page) as visit:
            visit.open(path)
        if path == "/workshop/":
            page.locator("[data-throw]").click()
            page.locator("[data-unfold]").click()
            page.locator("canvas").wait_for()
        found = nameless(page)
        found += [f"contrast {text}" for text in faint(page)]
        if page.locator("h1").count() != 1 and not path.startswith("/admin/"):
            found.append("not one h1")
        if not page.title() or page.locator("html").get_attribute("lang") is None:
            found.append("no title or no language")
        if found:
            wrong[path] = found
    assert not wrong


def test_who_tabs_through_a_page_sees_where_they_are(
    healthy: Stack, visitor: Open, release: str
) -> None:
    page = visitor(healthy, release)
    page.goto("/products/quayside-mug/")
    unseen, count = [], 0
    page.keyboard.press("Tab")
    while (focus := page.evaluate(FOCUS)) and count < 100:
        count += 1
        unseen += [] if focus["seen"] else [focus["words"]]
        page.keyboard.press("Tab")
    assert count > 10
    assert not unseen


def test_no_page_is_wider_than_a_phone(
    healthy: Stack, visitor: Open, pages: tuple[str, ...], release: str
) -> None:
    page = visitor(healthy, release, viewport=PHONE, is_mobile=True, has_touch=True)
    fill_cart(page)
    widths = {}
    for path in pages:
        page.goto(path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in widths.items() if width > PHONE["width"]} == {}


def test_planted_faults_are_seen(chromium: Browser) -> None:
    page = chromium.new_page()
    page.set_content(FAULTY)
    assert faint(page) == ["4.48: grey on white", "1.00: black on black"]
    assert sorted(nameless(page)) == [
        f"{role} without a name" for role in ("button", "image", "link", "textbox")
    ]
    page.close()
