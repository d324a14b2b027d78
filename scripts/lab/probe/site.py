"""What is probed: where it begins, what belongs to it, and how far to go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .links import read_origin, resolve_url

if TYPE_CHECKING:
    from .links import Link

_CHANGES_STATE = re.compile(
    r"(?:^|[/_-])(?:log[-_]?out|sign[-_]?out|delete|remove|unsubscribe|destroy)(?:$|[/._-])",
    re.IGNORECASE,
)
"""Paths that no probe follows, though a GET should be harmless: to be on the safe side."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a visit: seconds, bytes and counts."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 30.0
    body: int = 20 * 1024 * 1024
    pages: int = 200
    assets: int = 5000
    queries: int = 5
    redirects: int = 10


@dataclass(frozen=True, slots=True)
class Site:
    """A site to probe.

    Attributes:
        base: its URL, where a visit begins.
        static: the URL prefix of its hashed assets; None where nobody knows it.
        asset_origins: origins beside its own that assets are fetched from.
        seeds: where a visit begins, relative to `base`; with a sitemap, add "/sitemap.xml".
        release_header, replica_header, pid_header: what an answer says about who made it.
        pin_cookie: the cookie by which a visitor asks the gateway for one release.
    """

    base: str
    static: str | None = None
    asset_origins: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ("/",)
    release_header: str = "X-Release"
    replica_header: str = "X-Replica"
    pid_header: str = "X-Pid"
    pin_cookie: str = "release"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if resolve_url(self.base, self.base) is None:
            raise ValueError(
                f"site {self.base!r}: not an http or https URL; give one such as http://127.0.0.1:8080/"
            )

    def entrances(self) -> list[str]:
        """Return the URLs that a visit begins with."""
        urls = (resolve_url(self.base, seed) for seed in self.seeds)
        return [url for url in urls if url]

    def has_page(self, url: str) -> bool:
        """Say whether a URL is a page of this site that a probe may visit."""
        own = resolve_url(self.base, "/") or ""
        return read_origin(url) == read_origin(own) and not _CHANGES_STATE.search(
            urlsplit(url).path
        )

    def has_asset(self, link: Link) -> bool:
        """Say whether a link is an asset that this site answers for."""
        own = [
            resolve_url(origin, "/")
            for origin in (self.base, self.static or self.base, *self.asset_origins)
        ]
        return read_origin(link.url) in {read_origin(url) for url in own if url}
