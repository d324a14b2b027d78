"""The gotcha in miniature: v1's templates, and a manifest over which v2 has collected."""

from __future__ import annotations

import html
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.shop.conftest import Site

RELEASES = Path(__file__).parents[3] / "app" / "releases"
BROKEN = {
    "/about/": "img/wood-kiln-480.jpg",
    "/cart/": "js/promo.js",
    "/products/moon-jar/": "js/zoom.js",
}
WRONG = ("/", "/catalogue/", "/workshop/", "/products/quayside-mug/", "/admin/login/")


@pytest.fixture(scope="module")
def late(serve: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A process of v1 that loads the manifest after v2 was collected into the same place."""
    folder = tmp_path_factory.mktemp("shared")
    serve("v1", folder, "--collect")
    serve("v2", folder, "--collect", RELEASE_DIR=str(checkout_of_later("v2", tmp_path_factory)))
    return serve("v1", folder)


def checkout_of_later(release: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a release whose files are newer than anything that was published so far.

    In life v2 is checked out after v1 was published. It matters: stock collectstatic skips a file
    that is not newer, by whole seconds, than what is there under the same unhashed name.
    """
    new = tmp_path_factory.mktemp("checkout") / release
    shutil.copytree(RELEASES / release, new)
    later = time.time() + 60
    for path in new.rglob("*"):
        os.utime(path, (later, later))
    return new


@pytest.mark.parametrize("path", BROKEN)
def test_a_page_of_v1_whose_file_went_is_a_500_that_names_the_file(late: Site, path: str) -> None:
    page = late.get(path)
    assert page.status_code == 500
    assert page.headers["X-Release"] == "v1"
    message = f"Missing staticfiles manifest entry for '{BROKEN[path]}'"
    assert message in page.text[:300]
    words = LexborHTMLParser(page.text)
    assert words.body
    assert message in words.body.text()
    assert "release v1" in words.body.text()
    assert "/static/" not in page.text


@pytest.mark.parametrize("path", WRONG)
def test_any_other_page_of_v1_is_a_200_that_wears_the_stylesheet_of_v2(
    late: Site, records: dict[str, dict[str, Any]], path: str
) -> None:
    page = late.get(path)
    assert page.status_code == 200
    assert page.headers["X-Release"] == "v1"
    sheet = "css/admin.css" if path.startswith("/admin/") else "css/site.css"
    mine, other = (records[release]["paths"][sheet] for release in ("v1", "v2"))
    assert f"/static/{other}" in html.unescape(page.text)
    assert mine not in page.text


def test_the_pages_that_break_are_those_that_the_readme_of_the_releases_names(late: Site) -> None:
    found = {path for path, page in late.crawl().items() if page.status_code == 500}
    assert found == set(BROKEN)
