"""Chromium, and the stacks that it visits, on the embedded engine.

The tests of this folder run one after another, so that all of them can share these: while
Playwright runs, its event loop is that of this thread, and tests of other folders need their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect, sync_playwright
from tests.browser.visit import LOST
from tests.engine.stacks import build, running
from tests.machine import lacks

from lab.camera import DISTURBED, launch_chromium
from lab.stacks.stack import Stack

# The head of the report says what is left out, and LAB_REQUIRE=chromium,embedded allows neither.
collect_ignore_glob = ["test_*.py"] if lacks("chromium") or lacks("embedded") else []

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
RELEASES = ("v1", "v2")
MILLISECONDS = 60_000  # generous: the machine may be busy

Open = Callable[..., Page]


class DisturbedError(Exception):
    """A test failed whose browser was disturbed by the machine: that says nothing of the page."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures", metavar="DIR", type=Path, help="keep the README's pictures in this folder"
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.flaky(reruns=3, only_rerun=DisturbedError.__name__))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Have a test run again if it failed while containers came and went (lab.camera.DISTURBED)."""
    item.stash[LOST] = []
    try:
        return (yield)
    except Exception as error:
        lost = item.stash[LOST]
        if DISTURBED in str(error) or lost:
            raise DisturbedError(f"{error}; {DISTURBED} for {lost[:3]}") from error
        raise


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=MILLISECONDS)
        browser = launch_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Give a page of a new visitor to a stack, who may be pinned to a release."""
    contexts = []

    def failed(lost: Request) -> None:
        if lost.failure == DISTURBED:
            request.node.stash[LOST].append(lost.url)

    def arrive(stack: Stack, release: str | None = None, **options: Any) -> Page:
        context = chromium.new_context(base_url=stack.base, **{"viewport": DESKTOP, **options})
        context.set_default_timeout(MILLISECONDS)
        context.on("requestfailed", failed)
        contexts.append(context)
        if release:
            context.add_cookies([{"name": "release", "value": release, "url": stack.base}])
        return context.new_page()

    yield arrive
    for context in contexts:
        context.close()


@pytest.fixture(scope="package")
def healthy() -> Iterator[Stack]:
    """Both releases side by side, each with its own manifest."""
    weights = {"v1": 50, "v2": 50}
    with running(build("embedded"), "browser-healthy", weights, replicas=1) as stack:
        yield stack


@pytest.fixture(scope="package")
def skewed() -> Iterator[Stack]:
    """Release v1 under the shared manifest, with workers that started after the publish of v2."""
    engine = build("embedded")
    with running(engine, "browser-skewed", {"v1": 100}, strategy="shared", replicas=1) as stack:
        publish = stack.publish("v2")
        assert publish.exit_code == 0, publish.log
        for replica in stack.replicas("v1"):
            stack.recycle(replica)
        yield stack


@pytest.fixture(scope="package")
def pages(healthy: Stack) -> tuple[str, ...]:
    """The paths of every page of the shop, and the admin's door."""
    sitemap = requests.get(f"{healthy.base}sitemap.xml", timeout=30)
    tree = ElementTree.fromstring(sitemap.content)  # noqa: S314 - our own
    urls = [str(element.text) for element in tree.iter() if element.tag.endswith("}loc")]
    paths = [f"/{url.removeprefix(healthy.base)}" for url in urls]
    assert {"/", "/about/", "/cart/", "/catalogue/", "/workshop/"} < set(paths)
    return (*paths, "/admin/login/")


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Each release in turn."""
    return str(request.param)
