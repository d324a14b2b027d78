"""What goes wrong is reported: each fault is planted between the gateway and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.browser.visit import visiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Route
    from tests.browser.conftest import Open

    from lab.stacks.stack import Stack

    Fault = Callable[[Route], None]


def missing(route: Route) -> None:
    route.fulfill(status=404, body="no such asset")


def refused(route: Route) -> None:
    route.abort("connectionrefused")


def with_body(body: str, kind: str) -> Fault:
    """Answer 200, with something else than what belongs there."""
    headers = {"Access-Control-Allow-Origin": "*"}
    return lambda route: route.fulfill(status=200, content_type=kind, body=body, headers=headers)


FAULTS: dict[str, tuple[str, Fault, str]] = {
    "an image is missing": ("**/hero-*.webp", missing, "answered 404: {}img/hero-"),
    "an image is no image": (
        "**/hero-*.webp",
        with_body("<p>sorry</p>", "image/webp"),
        "image is not shown: {}img/hero-",
    ),
    "a stylesheet is refused": ("**/site.*.css", refused, "request failed: {}css/site."),
    "a stylesheet is no CSS": (
        "**/site.*.css",
        with_body("<p>sorry</p>", "text/css"),
        "The stylesheet of this page did not load.",
    ),
    "an imported stylesheet is missing": (
        "**/tokens.*.css",
        missing,
        "answered 404: {}css/tokens.",
    ),
    "a font is broken": (
        "**/karla-*.woff2",
        with_body("none", "font/woff2"),
        "font is not usable: Karla",
    ),
    "a module is missing": ("**/cart.*.js", missing, "answered 404: {}js/cart."),
    "a module lacks what another imports": (
        "**/money.*.js",
        with_body("export const pounds = 1;", "text/javascript"),
        "page error: ",
    ),
    "a script complains": (
        "**/money.*.js",
        with_body("console.error('no money'); export const euros = String;", "text/javascript"),
        "console error: no money",
    ),
    "a sprite lacks its icons": (
        "**/sprite.*.svg",
        with_body('<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        "icon is not drawn: {}icons/sprite.",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_visit_reports(healthy: Stack, visitor: Open, fault: str) -> None:
    where, plant, expected = FAULTS[fault]
    page = visitor(healthy, "v1")
    page.route(where, plant)
    with visiting(page) as visit:
        visit.open("/")
    words = expected.format(f"{healthy.base}static/")
    assert any(problem.startswith(words) for problem in visit.problems), visit.problems


def test_a_module_that_is_gone_when_it_is_wanted_is_reported_and_said_on_the_page(
    healthy: Stack, visitor: Open, release: str
) -> None:
    """The open tab without the promise: what a rollout that deletes would show."""
    page = visitor(healthy, release)
    page.route("**/viewer.*.js", missing)
    with visiting(page) as visit:
        visit.open("/workshop/")
        assert visit.problems == []
        page.get_by_role("button", name="Sit down at the wheel").click()
        expect(page.get_by_text("The wheel did not arrive")).to_be_visible()
        visit.look()
    asset = healthy.record(release)["paths"]["js/viewer.js"]
    assert f"answered 404: {healthy.base}static/{asset}" in visit.problems
