"""A page of v1 that is left open while v2 takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.browser.visit import visiting
from tests.engine.stacks import build, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import Open

    from lab.stacks.stack import Stack


@pytest.fixture
def rolling() -> Iterator[Stack]:
    """Release v1 alone, before a rollout."""
    with running(build("embedded"), "browser-tab", {"v1": 100}, replicas=1) as stack:
        yield stack


def roll_out(stack: Stack) -> None:
    """Publish v2, start it, give it the traffic, and retire v1: nothing of v1 runs afterwards."""
    publish = stack.publish("v2")
    assert publish.exit_code == 0, publish.log
    stack.add_replica("v2")
    stack.route({"v1": 50, "v2": 50})
    stack.route({"v2": 100})
    for replica in stack.replicas("v1"):
        stack.drain(replica)
    assert stack.replicas("v1") == []


def test_an_open_v1_tab_still_finds_its_module_and_its_font_after_the_rollout(
    rolling: Stack, visitor: Open
) -> None:
    page = visitor(rolling)
    with visiting(page) as visit:
        page.goto("/products/tide-bowl/")
        page.get_by_role("button", name="Into the cart").click()
        assert visit.open("/workshop/").headers["x-release"] == "v1"
        roll_out(rolling)
        assert visitor(rolling).goto("/").headers["x-release"] == "v2"  # type: ignore[union-attr]

        # The tab has not been touched: it is v1, and fetches now what v1 never fetched before.
        paths = rolling.record("v1")["paths"]
        late = {paths["js/viewer.js"], paths["fonts/note-brush.woff2"]}
        assert not late & visit.assets
        page.get_by_role("button", name="Sit down at the wheel").click()
        expect(page.locator("[data-wheel] canvas")).to_be_visible()
        page.get_by_role("button", name="Unfold it").click()
        visit.look()
        assert late <= visit.assets
        assert "Note Brush" in visit.fonts

        # Its next click leads to v2, which is whole, and knows the cart that v1 kept.
        page.get_by_role("link", name="Cart").first.click()
        expect(page.locator("body")).to_have_attribute("data-release", "v2")
        expect(page.get_by_role("link", name="Tide bowl")).to_be_visible()
        visit.look()
        assert visit.problems == []
