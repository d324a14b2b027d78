"""What a stylesheet names: `url()`, `@import`, `image-set()` and its source map, by tinycss2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tinycss2  # type: ignore[import-untyped] # it has no types

from lab.probe.links import HeavyError, Link, has_more, resolve_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SOURCE_MAP = re.compile(r"[#@]\s*\Z")
TOKEN = re.compile(r"[\w-]+|\s+|[^\w\s-]")
TOKENS = 300_000
"""Tokens of a stylesheet that are read: tinycss2 takes some 280 bytes for each."""
LOADING = ("url", "src", "image-set", "-webkit-image-set")
"""The functions whose strings are URLs."""

Node = Any
"""A node of tinycss2, which has no types of its own."""


def read_stylesheet(text: str, base: str) -> list[Link]:
    """Return what a stylesheet names, resolved against its own URL."""
    require_light(text)
    named: list[tuple[str, str]] = []
    imports_allowed = True
    for rule in tinycss2.parse_stylesheet(text, skip_whitespace=True):
        if rule.type == "comment":
            named += [(url, "source-map") for url in find_source_map(rule.value)]
        elif rule.type == "at-rule" and rule.lower_at_keyword == "import":
            named += [(url, "css-import") for url in read_import(rule) if imports_allowed]
        else:
            imports_allowed = imports_allowed and may_precede_imports(rule)
            named += [
                (url, "css-url") for url in iterate_urls(getattr(rule, "content", None) or [])
            ]
    return resolve_all(named, base)


def read_declarations(text: str, base: str) -> list[Link]:
    """Return what the declarations of a `style` attribute, or one CSS value, name."""
    require_light(text)
    values = tinycss2.parse_component_value_list(text)
    return resolve_all([(url, "css-url") for url in iterate_urls(values)], base)


def require_light(text: str) -> None:
    """See that a stylesheet is not too much to be read.

    Raises:
        HeavyError: it is.
    """
    if has_more(TOKEN, text, TOKENS):
        raise HeavyError(f"is a stylesheet of more than {TOKENS:,} tokens")


def find_source_map(comment: str) -> list[str]:
    """Return the URL of the source map that ends a comment, if one does."""
    before, mark, after = comment.rpartition("sourceMappingURL=")
    words = after.split() if mark and SOURCE_MAP.search(before[-9:]) else []
    return words if len(words) == 1 and not after[:1].isspace() else []


def resolve_all(named: Iterable[tuple[str, str]], base: str) -> list[Link]:
    """Return the links of what a stylesheet names, without what is no URL."""
    resolved = ((resolve_url(base, value), how) for value, how in named)
    return [Link(url, how) for url, how in resolved if url]


def may_precede_imports(rule: Node) -> bool:
    """Say whether an `@import` still counts after this rule: browsers ignore later ones.

    https://drafts.csswg.org/css-cascade-5/#at-import
    """
    if rule.type == "error":
        return True
    return rule.type == "at-rule" and (
        rule.lower_at_keyword == "charset"
        or (rule.lower_at_keyword == "layer" and rule.content is None)
    )


def read_import(rule: Node) -> list[str]:
    """Return the URL of an `@import`, in either form."""
    first = next(
        (node for node in rule.prelude if node.type not in ("whitespace", "comment")), None
    )
    if first is not None and first.type == "string":
        return [first.value]
    return list(iterate_urls([first] if first is not None else []))


def iterate_urls(nodes: Iterable[Node]) -> Iterator[str]:
    """Yield the URLs among component values, in nested blocks and functions too.

    A loop, not recursion: a page may nest its braces as deeply as it likes.
    """
    stack = [(node, False) for node in list(nodes)[::-1]]
    while stack:
        node, strings_are_urls = stack.pop()
        if node.type == "url" or (node.type == "string" and strings_are_urls):
            yield node.value
        elif node.type == "function":
            loads = node.lower_name in LOADING
            stack += [(argument, loads) for argument in node.arguments[::-1]]
        elif node.type.endswith(" block"):
            stack += [(child, False) for child in node.content[::-1]]
