"""What a page names: all that a browser may load, and where links lead.

Also read: `<template>` and `<noscript>` (some visitor loads what they name), and any attribute
whose value is a static file, such as the `data-src` of a script that loads lazily. Static files are
those under the static prefix, and where that is not known, those with a hashed name.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.judge.names import has_hash
from lab.probe.css import read_declarations, read_stylesheet
from lab.probe.javascript import ImportMap, parse_import_map, read_script
from lab.probe.links import HeavyError, Import, Link, resolve_url
from lab.probe.markup import Attributes, Element, iterate_elements

if TYPE_CHECKING:
    from collections.abc import Iterable

RELATIONS = {
    "stylesheet": "stylesheet",
    "modulepreload": "modulepreload",
    "preload": "preload",
    "manifest": "manifest",
    "icon": "icon",
    "apple-touch-icon": "icon",
    "apple-touch-icon-precomposed": "icon",
    "apple-touch-startup-image": "icon",
    "mask-icon": "icon",
    "fluid-icon": "icon",
}
"""What a `<link>` loads, by its `rel`; stricter ones first."""

SOURCES = {
    "img": (("src", "img"),),
    "input": (("src", "img"),),
    "source": (("src", "media"),),
    "video": (("src", "media"), ("poster", "img")),
    "audio": (("src", "media"),),
    "track": (("src", "track"),),
    "embed": (("src", "object"),),
    "object": (("data", "object"),),
    "body": (("background", "img"),),
    "use": (("href", "svg"), ("xlink:href", "svg")),
    "image": (("href", "svg"), ("xlink:href", "svg")),
    "feimage": (("href", "svg"), ("xlink:href", "svg")),
}
PAGES = {"a": "href", "area": "href", "iframe": "src", "frame": "src"}
SETS = {"img": "srcset", "source": "srcset", "link": "imagesrcset"}

# https://developer.mozilla.org/docs/Web/SVG/Attribute: presentation attributes that take a url()
PRESENTATION = frozenset(
    {"clip-path", "cursor", "fill", "filter", "mask", "stroke"}
    | {"marker-end", "marker-mid", "marker-start"}
)
PICTURES = frozenset(
    {"og:image", "og:image:url", "og:image:secure_url", "og:video", "og:video:url"}
    | {"og:audio", "og:audio:url", "twitter:image", "twitter:image:src"}
    | {"msapplication-tileimage", "msapplication-config"}
)
"""The `<meta>` names whose content is a file that other sites and systems load."""


ELEMENTS, LINKS, SECONDS = 200_000, 5_000, 3.0
"""Elements and links of a page that are read, and how long that may take."""
DIGITS = 20
"""Length of a density in a `srcset`: to convert a longer one takes the square of its length."""


@dataclass(slots=True, kw_only=True)
class Page:
    """What has been read of a page so far; `cut` says what could not be read of it."""

    base: str
    static: str | None
    links: dict[Link, None] = field(default_factory=dict)
    imports: dict[Import, None] = field(default_factory=dict)
    import_map: ImportMap = field(default_factory=ImportMap)
    cut: str | None = None

    def add(self, value: str, how: str, *, page: bool = False) -> None:
        """Add a link, unless the value is no URL."""
        url = resolve_url(self.base, value)
        if url:
            self.extend([Link(url, how, page and not self.is_static(url))])

    def extend(self, links: Iterable[Link], imports: Iterable[Import] = ()) -> None:
        """Add links and imports, as many as are read."""
        self.links.update(dict.fromkeys(links))
        self.imports.update(dict.fromkeys(imports))
        if len(self.links) + len(self.imports) > LINKS:
            raise HeavyError(f"names more than {LINKS:,} things")

    def is_static(self, url: str) -> bool:
        """Say whether a URL is a static file: by the prefix, or else by a hashed name."""
        return url.startswith(self.static) if self.static else has_hash(url)


def read_page(
    text: str, url: str, static: str | None = None
) -> tuple[list[Link], list[Import], ImportMap]:
    """Return what a page names, what its inline scripts import, and its import map.

    Args:
        text: the decoded page.
        url: where it came from; a `<base href>` in it counts.
        static: the URL prefix of static files; a link to one is an asset and not a page.
    """
    page = scan_page(text, url, static)
    links = dict.fromkeys([*page.import_map.links(), *page.links])
    return list(links), list(page.imports), page.import_map


def scan_page(text: str, url: str, static: str | None = None) -> Page:
    """Return what a page names, and what of it could not be read."""
    page, end = Page(base=read_base(text, url), static=static), time.thread_time() + SECONDS
    try:
        for number, element in enumerate(iterate_elements(text)):
            if number == ELEMENTS:
                raise HeavyError(f"has more than {ELEMENTS:,} elements")
            if time.thread_time() > end:
                raise HeavyError(f"takes more than {SECONDS:g} s to be read")
            try:
                read_element(page, element)
            except HeavyError as error:
                page.cut = str(error)
                if len(page.links) + len(page.imports) > LINKS:
                    break
    except HeavyError as error:
        page.cut = str(error)
    return page


def read_base(text: str, url: str) -> str:
    """Return what relative URLs are relative to: the first `<base href>` counts."""
    if not BASE.search(text):
        return url
    hrefs = (
        element.attributes["href"]
        for element in iterate_elements(text)
        if element.tag == "base" and "href" in element.attributes
    )
    return resolve_url(url, next(hrefs, None) or "") or url


BASE = re.compile("<base", re.IGNORECASE)


def read_element(page: Page, element: Element) -> None:
    """Add what one element names."""
    tag, attributes, text = element
    for attribute, how in SOURCES.get(tag, ()):
        page.add(attributes.get(attribute, ""), how)
    if tag in PAGES and "download" not in attributes:
        page.add(attributes.get(PAGES[tag], ""), tag, page=True)
    for url in parse_srcset(attributes.get(SETS.get(tag, ""), "")):
        page.add(url, "srcset")
    if tag == "link":
        read_link_element(page, attributes)
    elif tag == "script":
        read_script_element(page, text, attributes)
    elif tag == "style":
        page.extend(read_stylesheet(CDATA.sub("", text), page.base))
    elif tag == "meta":
        read_meta_element(page, attributes)
    read_attributes(page, attributes)


def read_link_element(page: Page, attributes: Attributes) -> None:
    """Add what a `<link>` loads, by its `rel`."""
    relations = attributes.get("rel", "").lower().split()
    how = next((how for name, how in RELATIONS.items() if name in relations), None)
    if how:
        page.add(attributes.get("href", ""), how)
    elif "sitemap" in relations:
        page.add(attributes.get("href", ""), "sitemap", page=True)


CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
"""What stands around a stylesheet in SVG."""


def read_script_element(page: Page, text: str, attributes: Attributes) -> None:
    """Read a script element; only JavaScript imports, and only a module does it statically."""
    kind = attributes.get("type", "").strip().lower()
    source = attributes.get("src") or attributes.get("href") or attributes.get("xlink:href")
    if kind == "importmap":
        page.import_map = page.import_map.merge(parse_import_map(text, page.base))
    elif kind not in ("", "module") and "javascript" not in kind:
        return
    elif source:
        page.add(source, "module" if kind == "module" else "script")
    else:
        links, imports = read_script(text, page.base)
        page.extend(
            (link for link in links if kind == "module" or link.how != "js-url"),
            (item for item in imports if kind == "module" or item.how == "js-dynamic"),
        )


def read_meta_element(page: Page, attributes: Attributes) -> None:
    """Add the picture or the file that a `<meta>` names for other sites."""
    name = (attributes.get("property") or attributes.get("name") or "").strip().lower()
    if name in PICTURES:
        page.add(attributes.get("content", ""), "meta")


def read_attributes(page: Page, attributes: Attributes) -> None:
    """Add what styles and `data-` attributes name, on whatever element."""
    for name, value in attributes.items():
        if name == "style" or (name in PRESENTATION and "url(" in value.lower()):
            page.extend(read_declarations(value, page.base))
        elif name.startswith("data-"):
            url = resolve_url(page.base, value) if "/" in value else None
            if url and page.is_static(url):
                page.add(value, "attribute")


SPACE = " \t\n\f\r"
INTEGER = re.compile(r"[0-9]+\Z")
FLOAT = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")


def parse_srcset(text: str) -> list[str]:
    """Return the URLs of the valid candidates, in order; a browser drops the others too."""
    urls: list[str] = []
    position = 0
    while True:
        position = skip(text, position, SPACE + ",")
        if position == len(text):
            return urls
        end = skip_until(text, position, SPACE)
        url, position = text[position:end], end
        if url.endswith(","):
            urls.append(url.rstrip(","))
            continue
        descriptors, position = read_descriptors(text, skip(text, position, SPACE))
        if are_valid(descriptors):
            urls.append(url)


def skip(text: str, position: int, characters: str) -> int:
    """Return the first position from here on that has none of these characters."""
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def skip_until(text: str, position: int, characters: str) -> int:
    """Return the first position from here on that has one of these characters."""
    while position < len(text) and text[position] not in characters:
        position += 1
    return position


def read_descriptors(text: str, position: int) -> tuple[list[str], int]:
    """Return the descriptors of one candidate and where the next begins.

    A comma ends the candidate, except within parentheses.
    """
    found: list[str] = []
    current: list[str] = []  # for a string would be copied with each character
    inside = False
    while position < len(text):
        character = text[position]
        position += 1
        if character == "," and not inside:
            break
        if character in SPACE and not inside:
            found.append("".join(current))
            current = []
            continue
        inside = character == "(" or (inside and character != ")")
        current.append(character)
    found.append("".join(current))
    return [descriptor for descriptor in found if descriptor], position


VALID: tuple[set[str], ...] = (set(), {"w"}, {"x"}, {"w", "h"})


def are_valid(descriptors: list[str]) -> bool:
    """Say whether a browser keeps a candidate: at most one width or density, a height beside it."""
    kinds = [read_unit(descriptor) for descriptor in descriptors]
    return len(set(kinds)) == len(kinds) and set(kinds) in VALID


def read_unit(descriptor: str) -> str | None:
    """Return the unit of a descriptor, w, h or x; None where it is not valid."""
    number, unit = descriptor[:-1], descriptor[-1]
    if unit in "wh":
        return unit if INTEGER.match(number) and number.strip("0") else None
    if unit == "x":
        is_number = FLOAT.match(number) and len(number) <= DIGITS
        return unit if is_number and float(number) >= 0 else None
    return None
