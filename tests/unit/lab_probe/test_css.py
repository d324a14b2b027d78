from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.probe.css import read_declarations, read_stylesheet
from lab.probe.links import Link, resolve_url

BASE = "http://shop.test/static/css/site.css"


def urls(text: str) -> list[tuple[str, str]]:
    """Return what a stylesheet names, short: (path below /static/, how)."""
    return [
        (link.url.removeprefix("http://shop.test/static/"), link.how)
        for link in read_stylesheet(text, BASE)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('@import "base.css";', [("css/base.css", "css-import")]),
        ("@import url(base.css) screen;", [("css/base.css", "css-import")]),
        (
            "@import url('base.css') layer(x) supports(display: grid) print;",
            [("css/base.css", "css-import")],
        ),
        ("@IMPORT /* why */ 'base.css';", [("css/base.css", "css-import")]),
        ("@charset 'utf-8'; @layer a, b; @import 'base.css';", [("css/base.css", "css-import")]),
        ("a { background: url(../img/a.png) }", [("img/a.png", "css-url")]),
        ("a { background: URL( '../img/a.png' ) }", [("img/a.png", "css-url")]),
        (r"a { background: url(../img/a\ b.png) }", [("img/a%20b.png", "css-url")]),
        (
            "@font-face { src: url(f.eot?#iefix) format('eot'), url(f.woff2) }",
            [("css/f.eot", "css-url"), ("css/f.woff2", "css-url")],
        ),
        (
            "a { background: image-set('1.png' 1x, url(2.png) 2x, '3.avif' type('image/avif')) }",
            [("css/1.png", "css-url"), ("css/2.png", "css-url"), ("css/3.avif", "css-url")],
        ),
        (
            "@media print { @supports (display: grid) { a { & b { mask: url(deep.svg#x) } } } }",
            [("css/deep.svg", "css-url")],
        ),
        ("a { --picture: url(later.png) }", [("css/later.png", "css-url")]),
        ("a {} /*# sourceMappingURL=site.css.map */", [("css/site.css.map", "source-map")]),
    ],
)
def test_a_stylesheet_names_what_a_browser_would_load(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert urls(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a { content: 'url(no.png)' }",
        "/* @import 'no.css'; url(no.png) */",
        "a { background: url(data:image/png;base64,AAAA) }",
        "a { filter: url(#blur) }",
        "a { background: url() } b { background: url('') }",
        "@namespace svg url(http://www.w3.org/2000/svg);",
        "a {} @import 'too-late.css';",
        "@supports (background: url(no.png)) { a { color: red } }",
        "a { background: url(bad url.png) }",
        "a { src: local('url(no.woff)') format('x') }",
        "a { content: '/*# sourceMappingURL=no.map */' }",
    ],
)
def test_a_stylesheet_names_nothing_that_only_looks_like_it(text: str) -> None:
    assert urls(text) == []


@pytest.mark.parametrize("text", ["a{" * 20_000, "(" * 20_000, "@import", "@import ;", "url(", "}"])
def test_broken_css_is_read_without_an_error(text: str) -> None:
    read_stylesheet(text, BASE)


def test_a_style_attribute_names_its_pictures() -> None:
    assert read_declarations("color: red; background: url(/static/a.png)", BASE) == [
        Link("http://shop.test/static/a.png", "css-url")
    ]


def quote(value: str) -> str:
    """Return a CSS string for any text, every character escaped."""
    return '"' + "".join(f"\\{ord(character):x} " for character in value) + '"'


paths = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30
)


@given(
    path=paths, form=st.sampled_from(["url(%s)", "image-set(%s 1x)", "foo(url(%s))", "{a:url(%s)}"])
)
def test_any_url_in_any_place_is_found_and_nothing_else(path: str, form: str) -> None:
    expected = resolve_url(BASE, path)
    found = read_stylesheet(f"a {{ background: {form % quote(path)} }}", BASE)
    assert [link.url for link in found] == ([expected] if expected else [])


@given(text=st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    for link in read_stylesheet(text, BASE):
        assert link.url.startswith(("http://", "https://"))
