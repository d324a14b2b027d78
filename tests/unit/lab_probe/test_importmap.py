from __future__ import annotations

import pytest

from lab.probe.javascript import ImportMap, parse_import_map
from lab.probe.links import Import, Link

PAGE = "http://shop.test/products/1/"
SCRIPT = "http://shop.test/static/js/app.js"
MAP = """{
  "imports": {
    "shop/cart": "/static/js/cart.1.js",
    "lib/": "/static/lib/",
    "lib/special/": "/static/special/",
    "lib/special/one.js": "/static/one.js",
    "gone": null,
    "bare-target": "not-a-url",
    "./local.js": "/static/js/local.1.js",
    "/static/js/util.js": "/static/js/util.9.js"
  },
  "scopes": {
    "/static/admin/": {"shop/cart": "/static/admin/cart.js"},
    "/static/": {"scoped": "/static/scoped.js"}
  }
}"""


def resolve(specifier: str, base: str = SCRIPT) -> str | None:
    return parse_import_map(MAP, PAGE).resolve(Import(specifier, "js-import", base))


@pytest.mark.parametrize(
    ("specifier", "path"),
    [
        ("shop/cart", "/static/js/cart.1.js"),
        ("lib/a.js", "/static/lib/a.js"),
        ("lib/special/two.js", "/static/special/two.js"),
        ("lib/special/one.js", "/static/one.js"),
        ("./util.js", "/static/js/util.9.js"),
        ("../js/util.js", "/static/js/util.9.js"),
        ("./other.js", "/static/js/other.js"),
        ("/x.js", "/x.js"),
        ("scoped", "/static/scoped.js"),
    ],
)
def test_a_specifier_means_what_the_map_says(specifier: str, path: str) -> None:
    assert resolve(specifier) == f"http://shop.test{path}"


@pytest.mark.parametrize(
    "specifier", ["gone", "unknown", "bare-target", "libX", "node:fs", "data:text/javascript,0"]
)
def test_a_specifier_that_the_map_does_not_give_means_nothing(specifier: str) -> None:
    assert resolve(specifier) is None


def test_the_longest_scope_of_the_importing_script_counts() -> None:
    assert (
        resolve("shop/cart", "http://shop.test/static/admin/a.js")
        == "http://shop.test/static/admin/cart.js"
    )
    assert resolve("scoped", "http://shop.test/other.js") is None


def test_a_relative_key_is_relative_to_the_page() -> None:
    assert resolve("./local.js", PAGE) == "http://shop.test/static/js/local.1.js"
    assert resolve("./local.js", SCRIPT) == "http://shop.test/static/js/local.js"


def test_the_modules_of_a_map_are_assets_and_its_prefixes_are_not() -> None:
    named = {
        link.url.removeprefix("http://shop.test") for link in parse_import_map(MAP, PAGE).links()
    }
    assert named == {
        "/static/js/cart.1.js",
        "/static/one.js",
        "/static/js/local.1.js",
        "/static/js/util.9.js",
        "/static/admin/cart.js",
        "/static/scoped.js",
    }


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"imports": []}', '{"scopes": {"x": 1}}', "[" * 50_000]
)
def test_what_is_no_import_map_is_an_empty_one(text: str) -> None:
    assert parse_import_map(text, PAGE).links() == []


def test_of_two_maps_the_earlier_one_counts() -> None:
    first = parse_import_map(
        '{"imports": {"a": "/1.js"}, "scopes": {"/s/": {"x": "/x1.js"}}}', PAGE
    )
    second = parse_import_map(
        '{"imports": {"a": "/2.js", "b": "/b.js"},'
        ' "scopes": {"/s/": {"x": "/x2.js", "y": "/y.js"}}}',
        PAGE,
    )
    merged = first.merge(second)
    assert merged.imports == {"a": "http://shop.test/1.js", "b": "http://shop.test/b.js"}
    assert dict(merged.scopes) == {
        "http://shop.test/s/": {"x": "http://shop.test/x1.js", "y": "http://shop.test/y.js"}
    }
    assert ImportMap().merge(first).links()[0] == Link("http://shop.test/1.js", "import-map")
