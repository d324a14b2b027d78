"""Import maps: what a bare module specifier means on a page.

https://html.spec.whatwg.org/multipage/webappapis.html#import-maps
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.probe.links import Import, Link, resolve_url

if TYPE_CHECKING:
    from collections.abc import Mapping

Specifiers = dict[str, str | None]
"""Specifier, or prefix that ends in a slash, to URL; None where the map forbids it."""


@dataclass(frozen=True, slots=True)
class ImportMap:
    """The import map of a page, its URLs resolved; `scopes` longest prefix first."""

    imports: Specifiers = field(default_factory=dict)
    scopes: tuple[tuple[str, Specifiers], ...] = ()

    def resolve(self, wanted: Import) -> str | None:
        """Return the URL of a module, or None where a browser would find none."""
        as_url = _resolve_url_like(wanted.specifier, wanted.base)
        key = as_url or wanted.specifier
        for prefix, specifiers in self.scopes:
            if prefix == wanted.base or (prefix.endswith("/") and wanted.base.startswith(prefix)):
                found, url = _look_up(specifiers, key)
                if found:
                    return url
        found, url = _look_up(self.imports, key)
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
        return ImportMap(other.imports | self.imports, _sort_scopes(scopes))


def parse_import_map(text: str, base: str) -> ImportMap:
    """Return the import map of a script element; an empty one for what is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ImportMap()
    if not isinstance(document, dict):
        return ImportMap()
    scopes = {
        url: _read_specifiers(table, base)
        for prefix, table in _items(document.get("scopes"))
        if (url := resolve_url(base, prefix))
    }
    return ImportMap(_read_specifiers(document.get("imports"), base), _sort_scopes(scopes))


def _sort_scopes(scopes: Mapping[str, Specifiers]) -> tuple[tuple[str, Specifiers], ...]:
    return tuple(sorted(scopes.items(), reverse=True))


def _items(table: object) -> list[tuple[str, Any]]:
    return list(table.items()) if isinstance(table, dict) else []


def _read_specifiers(table: object, base: str) -> Specifiers:
    read: Specifiers = {}
    for key, value in _items(table):
        url = _resolve_url_like(value, base) if isinstance(value, str) else None
        read[_resolve_url_like(key, base) or key] = url
    read.pop("", None)
    return read


def _resolve_url_like(specifier: str, base: str) -> str | None:
    """Return the URL of a specifier that is one: relative with a dot or slash, or absolute."""
    if specifier.startswith(("/", "./", "../")) or re.match(r"https?:", specifier):
        return resolve_url(base, specifier)
    return None


def _look_up(specifiers: Specifiers, key: str) -> tuple[bool, str | None]:
    """Return whether a table has an entry for a specifier, and its URL: longest prefix wins."""
    if key in specifiers:
        return True, specifiers[key]
    prefixes = [name for name in specifiers if name.endswith("/") and key.startswith(name)]
    if not prefixes:
        return False, None
    prefix = max(prefixes, key=len)
    base = specifiers[prefix]
    return True, resolve_url(base, key.removeprefix(prefix)) if base else None
