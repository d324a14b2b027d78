"""Bodies as what they name. The same body is parsed once, however many visitors fetch it."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Xml

import webencodings  # type: ignore[import-untyped] # it has no types

from lab.judge.mime import is_html, is_javascript, read_essence
from lab.probe.css import read_stylesheet
from lab.probe.html import scan_page
from lab.probe.javascript import ImportMap, read_script
from lab.probe.links import HeavyError, Link, resolve_url
from lab.probe.markup import iterate_elements

if TYPE_CHECKING:
    from lab.history import Answer, Fetch
    from lab.probe.links import Import

EMBEDDED = ("object", "iframe", "frame", "svg")
"""Ways of naming an asset that make a document of it, which loads what it names."""

READ_BYTES = 2 * 1024 * 1024
"""Bytes of a file that are read for what it names; a script may be longer."""
SCRIPT_BYTES = 8 * 1024 * 1024
MOST_LINKS = 5_000
"""Links of one file that are followed."""
KEPT_CHARACTERS = 8_000_000
"""Characters of URLs in all documents that are kept."""
PRESCAN_BYTES = 1024
"""How far into a page its encoding may be declared, by the HTML standard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one file names; `cut` says why that may not be all."""

    links: tuple[Link, ...] = ()
    imports: tuple[Import, ...] = ()
    import_map: ImportMap = field(default_factory=ImportMap)
    cut: str | None = None

    def weigh(self) -> int:
        """Return about how many characters it takes to keep it."""
        named = sum(len(link.url) + 100 for link in self.links)
        return named + sum(len(wanted.specifier) + 100 for wanted in self.imports)


NOTHING = Document()
CUT = Document(cut="is too long to be read")


class Documents:
    """Reads bodies; keeps what the last `size` different ones name, or as many as have room."""

    def __init__(self, static: str | None = None, size: int = 2000) -> None:
        self.static = static
        self.size = size
        self.kept: OrderedDict[tuple[str, str, str], Document] = OrderedDict()
        self.weight = 0
        self.lock = threading.Lock()

    def read(self, fetch: Fetch, body: bytes) -> Document:
        """Return what a body names, as far as a browser would look."""
        answer = fetch.answer
        kind = choose_kind(fetch)
        if kind is None:
            return NOTHING
        if answer.sha256 is None:
            return CUT if answer.truncated and has_arrived(answer) else NOTHING
        key = (kind, answer.sha256, fetch.url)
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key]
        document = self.parse_some(kind, body, fetch)
        with self.lock:
            self.keep(key, document)
        return document

    def keep(self, key: tuple[str, str, str], document: Document) -> None:
        """Keep a document, and let go of those that were not used for longest."""
        if key not in self.kept:
            self.kept[key] = document
            self.weight += document.weigh()
        while len(self.kept) > self.size or (self.weight > KEPT_CHARACTERS and self.kept):
            self.weight -= self.kept.popitem(last=False)[1].weigh()

    def parse_some(self, kind: str, body: bytes, fetch: Fetch) -> Document:
        """Return what a body names, as much as it may be."""
        most = SCRIPT_BYTES if kind == "javascript" else READ_BYTES
        if len(body) > most:
            return CUT
        try:
            document = self.parse(kind, decode(body, fetch.answer.content_type, kind), fetch.url)
        except HeavyError as error:
            return Document(cut=str(error))
        if len(document.links) + len(document.imports) > MOST_LINKS:
            links, imports = document.links[:MOST_LINKS], document.imports[:MOST_LINKS]
            why = f"names more than {MOST_LINKS:,} things"
            return replace(document, links=links, imports=imports, cut=document.cut or why)
        return document

    def parse(self, kind: str, text: str, url: str) -> Document:
        """Return what a text of this kind names.

        Raises:
            HeavyError: it is too much to be read.
        """
        if kind in ("html", "svg"):
            page = scan_page(text, url, self.static)
            named = dict.fromkeys([*page.import_map.links(), *page.links])
            return Document(
                links=tuple(named),
                imports=tuple(page.imports),
                import_map=page.import_map,
                cut=page.cut,
            )
        if kind == "javascript":
            links, imports = read_script(text, url)
            return Document(links=tuple(links), imports=tuple(imports))
        read = {"css": read_stylesheet, "xml": read_sitemap, "manifest": read_web_manifest}[kind]
        return Document(links=tuple(dict.fromkeys(read(text, url))))


def choose_kind(fetch: Fetch) -> str | None:
    """Return what to read a body as; None where a browser would not look into it.

    It reads an error page, but no asset that failed, no page in the place of an asset, and of SVG
    only what is embedded as a document: a picture loads nothing.
    """
    answer = fetch.answer
    kind = find_kind(answer.content_type, fetch.url)
    if fetch.role == "page":
        return kind
    if not has_arrived(answer):
        return None
    if kind in ("html", "svg") and fetch.how not in EMBEDDED:
        return None
    return "manifest" if fetch.how == "manifest" else kind


def has_arrived(answer: Answer) -> bool:
    """Say whether the file itself came."""
    return 200 <= (answer.status or 0) < 300


def find_kind(content_type: str | None, url: str) -> str | None:
    """Return what to read a body as; None for what names nothing, such as a picture.

    A type that says nothing leaves it to the extension: a bucket calls what it does not know so.
    """
    essence = read_essence(content_type)
    if essence in ("", "application/octet-stream", "binary/octet-stream"):
        extension = url.partition("?")[0].rpartition(".")[2]
        return {"css": "css", "js": "javascript", "mjs": "javascript", "svg": "svg"}.get(extension)
    if is_html(essence):
        return "html"
    if is_javascript(essence):
        return "javascript"
    return {
        "text/css": "css",
        "image/svg+xml": "svg",
        "application/xml": "xml",
        "text/xml": "xml",
    }.get(essence)


def decode(body: bytes, content_type: str | None, kind: str) -> str:
    """Return a body as text: a byte order mark, the header, the file's own word, else UTF-8."""
    label = read_charset(content_type)
    if label is None and kind == "html":
        label = read_declared_charset(body)
    if label is None and kind == "css" and body.startswith(b'@charset "'):
        label = body[10:PRESCAN_BYTES].partition(b'";')[0].decode("ascii", "replace")
    encoding = webencodings.lookup(label or "utf-8") or webencodings.UTF8
    if not read_charset(content_type) and encoding.name.startswith("utf-16"):
        # Whoever could read that line was not reading UTF-16, say HTML and CSS alike:
        # https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding
        encoding = webencodings.UTF8
    text: str = webencodings.decode(body, encoding)[0]
    return text


def read_charset(content_type: str | None) -> str | None:
    """Return the charset that a Content-Type names."""
    for parameter in (content_type or "").split(";")[1:]:
        name, _equals, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None


def read_declared_charset(body: bytes) -> str | None:
    """Return the charset that a page declares in a `<meta>`."""
    for tag, attributes, _text in iterate_elements(body[:PRESCAN_BYTES].decode("latin-1")):
        if tag == "meta" and attributes.get("charset"):
            return attributes["charset"]
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "content-type":
            return read_charset(attributes.get("content"))
    return None


def read_sitemap(text: str, base: str) -> list[Link]:
    """Return the pages of a sitemap, or the sitemaps of a sitemap index.

    Anything else that is XML, and anything that is not, names no pages.
    """
    sitemap = Sitemap()
    try:
        parser = Xml.XMLParser(target=sitemap)  # noqa: S314 - expat itself bounds the expansion of entities
        parser.feed(text)
        parser.close()
    except (Xml.ParseError, ValueError):
        return []
    return [
        Link(url, "sitemap", page=True)
        for value in sitemap.found
        if (url := resolve_url(base, value))
    ]


class Sitemap:
    """Takes what the parser finds, and keeps the addresses alone."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.found: list[str] = []
        self.text: list[str] = []

    def start(self, tag: str, _attributes: object) -> None:
        """Take the beginning of an element."""
        self.path.append(strip_namespace(tag))
        self.text.clear()

    def data(self, text: str) -> None:
        """Take text."""
        if len(self.path) == 3 and tuple(self.path) in LOCATIONS and len(self.text) < MOST_LINKS:
            self.text.append(text)

    def end(self, _tag: str) -> None:
        """Take the end of an element."""
        if len(self.path) == 3 and tuple(self.path) in LOCATIONS and len(self.found) <= MOST_LINKS:
            self.found.append("".join(self.text))
        self.path.pop()

    def close(self) -> None:
        """Take the end of all."""


LOCATIONS = (("urlset", "url", "loc"), ("sitemapindex", "sitemap", "loc"))


def strip_namespace(tag: str) -> str:
    """Return the name of an XML element without its namespace."""
    return tag.rpartition("}")[2]


def read_web_manifest(text: str, base: str) -> list[Link]:
    """Return the icons, shortcuts' icons and screenshots of a web app manifest."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    owners = [document, *list_objects(document, "shortcuts")]
    pictures = [
        picture
        for owner in owners
        for name in ("icons", "screenshots")
        for picture in list_objects(owner, name)
    ]
    values = [picture["src"] for picture in pictures if isinstance(picture.get("src"), str)]
    return [Link(url, "icon") for value in values if (url := resolve_url(base, value))]


def list_objects(owner: object, name: str) -> list[dict[str, Any]]:
    """Return the objects in a list that a JSON document has under a name."""
    members = owner.get(name) if isinstance(owner, dict) else None
    return (
        [item for item in members or [] if isinstance(item, dict)]
        if isinstance(members, list)
        else []
    )
