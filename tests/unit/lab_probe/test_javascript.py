from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.probe.javascript import read_script

BASE = "http://shop.test/static/js/app.js"


def imports(text: str) -> list[tuple[str, str]]:
    return [(item.specifier, item.how) for item in read_script(text, BASE)[1]]


def links(text: str) -> list[tuple[str, str]]:
    found, _imports = read_script(text, BASE)
    return [(link.url.removeprefix("http://shop.test/static/"), link.how) for link in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('import "./a.js"', [("./a.js", "js-import")]),
        ("import a, { b as c } from 'shop/cart';", [("shop/cart", "js-import")]),
        ("import * as ns from'./a.js'", [("./a.js", "js-import")]),
        ("import{x}from'm';export*from'n'", [("m", "js-import"), ("n", "js-import")]),
        ("export { a } from './a.js'", [("./a.js", "js-import")]),
        ("export * as all from './a.js'", [("./a.js", "js-import")]),
        ("import d from './d.json' with { type: 'json' }", [("./d.json", "js-import")]),
        ("addEventListener('click', () => import('shop/viewer'))", [("shop/viewer", "js-dynamic")]),
        ("await import(`./a.js`)", [("./a.js", "js-dynamic")]),
        ("import(/* webpackChunkName: \"import('no')\" */ './a.js')", [("./a.js", "js-dynamic")]),
        ("import('./a.js', { with: { type: 'json' } })", [("./a.js", "js-dynamic")]),
        ("x = `${await import('./inside.js')}`", [("./inside.js", "js-dynamic")]),
        (r"import './\x61\u002e\u{6a}s'", [("./a.js", "js-import")]),
        ("import './caf\u00e9.js'", [("./caf\u00e9.js", "js-import")]),
        (
            "import './a.js'\nconst broken = ;;; {\nimport('./b.js')",
            [("./a.js", "js-import"), ("./b.js", "js-dynamic")],
        ),
    ],
)
def test_a_script_imports_what_an_engine_would_load(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert imports(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "const s = \"import './no.js'\"",
        "const s = 'import(\"./no.js\")'",
        "// import './no.js'",
        "/* import './no.js' */",
        "const t = `import './no.js'; import('./no.js')`",
        "const r = /import('no')/",
        "thing.import('./no.js')",
        "import.meta.resolve('./no.js')",
        "import(name)",
        "import(`./${name}.js`)",
        "import(a ? './no.js' : './no2.js')",
        "import('./no' + '.js')",
        "const o = { import: './no.js', from: './no.js' }",
        "function from(x) { return x } from('./no.js')",
        "<!-- import './no.js'",
        "el = <p>import './no.js'</p>",
        "import()",
        "import ''",
    ],
)
def test_a_script_imports_nothing_that_only_looks_like_it(text: str) -> None:
    assert imports(text) == []


def test_urls_relative_to_the_module_are_named() -> None:
    text = (
        "new Worker(new URL('./worker.js', import.meta.url));"
        "new URL(/* a */ `../img/a.png`, import . meta . url)"
    )
    assert links(text) == [("js/worker.js", "js-url"), ("img/a.png", "js-url")]


@pytest.mark.parametrize(
    "text",
    [
        "new URL('no.js', location.href)",
        "new URL('no.js')",
        "new URL(name, import.meta.url)",
        "new Url('no.js', import.meta.url)",
        "URL('no.js', import.meta.url)",
        "'new URL(\"no.js\", import.meta.url)'",
    ],
)
def test_other_urls_are_not_named(text: str) -> None:
    assert links(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a()\n//# sourceMappingURL=app.js.map", [("js/app.js.map", "source-map")]),
        ("a()\n//@ sourceMappingURL=app.js.map\n", [("js/app.js.map", "source-map")]),
        (
            "//# sourceMappingURL=first.map\n//# sourceMappingURL=last.map",
            [("js/last.map", "source-map")],
        ),
        ("//# sourceMappingURL=data:application/json;base64,AA", []),
        ("s = '//# sourceMappingURL=no.map'", []),
        ("t = `\n//# sourceMappingURL=no.map\n`", []),
        ("// see sourceMappingURL=no.map", []),
    ],
)
def test_the_last_source_map_comment_counts(text: str, expected: list[tuple[str, str]]) -> None:
    assert links(text) == expected


@given(st.text(st.sampled_from("import from'\"`(){};./*\n ab\\u{}$<"), max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_script(text, BASE)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40))
def test_nothing_inside_a_string_is_an_import(text: str) -> None:
    escaped = "".join(f"\\u{{{ord(character):x}}}" for character in text)
    assert imports(f"x = \"import './a.js'; {escaped}\"") == []
    if text:
        assert imports(f'import("{escaped}")') == [(text, "js-dynamic")]
