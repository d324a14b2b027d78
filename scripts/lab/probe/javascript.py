"""What a script names: imports, `new URL(…, import.meta.url)` and its source map, by tree-sitter.

What only looks like an import, in a string, a comment, a template or a pattern, is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import tree_sitter_javascript
from tree_sitter import Language, Parser, Query, QueryCursor

from lab.probe.links import Import, Link, resolve_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_LANGUAGE = Language(tree_sitter_javascript.language())
_QUERY = Query(
    _LANGUAGE,
    """
    (import_statement source: (string) @import)
    (export_statement source: (string) @import)
    (call_expression function: (import) arguments: (arguments) @dynamic)
    (new_expression constructor: (identifier) @name arguments: (arguments) @url
        (#eq? @name "URL"))
    (comment) @comment
    """,
)
_SOURCE_MAP = re.compile(r"//[#@]\s*sourceMappingURL=(\S+)\s*\Z")
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL
)
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def read_script(text: str, base: str) -> tuple[list[Link], list[Import]]:
    """Return what a script names by URL and what it imports.

    An import is `js-import` when it is static, `js-dynamic` when it is a call: a classic script can
    only do the latter.
    """
    found = QueryCursor(_QUERY).captures(
        Parser(_LANGUAGE).parse(text.encode("utf-8", "replace")).root_node
    )
    imports = [
        Import(specifier, "js-import", base)
        for node in _in_order(found.get("import", []))
        if (specifier := _literal(node))
    ]
    imports += [
        Import(specifier, "js-dynamic", base)
        for node in _in_order(found.get("dynamic", []))
        if (specifier := _literal(_first_argument(node)))
    ]
    named = [(value, "js-url") for value in _module_urls(found.get("url", []))]
    named += [(value, "source-map") for value in _source_maps(found.get("comment", []))]
    resolved = [(resolve_url(base, value), how) for value, how in named]
    return [Link(url, how) for url, how in resolved if url], imports


def _in_order(nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: node.start_byte)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _arguments(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type != "comment"]


def _first_argument(node: Node) -> Node | None:
    return next(iter(_arguments(node)), None)


def _module_urls(nodes: list[Node]) -> Iterator[str]:
    """Yield the first arguments of `new URL(…)` whose second is `import.meta.url`."""
    for node in _in_order(nodes):
        arguments = _arguments(node)
        second = re.sub(r"\s", "", _text(arguments[1])) if len(arguments) == 2 else ""
        value = _literal(arguments[0]) if second == "import.meta.url" else None
        if value:
            yield value


def _source_maps(comments: list[Node]) -> list[str]:
    """Return the URL of the last source map comment: the one that counts (ECMA-426)."""
    texts = [_text(node) for node in _in_order(comments)]
    return [match[1] for text in texts if (match := _SOURCE_MAP.match(text))][-1:]


def _literal(node: Node | None) -> str | None:
    """Return the value of a string, or of a template without substitutions; None for the rest."""
    if node is None or node.type not in ("string", "template_string"):
        return None
    if any(child.type == "template_substitution" for child in node.named_children):
        return None
    return _ESCAPE.sub(_unescape, _text(node)[1:-1])


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        number = int(code, 16)
        return chr(number) if number <= 0x10FFFF else ""
    character = match[4]
    return (
        ""
        if character in ("\n", "\r\n", "\u2028", "\u2029")
        else _CONTROL.get(character, character)
    )
