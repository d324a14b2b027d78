"""The explore page for everybody: phones, dark rooms, keyboards, screen readers, hidden tabs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from tests.browser.explorepage import explore
from tests.browser.test_accessibility import faint, nameless

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from tests.browser.conftest import Open
    from tests.browser.explorepage import Explorer

    from lab.stacks.stack import Stack

pytestmark = pytest.mark.timeout(1800)  # on a busy machine the page slows down by itself
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
WIDE = {"width": 1920, "height": 1080}
FOCUS = """() => {
  const here = document.activeElement;
  if (here === document.body) return null;
  const { outlineStyle, outlineWidth } = getComputedStyle(here);
  const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  const isSquare = Boolean(here.closest("#grid"));
  return { words: here.textContent.trim() || here.tagName, seen, isSquare };
}"""
# Notes what is said at that very moment: a busy page would run an observer late.
LISTEN = """addEventListener("DOMContentLoaded", () => {
  window.told = [];
  const { get, set } = Object.getOwnPropertyDescriptor(Node.prototype, "textContent");
  const note = (text) => (window.told.push([performance.now(), text]), set.call(news, text));
  Object.defineProperty(news, "textContent", { get, set: note });
})"""
# Notes whatever begins to move.
WATCH = """
  window.moved = [];
  for (const kind of ["animationstart", "transitionstart"])
    document.addEventListener(kind, (event) => window.moved.push(event.type));
"""
# The page's policy lets no style in that it has not brought, but its own may be added to.
MOVE = """
  const [own] = document.styleSheets;
  own.insertRule("@keyframes move { to { opacity: 0 } }");
  own.insertRule("#grid { animation: move 1s }");
"""
CLICK = """control => {
  const name = control.ariaLabel ?? control.textContent;
  control.click();
  return `${name} → ${news.textContent}`;
}"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def open_all(explorer: Explorer) -> Page:
    """Have everything on the page that there can be."""
    page = explorer.page
    explorer.require_alarm()
    explorer.cells("wrong").last.click()
    page.locator("#more-numbers summary").click()
    expect(page.locator("#numbers tbody tr").first).to_be_visible()
    explorer.wait(lambda: "FAIL" in explorer.verdicts.values(), "verdicts")
    return page


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("screen", [PHONE, DESKTOP, WIDE], ids=["phone", "desktop", "wide"])
def test_everything_has_a_name_and_can_be_read(
    skewed: Stack, visitor: Open, screen: dict[str, int], colours: str
) -> None:
    page = visitor(skewed, viewport=screen, color_scheme=colours)
    open_all(explore(page, skewed.base))
    assert faint(page) == []
    assert nameless(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == screen["width"]
    assert page.locator("h1").count() == 1
    assert page.locator("table:not(.u-legend):not(:has(th[scope=col]))").count() == 0


def test_who_has_only_a_keyboard_comes_everywhere_and_sees_where_they_are(
    skewed: Stack, visitor: Open
) -> None:
    page = visitor(skewed)
    explorer = explore(page, skewed.base)
    explorer.wait_for_visits(25)
    page.get_by_role("button", name="Pause").click()
    stops: list[dict[str, Any]] = []
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    while (focus := page.evaluate(FOCUS)) and len(stops) < 60:
        stops.append(focus)
        page.keyboard.press("Tab")
    assert [stop["words"] for stop in stops if not stop["seen"]] == []
    assert [stop["isSquare"] for stop in stops].count(True) == 1  # and arrows go on from there
    words = " ".join(stop["words"] for stop in stops)
    for name in ("Copy", "The numbers as a table", "Only v1", "Start over"):
        assert name in words


def test_arrows_go_from_square_to_square_and_enter_shows_one(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    explorer = explore(page, skewed.base)
    explorer.wait_for_visits(10)
    page.get_by_role("button", name="Pause").click()
    page.locator("#grid button[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    title = page.locator("#evidence h3")
    expect(title).to_be_visible()
    assert label.startswith(title.inner_text().partition(":")[0])
    expect(page.locator("#grid [aria-pressed='true']")).to_have_attribute("aria-label", label)


def test_every_square_says_in_words_what_its_colour_says(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    explorer = explore(page, skewed.base)
    explorer.require_alarm()
    wrong, broken = explorer.cells("wrong").first, explorer.cells("broken").first
    expect(wrong).to_have_text("v1≠")
    expect(broken).to_have_text("v1✕")
    assert "of another release. " in str(wrong.get_attribute("aria-label"))
    assert "answered 500" in str(broken.get_attribute("aria-label"))


def test_a_screen_reader_is_told_seldom(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    page.add_init_script(LISTEN)
    explorer = explore(page, skewed.base)
    explorer.require_alarm()
    explorer.wait_for_visits(30)
    told = page.evaluate("window.told")
    moments = [moment for moment, _text in told]
    assert told
    assert all(b - a > 3900 for a, b in pairwise(moments)), told
    assert page.locator("[aria-live], [role=status], [role=alert]").count() == 3


def test_what_somebody_does_is_answered_at_once(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    page.add_init_script(LISTEN)
    explorer = explore(page, skewed.base)
    explorer.wait(lambda: page.evaluate("window.told") != [], "news")  # others are to wait now
    name, said = page.locator("#grid button").last.evaluate(CLICK).split(" → ")
    assert said == f"Shown below: {name}"
    for name, said in (
        ("Only v1", "Visits go to v1 only"),
        ("As the gateway draws", "Visits go where the gateway draws"),
        ("Start over", "Started over"),
    ):
        button = page.get_by_role("button", name=name, exact=True)
        assert button.evaluate(CLICK) == f"{name} → {said}"


def test_nothing_moves(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    page.add_init_script(WATCH)
    explorer = explore(page, healthy.base)
    explorer.wait_for_visits(5)
    page.get_by_role("button", name="Pause").click()
    assert page.evaluate("window.moved") == []
    page.evaluate(MOVE)
    explorer.wait(lambda: page.evaluate("window.moved") == ["animationstart"], "what was planted")


def test_a_hidden_tab_asks_for_nothing(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    explorer = explore(page, healthy.base)
    explorer.wait_for_visits(3)
    page.evaluate(HIDE, True)
    expect(page.locator("#pace")).to_have_text("Stopped while this tab is hidden.")
    explorer.wait_for_silence()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2000)
    assert asked == []
    page.evaluate(HIDE, False)
    explorer.wait_for_visits(3)


def test_pause_and_start_over(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    explorer = explore(page, healthy.base)
    explorer.wait_for_visits(5)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#pace")).to_have_text("Paused.")
    explorer.wait_for_silence()
    count = explorer.count
    page.wait_for_timeout(1500)
    assert explorer.count == count
    page.get_by_role("button", name="Start over").click()
    expect(page.locator("#count")).to_have_text("0")
    assert page.locator("#grid button").count() == 0
    assert explorer.seen == []
    page.get_by_role("button", name="Go on").click()
    explorer.require_calm(3)


def test_slow_answers_halve_the_pace(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    explorer = explore(page, healthy.base)
    expect(page.locator("#pace")).to_contain_text("at most 4 pages a second")

    def slow(route: Any) -> None:
        page.wait_for_timeout(1100)
        route.continue_()

    page.route("**/about/", slow)
    expect(page.locator("#pace")).to_contain_text("at most 2 pages a second")
    page.unroute("**/about/")
    assert "wrong" not in explorer.states


def test_a_command_is_copied(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy, permissions=["clipboard-read", "clipboard-write"])
    page.add_init_script(LISTEN)
    explorer = explore(page, healthy.base)
    explorer.wait_for_visits(1)  # by which the page guesses who has started the stack
    page.get_by_role("radio", name="docker compose").check()
    # No click: it would close a step that has come to its turn meanwhile.
    page.locator("#steps details").nth(1).evaluate("step => { step.open = true; }")
    command = "STATICFILES_STRATEGY=shared docker compose up -d"
    page.get_by_role("button", name=f"Copy {command}").click()
    heard = "text => told.some(([, each]) => each === text)"
    page.wait_for_function(heard, arg=f"Copied: {command}")
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_the_commands_are_those_of_who_started_the_stack(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    explorer = explore(page, healthy.base)
    explorer.wait_for_visits(1)
    expect(page.get_by_role("radio", name="make")).to_be_checked()  # replicas named web-v1-1
    expect(page.locator("#steps")).to_contain_text("make explore STRATEGY=shared")


def test_a_script_that_gets_into_the_page_does_not_run(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    answer = page.goto(f"{skewed.base}lab/")
    assert answer is not None
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.injected = true";
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.injected") is None


def test_what_visitors_get_runs_no_script_and_takes_no_focus(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    explorer = explore(page, skewed.base)
    explorer.wait(lambda: page.locator("#frames iframe").count() > 0, "the broken page")
    for frame in page.locator("#frames iframe").all():
        assert frame.get_attribute("sandbox") == "allow-same-origin"
        assert frame.evaluate("(frame) => frame.inert && frame.tabIndex === -1")
        inside = frame.element_handle().content_frame()
        assert inside is not None
        assert inside.evaluate("document.scripts.length") == 0
