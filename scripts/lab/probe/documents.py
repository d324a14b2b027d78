"""Bodies as what they name. The same body is parsed once, however many visitors fetch it."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Xml

import webencodings  # type: ignore[import-untyped] # it has no types
from selectolax.lexbor import LexborHTMLParser

from lab.judge.mime import is_html, is_javascript, read_essence
from lab.probe.css import read_stylesheet
from lab.probe.html import read_page
from lab.probe.importmap import ImportMap
from lab.probe.javascript import read_script
from lab.probe.links import Link, resolve_url

if TYPE_CHECKING:
    from lab.history import Fetch
    from lab.probe.links import Import, Link

_EMBEDDED = ("object", "iframe", "frame", "svg")
"""Ways of naming an asset that make a document of it, which loads what it names."""

PRESCAN_BYTES = 1024
"""How far into a page its encoding may be declared, by the HTML standard."""


@dataclass(frozen=True, slots=True)
class Document:
    """What one file names."""

    links: tuple[Link, ...] = ()
    imports: tuple[Import, ...] = ()
    import_map: ImportMap = field(default_factory=ImportMap)


NOTHING = Document()


class Documents:
    """Reads bodies, and keeps what the last `size` different ones name."""

    def __init__(self, static: str | None = None, size: int = 2000) -> None:
        self._static = static
        self._size = size
        self._kept: OrderedDict[tuple[str, str, str], Document] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, fetch: Fetch, body: bytes) -> Document:
        """Return what a body names, as far as a browser would look."""
        answer = fetch.answer
        kind = _kind_of_fetch(fetch)
        if kind is None or answer.sha256 is None:
            return NOTHING
        key = (kind, answer.sha256, fetch.url)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        document = self._parse(kind, decode(body, answer.content_type, kind), fetch.url)
        with self._lock:
            self._kept[key] = document
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return document

    def _parse(self, kind: str, text: str, url: str) -> Document:
        if kind in ("html", "svg"):
            links, imports, import_map = read_page(text, url, self._static)
            return Document(tuple(links), tuple(imports), import_map)
        if kind == "javascript":
            links, imports = read_script(text, url)
            return Document(tuple(links), tuple(imports))
        read = {"css": read_stylesheet, "xml": read_sitemap, "manifest": read_web_manifest}[kind]
        return Document(tuple(dict.fromkeys(read(text, url))))


def _kind_of_fetch(fetch: Fetch) -> str | None:
    """Return what to read a body as; None where a browser would not look into it.

    It reads an error page, but no asset that failed, no page in the place of an asset, and of SVG
    only what is embedded as a document: a picture loads nothing.
    """
    answer = fetch.answer
    kind = kind_of(answer.content_type, fetch.url)
    if fetch.role == "page":
        return kind
    if not 200 <= (answer.status or 0) < 300:
        return None
    if kind in ("html", "svg") and fetch.how not in _EMBEDDED:
        return None
    return "manifest" if fetch.how == "manifest" else kind


def kind_of(content_type: str | None, url: str) -> str | None:
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
    label = _charset_of(content_type)
    if label is None and kind == "html":
        label = _declared_in_page(body)
    if label is None and kind == "css" and body.startswith(b'@charset "'):
        label = body[10:PRESCAN_BYTES].partition(b'";')[0].decode("ascii", "replace")
    encoding = webencodings.lookup(label or "utf-8") or webencodings.UTF8
    if not _charset_of(content_type) and encoding.name.startswith("utf-16"):
        # Whoever could read that line was not reading UTF-16, say HTML and CSS alike:
        # https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding
        encoding = webencodings.UTF8
    text: str = webencodings.decode(body, encoding)[0]
    return text


def _charset_of(content_type: str | None) -> str | None:
    for parameter in (content_type or "").split(";")[1:]:
        name, _equals, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None


def _declared_in_page(body: bytes) -> str | None:
    head = LexborHTMLParser(body[:PRESCAN_BYTES].decode("latin-1"))
    for node in head.css("meta"):
        attributes = node.attributes
        if attributes.get("charset"):
            return attributes["charset"]
        if (attributes.get("http-equiv") or "").lower() == "content-type":
            return _charset_of(attributes.get("content"))
    return None


def read_sitemap(text: str, base: str) -> list[Link]:
    """Return the pages of a sitemap, or the sitemaps of a sitemap index.

    Anything else that is XML, and anything that is not, names no pages.
    """
    try:
        root = Xml.fromstring(text)  # noqa: S314 - expat itself bounds the expansion of entities
    except (Xml.ParseError, ValueError):
        return []
    entries = {"urlset": "url", "sitemapindex": "sitemap"}.get(_local(root.tag))
    values = [
        child.text or ""
        for entry in root
        if _local(entry.tag) == entries
        for child in entry
        if _local(child.tag) == "loc"
    ]
    return [
        Link(url, "sitemap", page=True) for value in values if (url := resolve_url(base, value))
    ]


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def read_web_manifest(text: str, base: str) -> list[Link]:
    """Return the icons, shortcuts' icons and screenshots of a web app manifest."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    owners = [document, *_objects(document, "shortcuts")]
    pictures = [
        picture
        for owner in owners
        for name in ("icons", "screenshots")
        for picture in _objects(owner, name)
    ]
    values = [picture["src"] for picture in pictures if isinstance(picture.get("src"), str)]
    return [Link(url, "icon") for value in values if (url := resolve_url(base, value))]


def _objects(owner: object, name: str) -> list[dict[str, Any]]:
    members = owner.get(name) if isinstance(owner, dict) else None
    return (
        [item for item in members or [] if isinstance(item, dict)]
        if isinstance(members, list)
        else []
    )
