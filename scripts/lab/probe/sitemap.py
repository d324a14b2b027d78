"""What two small formats name: a sitemap its pages, a web app manifest its pictures."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as Xml

from .links import Link, resolve_url


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
