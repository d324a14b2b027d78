"""What a script names, and what a page's import map makes of it.

A script names modules by imports, files by `new URL(…, import.meta.url)`, and its source map.
tree-sitter reads it, so that what only looks like an import, in a string, a comment, a template or
a pattern, is none. An import map says what a bare module specifier means on a page:
https://html.spec.whatwg.org/multipage/webappapis.html#import-maps
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tree_sitter_javascript
from tree_sitter import Language, Parser

from lab.probe.links import HeavyError, Import, Link, has_more, resolve_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tree_sitter import Node, Tree


LANGUAGE = Language(tree_sitter_javascript.language())
SOURCE_MAP = re.compile(r"//[#@]\s*sourceMappingURL=(\S+)\s*\Z")
TOKEN = re.compile(r"\w+|[^\w\s]")
TOKENS, SECONDS = 400_000, 3.0
"""Tokens of a script that are read, at some 200 bytes each, and how long that may take: of deeply
nested brackets the time grows by the square."""
BLOCK = 1 << 16
WORDS = re.compile("import|export|sourceMappingURL")
"""A script without any of these names nothing."""
ENTRIES = 1_000
"""Entries of an import map that are read."""
ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL
)
CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def read_script(text: str, base: str) -> tuple[list[Link], list[Import]]:
    """Return what a script names by URL and what it imports.

    An import is `js-import` when it is static, `js-dynamic` when it is a call: a classic script can
    only do the latter.
    """
    if not WORDS.search(text):
        return [], []
    source = text.encode("utf-8", "replace")
    found = find_nodes(source, text)
    imports = [
        Import(specifier, "js-import", base)
        for node in found.get("import", [])
        if (specifier := read_literal(node, source))
    ]
    imports += [
        Import(specifier, "js-dynamic", base)
        for node in found.get("dynamic", [])
        if (specifier := read_literal(find_first_argument(node), source))
    ]
    named = [(value, "js-url") for value in iterate_module_urls(found.get("url", []), source)]
    named += [(value, "source-map") for value in find_source_maps(found.get("comment", []), source)]
    resolved = [(resolve_url(base, value), how) for value, how in named]
    return [Link(url, how) for url, how in resolved if url], imports


def find_nodes(source: bytes, text: str) -> dict[str, list[Node]]:
    """Return the nodes that name something, in the order of the text.

    Raises:
        HeavyError: the script is too much to be read.
    """
    if has_more(TOKEN, text, TOKENS):
        raise HeavyError(f"is a script of more than {TOKENS:,} tokens")
    end = time.thread_time() + SECONDS
    found: dict[str, list[Node]] = {}
    try:
        tree = Parser(LANGUAGE).parse(
            lambda offset, _point: source[offset : offset + BLOCK],
            progress_callback=lambda *_progress: time.thread_time() > end,
        )
    except ValueError:
        raise HeavyError(LATE) from None
    for node in walk(tree):
        if time.thread_time() > end:
            raise HeavyError(LATE)
        how, what = read_node(node, source)
        if what is not None:
            found.setdefault(how, []).append(what)
    return found


LATE = f"is a script that takes more than {SECONDS:g} s to be read"


def walk(tree: Tree) -> Iterator[Node]:
    """Yield all nodes; a query of tree-sitter takes the square of the time where many lie deep."""
    cursor = tree.walk()
    while True:
        if cursor.node is not None:
            yield cursor.node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def read_node(node: Node, source: bytes) -> tuple[str, Node | None]:
    """Return how a node names something, and the node that says what; None where it does not."""
    kind = node.type
    if kind == "comment":
        return "comment", node
    if kind in ("import_statement", "export_statement"):
        return "import", node.child_by_field_name("source")
    if kind in ("call_expression", "new_expression"):
        is_call = kind == "call_expression"
        called = node.child_by_field_name("function" if is_call else "constructor")
        if called is None or (
            called.type != "import"
            if is_call
            else source[called.start_byte : called.end_byte] != b"URL"
        ):
            return "", None
        how = "dynamic" if is_call else "url"
        return how, node.child_by_field_name("arguments")
    return "", None


def decode_node(node: Node, source: bytes) -> str:
    """Return the text of a node: to ask it for its own reads the script from the beginning."""
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def list_arguments(node: Node) -> list[Node]:
    """Return the arguments of a call, without comments."""
    return [child for child in node.named_children if child.type != "comment"]


def find_first_argument(node: Node) -> Node | None:
    """Return the first argument of a call, if it has any."""
    return next(iter(list_arguments(node)), None)


def iterate_module_urls(nodes: list[Node], source: bytes) -> Iterator[str]:
    """Yield the first arguments of `new URL(…)` whose second is `import.meta.url`."""
    for node in nodes:
        arguments = list_arguments(node)
        second = re.sub(r"\s", "", decode_node(arguments[1], source)) if len(arguments) == 2 else ""
        value = read_literal(arguments[0], source) if second == "import.meta.url" else None
        if value:
            yield value


def find_source_maps(comments: list[Node], source: bytes) -> list[str]:
    """Return the URL of the last source map comment: the one that counts (ECMA-426)."""
    texts = [decode_node(node, source) for node in comments]
    return [match[1] for text in texts if (match := SOURCE_MAP.match(text))][-1:]


def read_literal(node: Node | None, source: bytes) -> str | None:
    """Return the value of a string, or of a template without substitutions; None for the rest."""
    if node is None or node.type not in ("string", "template_string"):
        return None
    if any(child.type == "template_substitution" for child in node.named_children):
        return None
    return ESCAPE.sub(unescape, decode_node(node, source)[1:-1])


def unescape(match: re.Match[str]) -> str:
    """Return the character that an escape sequence means."""
    code = match[1] or match[2] or match[3]
    if code:
        number = int(code, 16)
        return chr(number) if number <= 0x10FFFF else ""
    character = match[4]
    return (
        "" if character in ("\n", "\r\n", "\u2028", "\u2029") else CONTROL.get(character, character)
    )


Specifiers = dict[str, str | None]
"""Specifier, or prefix that ends in a slash, to URL; None where the map forbids it."""


@dataclass(frozen=True, slots=True)
class ImportMap:
    """The import map of a page, its URLs resolved; `scopes` longest prefix first."""

    imports: Specifiers = field(default_factory=dict)
    scopes: tuple[tuple[str, Specifiers], ...] = ()

    def resolve(self, wanted: Import) -> str | None:
        """Return the URL of a module, or None where a browser would find none."""
        as_url = resolve_specifier(wanted.specifier, wanted.base)
        key = as_url or wanted.specifier
        for prefix, specifiers in self.scopes:
            if prefix == wanted.base or (prefix.endswith("/") and wanted.base.startswith(prefix)):
                found, url = look_up(specifiers, key)
                if found:
                    return url
        found, url = look_up(self.imports, key)
        return url if found else as_url

    def links(self) -> list[Link]:
        """Return the modules that the map names; a prefix names none by itself."""
        tables = [self.imports, *(specifiers for _prefix, specifiers in self.scopes)]
        urls = [
            url for table in tables for key, url in table.items() if url and not key.endswith("/")
        ]
        return [Link(url, "import-map") for url in dict.fromkeys(urls)]

    def merge(self, other: ImportMap) -> ImportMap:
        """Return both maps as one; where they disagree, the earlier one counts."""
        scopes = dict(other.scopes)
        for prefix, specifiers in self.scopes:
            scopes[prefix] = scopes.get(prefix, {}) | specifiers
        return ImportMap(other.imports | self.imports, sort_scopes(scopes))


def parse_import_map(text: str, base: str) -> ImportMap:
    """Return the import map of a script element; an empty one for what is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ImportMap()
    if not isinstance(document, dict):
        return ImportMap()
    tables = [document.get("imports"), *dict(list_items(document.get("scopes"))).values()]
    if sum(len(list_items(table)) + 1 for table in tables) > ENTRIES:
        raise HeavyError(f"has an import map of more than {ENTRIES:,} entries")
    scopes = {
        url: read_specifiers(table, base)
        for prefix, table in list_items(document.get("scopes"))
        if (url := resolve_url(base, prefix))
    }
    return ImportMap(read_specifiers(document.get("imports"), base), sort_scopes(scopes))


def sort_scopes(scopes: Mapping[str, Specifiers]) -> tuple[tuple[str, Specifiers], ...]:
    """Return scopes with the longest prefix first."""
    return tuple(sorted(scopes.items(), reverse=True))


def list_items(table: object) -> list[tuple[str, Any]]:
    """Return the items of an object, and none of what is no object."""
    return list(table.items()) if isinstance(table, dict) else []


def read_specifiers(table: object, base: str) -> Specifiers:
    """Return a table of an import map with its URLs resolved."""
    read: Specifiers = {}
    for key, value in list_items(table):
        url = resolve_specifier(value, base) if isinstance(value, str) else None
        read[resolve_specifier(key, base) or key] = url
    read.pop("", None)
    return read


def resolve_specifier(specifier: str, base: str) -> str | None:
    """Return the URL of a specifier that is one: relative with a dot or slash, or absolute."""
    if specifier.startswith(("/", "./", "../")) or re.match(r"https?:", specifier):
        return resolve_url(base, specifier)
    return None


def look_up(specifiers: Specifiers, key: str) -> tuple[bool, str | None]:
    """Return whether a table has an entry for a specifier, and its URL: longest prefix wins."""
    if key in specifiers:
        return True, specifiers[key]
    prefixes = [name for name in specifiers if name.endswith("/") and key.startswith(name)]
    if not prefixes:
        return False, None
    prefix = max(prefixes, key=len)
    base = specifiers[prefix]
    return True, resolve_url(base, key.removeprefix(prefix)) if base else None
