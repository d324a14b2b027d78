"""What is probed: where it begins, what belongs to it, and how far to go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from lab.probe.links import read_origin, resolve_url

if TYPE_CHECKING:
    from collections.abc import Iterable

CHANGES_STATE = re.compile(
    r"(?:^|[/_-])(?:log[-_]?out|sign[-_]?out|delete|remove|unsubscribe|destroy)(?:$|[/._-])",
    re.IGNORECASE,
)
"""Paths that no probe follows, though a GET should be harmless: to be on the safe side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a visit: seconds, bytes and counts."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 30.0
    body: int = 20 * 1024 * 1024
    pages: int = 200
    depth: int = 100
    assets: int = 5000
    queries: int = 20
    redirects: int = 10
    queue: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site to probe.

    Attributes:
        base: its URL, where a visit begins.
        static: the URL prefix of its hashed assets; None where it is not known.
        asset_origins: origins beside its own that assets are fetched from.
        seeds: where else a visit begins, relative to `base`, such as "/sitemap.xml".
        release_header, replica_header, pid_header: what an answer says about who made it.
        release_pattern: finds the release in a page that has no such header; its first group, else
            all of it, is the id.
        pin: the cookie, and the query parameter, by which a visitor asks for one release.
    """

    base: str
    static: str | None = None
    asset_origins: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    release_header: str = "X-Release"
    release_pattern: re.Pattern[str] | None = None
    replica_header: str = "X-Replica"
    pid_header: str = "X-Pid"
    pin: str = "release"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for url in (self.base, *([self.static] if self.static else []), *self.asset_origins):
            if not url.lower().startswith(("http://", "https://")) or resolve_url(url, url) is None:
                expected = "not an http or https URL; give one such as http://127.0.0.1:8080/"
                raise ValueError(f"site {url!r}: {expected}")

    def entrances(self) -> list[str]:
        """Return the URLs that a visit begins with."""
        urls = (resolve_url(self.base, url) for url in (self.base, *self.seeds))
        return [url for url in urls if url]

    def has_page(self, url: str) -> bool:
        """Say whether a URL is a page of this site that a probe may visit.

        Not one that changes something, nor one that pins the visitor to another release.
        """
        parts = urlsplit(url)
        changes = CHANGES_STATE.search(parts.path) or self.pin in parse_qs(parts.query)
        return not changes and read_origin(url) == find_origin(self.base)

    def has_asset(self, url: str) -> bool:
        """Say whether a URL is an asset that this site answers for."""
        own = (self.base, self.static or self.base, *self.asset_origins)
        return read_origin(url) in map(find_origin, own)

    def asset_urls(self, names: Iterable[str]) -> list[str]:
        """Return the URLs of assets by their hashed names, such as those of a record."""
        prefix = self.static or self.base
        return [prefix + quote(name) for name in names]


def find_origin(url: str) -> str:
    """Return the origin of any URL, normalised."""
    return read_origin(resolve_url(url, "/") or "")
