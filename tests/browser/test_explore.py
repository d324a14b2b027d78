"""The explore page on real stacks: calm where all is well, red and amber where it is not."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import expect
from tests.browser.explorejudge import EXPLORE
from tests.browser.explorepage import explore
from tests.browser.test_skew import BANNER
from tests.engine.stacks import ON_FIRST, build, running

from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request, Route
    from tests.browser.conftest import Open
    from tests.browser.explorepage import Explorer

    from lab.stacks.stack import Stack

pytestmark = pytest.mark.timeout(1800)  # on Compose, the first to come waits for the images
SOON = 45
"""Visits within which both kinds of trouble are seen: three walks over the shop. On a machine that
has nothing else to do, a walk takes four seconds."""
HASTE = 10.0
"""Seconds that are given to what must not happen."""
BOTH = {"v1": 50, "v2": 50}
NO_CONSOLE: list[str] = []


def publish(stack: Stack, release: str) -> None:
    done = stack.publish(release)
    assert done.exit_code == 0, done.log


def recycle(stack: Stack, release: str) -> None:
    for replica in stack.replicas(release):
        stack.recycle(replica)


def site_css(stack: Stack, release: str) -> str:
    name: str = stack.record(release)["paths"]["css/site.css"]
    return name


def banner_of(explorer: Explorer, index: int) -> str:
    """What a stylesheet puts before the page in a frame."""
    frame = explorer.page.locator("#frames iframe").nth(index).element_handle().content_frame()
    assert frame is not None
    shown: dict[str, Any] = frame.evaluate(BANNER)
    return str(shown["content"])


def test_a_healthy_stack_is_calm(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    explorer = explore(page, healthy.base)
    explorer.require_calm()
    expect(page.locator("#shares")).to_contain_text("v1")
    expect(page.locator("#shares")).to_contain_text("v2")
    assert {"Release v1 answers", "Release v2 answers"} <= set(explorer.marks)
    assert explorer.verdicts == dict.fromkeys(explorer.verdicts, "PASS")
    assert len(explorer.verdicts) == 7
    explorer.wait_for_steps([1])
    rows = page.locator("#replicas tbody tr").all_inner_texts()
    assert [row.split()[1] for row in rows] == ["v1", "v2"]
    assert all(row.split()[2].isdigit() for row in rows)
    assert page.locator("#frames").is_hidden()
    assert explorer.complaints == NO_CONSOLE


def lose(page: Page, part: str, times: float) -> list[str]:
    """Have a browser lose a part of the page so many times; return what was asked for so far."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) <= times:
            route.abort("internetdisconnected")
        else:
            route.continue_()

    page.route(f"**/lab/{part}", answer)
    return asked


@pytest.mark.parametrize("part", ["grid.js", "explore.css", "main.js", "charts/uPlot.iife.min.js"])
def test_a_part_that_is_lost_on_the_way_is_asked_for_again(
    healthy: Stack, visitor: Open, part: str
) -> None:
    page = visitor(healthy)
    asked = lose(page, part, 2)
    explore(page, healthy.base).require_calm(5)
    assert len(asked) == 3
    assert page.evaluate("sessionStorage.length") == 0


def test_a_part_that_is_lost_every_time_is_named(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    asked = lose(page, "grid.js", float("inf"))
    explorer = explore(page, healthy.base)
    expect(page.locator("#trouble")).to_have_text(
        "This page is not complete: /lab/main.js, or what it needs, did not load, 6 times. "
        "See whether the gateway runs, then load it again."
    )
    page.wait_for_timeout(3000)
    assert len(asked) == 6
    assert explorer.count == 0
    page.unroute_all()
    page.reload()
    explorer.require_calm(5)


def assert_comes_instead(explorer: Explorer, strategy: str) -> None:
    """See that the page notices another stack on its port, and goes on."""
    explorer.wait_for_mark("Pages come again")
    explorer.wait_for_mark(f"Strategy {strategy} in the place of ")
    explorer.wait_for_visits(30)


@pytest.mark.parametrize("engine", ON_FIRST)
def test_red_and_amber_appear_within_seconds_of_a_recycle_and_end_with_the_cure(
    visitor: Open, engine: str
) -> None:
    on_port = partial(running, build(engine), "explore-cure", replicas=1, port=free_port())
    with on_port({"v1": 100}, strategy="shared") as stack:
        page = visitor(stack)
        explorer = explore(page, stack.base)
        explorer.require_calm(15)
        publish(stack, "v2")
        explorer.require_calm(8)  # those who serve have their manifest in memory
        recycle(stack, "v1")
        assert explorer.require_alarm() < SOON

        explorer.cells("wrong").last.click()
        own, other = (site_css(stack, release) for release in ("v1", "v2"))
        evidence = page.locator("#evidence")
        expect(evidence).to_contain_text(f"{other}, which v1's page /")
        expect(evidence).to_contain_text(f"it should have been v1's {own}")
        row = evidence.locator("tbody tr", has_text=other).first
        expect(row).to_contain_text("asset of its release")
        expect(row).to_contain_text(stack.record("v2")["assets"][other]["sha256"][:12])
        expect(row).to_contain_text("not v1")  # nobody has told the page of v2 so far
        explorer.wait(lambda: "is of release v1" in banner_of(explorer, 0), "the broken page")
        assert banner_of(explorer, 1) == "none"

        explorer.cells("broken").last.click()
        expect(evidence).to_contain_text("Missing staticfiles manifest entry")
        explorer.wait_for_mark("Fresh workers in ")
        explorer.wait_for_steps([2, 3, 4, 5])
        failing = {promise for promise, status in explorer.verdicts.items() if status == "FAIL"}
        # On a machine that is busy with other things a request may also time out.
        assert failing - {"nothing is refused, reset, timed out or answered 502 to 504"} == {
            "every page answers 200",
            "a page gets the assets that its own release was built with",
        }
        assert explorer.own_problems == NO_CONSOLE

    with on_port(BOTH) as stack:
        assert_comes_instead(explorer, "skewproof")
        recycle(stack, "v1")
        explorer.wait_for_steps([1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("engine", ON_FIRST)
def test_a_whole_rollout_under_skewproof_is_calm(visitor: Open, engine: str) -> None:
    with running(build(engine), "explore-rollout", {"v1": 100}, replicas=1) as stack:
        page = visitor(stack)
        explorer = explore(page, stack.base)
        explorer.require_calm(50)
        publish(stack, "v2")
        recycle(stack, "v1")
        explorer.wait_for_mark("Fresh workers in ")
        stack.add_replica("v2")
        stack.route(BOTH)
        explorer.wait_for_mark("Release v2 answers")
        explorer.wait_for_mark("The mix shifts to about v1")
        stack.route({"v2": 100})
        for replica in stack.replicas("v1"):
            stack.drain(replica)
        explorer.wait_for_mark("Release v1 answers no more")
        explorer.require_calm(10)
        assert not [mark for mark in explorer.marks if "broken" in mark or "answer " in mark]
        assert explorer.own_problems == NO_CONSOLE


@pytest.mark.thorough  # "make test" sees every step, some of them in another order
def test_the_tour_ticks_by_itself_from_two_releases_to_the_cure(visitor: Open) -> None:
    on_port = partial(running, build("embedded"), "explore-tour", replicas=1, port=free_port())
    with on_port(BOTH) as stack:
        explorer = explore(visitor(stack), stack.base)
        explorer.wait_for_steps([1])
    with on_port(BOTH, strategy="shared") as stack:
        assert_comes_instead(explorer, "shared")
        recycle(stack, "v1")
        explorer.wait_for_steps([1, 2, 3, 4, 5])
    with on_port(BOTH) as stack:
        assert_comes_instead(explorer, "skewproof")
        recycle(stack, "v1")
        explorer.wait_for_steps([1, 2, 3, 4, 5, 6])


def test_nothing_leaks_into_the_shop(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    before = healthy.inventory()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    explorer = explore(page, healthy.base)
    explorer.wait_for_visits(20)
    page.get_by_role("button", name="Only v1").click()
    explorer.wait_for_visits(10)
    page.get_by_role("button", name="Both releases side by side").click()
    expect(page.locator("#frames iframe")).to_have_count(2)
    page.get_by_role("button", name="Drop the gateway's cache").click()
    expect(page.locator("#dropped")).to_contain_text("0 not there, 0 failed")
    assert page.context.cookies() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert explorer.complaints == NO_CONSOLE
    paths = {urlsplit(request.url).path for request in asked}
    assert {request.method for request in asked} == {"GET"}
    assert {request.url.startswith(healthy.base) for request in asked} == {True}
    assert {"/", "/about/", "/sitemap.xml"} < paths
    assert healthy.inventory() == before
    # Who goes to the shop in the same browser is drawn as anybody is.
    drawn = {page.goto("/").headers["x-release"] for _ in range(20)}  # type: ignore[union-attr]
    assert drawn == {"v1", "v2"}


def test_a_pin_holds_for_the_visits_alone(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    explorer = explore(page, healthy.base)
    page.get_by_role("button", name="Only v2").click()
    explorer.wait_for_visits(2)
    page.get_by_role("button", name="Start over").click()
    explorer.wait_for_visits(15)
    tones = page.locator("#grid button").evaluate_all("all => all.map((e) => e.dataset.tone)")
    assert set(tones) == {"1"}
    page.get_by_role("button", name="As the gateway draws").click()
    explorer.wait(lambda: page.locator('#grid [data-tone="0"]').count() > 2, "pages of v1")
    assert not [mark for mark in explorer.marks if "no more" in mark or "shifts" in mark]


def test_a_store_that_does_not_answer_is_a_mark(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    css = f"**/{site_css(healthy, 'v1')}"
    explorer = explore(page, healthy.base)
    explorer.wait_for_visits(3)
    page.route(css, lambda route: route.fulfill(status=502, body="the store does not answer"))
    explorer.wait_for_mark("The store does not answer")
    explorer.wait(lambda: "broken" in explorer.states, "a broken page")
    page.unroute(css)
    explorer.wait_for_mark("The store answers again")
    explorer.wait_for_mark("Every page is whole again")


# planted faults: whoever watches the page has to notice that it is blind, dead or mistaken


def plant(page: Page, module: str, told: str, untold: str) -> None:
    """Give a page a module of the explore page in which something else stands."""
    text = (EXPLORE / module).read_text("utf-8")
    assert told in text
    body = text.replace(told, untold)
    page.route(
        f"**/lab/{module}", lambda route: route.fulfill(content_type="text/javascript", body=body)
    )


def test_a_blind_judge_is_seen(skewed: Stack, visitor: Open) -> None:
    page = visitor(skewed)
    plant(page, "judge.js", "if (!evidence) return;", "return;")
    explorer = explore(page, skewed.base)
    explorer.wait_for_visits(10)
    with pytest.raises(AssertionError, match="red and amber"):
        explorer.require_alarm(HASTE)


def test_a_dead_poll_is_seen_and_the_page_says_so(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    plant(page, "pace.js", "for (;;) {", "for (let left = 3; left; left -= 1) {")
    explorer = explore(page, healthy.base)
    explorer.wait_for_visits(3)
    with pytest.raises(AssertionError, match="visits"):
        explorer.wait(lambda: explorer.count > 3, "more visits", HASTE)
    expect(page.locator("#pace")).to_contain_text("No visit has ended for")


def test_a_stale_record_is_seen(healthy: Stack, visitor: Open) -> None:
    page = visitor(healthy)
    stale = json.dumps({**healthy.record("v2"), "release": "v1"})
    page.route("**/lab/record?release=v1", lambda route: route.fulfill(body=stale))
    explorer = explore(page, healthy.base)
    with pytest.raises(AssertionError, match="wrong"):
        explorer.require_calm()


def test_a_record_of_another_release_is_not_taken_and_asked_for_again(
    healthy: Stack, visitor: Open
) -> None:
    """As behind a gateway that cannot pin: any release may answer."""
    page = visitor(healthy)
    other = json.dumps(healthy.record("v2"))
    asked = 0

    def answer(route: Route) -> None:
        nonlocal asked
        asked += 1
        if asked <= 3:
            route.fulfill(body=other)
        else:
            route.continue_()

    page.route("**/lab/record?release=v1", answer)
    explorer = explore(page, healthy.base)
    expect(page.locator("#lacking")).to_have_text("Waiting for the record of v1.")
    explorer.wait(lambda: "unknown" in explorer.states, "a page that cannot be judged")
    assert "wrong" not in explorer.states
    expect(page.locator("#lacking")).to_have_text("")
    explorer.wait_for_visits(5)
    assert asked == 4


def test_the_record_of_the_gateway_is_that_of_the_build(healthy: Stack) -> None:
    for release in BOTH:
        answer = requests.get(f"{healthy.base}lab/record?release={release}", timeout=30)
        assert answer.json() == healthy.record(release)
