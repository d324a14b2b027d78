"""What a file names, and the URL that it means by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import idna
from requests.utils import requote_uri

URL_CHARACTERS = 4096
"""Length of a URL that is followed: servers take no more than some 8,000."""
KEPT_CHARACTERS = 512
"""Length of what is resolved and kept, so that much of the same is resolved once."""
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Link:
    """A URL that a file names, and how; `page` marks one that a visitor goes to."""

    url: str
    how: str
    page: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    """A module specifier in a script; what it means depends on the import map of the page."""

    specifier: str
    how: str
    base: str


class HeavyError(Exception):
    """A file that would take too much time or memory to be read; the message says why."""


def has_more(pattern: re.Pattern[str], text: str, count: int) -> bool:
    """Say whether a text has more of something than so many."""
    return len(text) > count and any(True for _ in islice(pattern.finditer(text), count, None))


def resolve_url(base: str, value: str) -> str | None:
    """Return the absolute URL of what a file at `base` calls `value`, without its fragment.

    None for what is not fetched over HTTP: data:, blob:, mailto:, javascript:, a mere fragment,
    what is no URL at all, and one that is too long.
    """
    if len(base) + len(value) <= KEPT_CHARACTERS:
        return resolve_and_keep(base, value)
    return resolve(base, value) if len(value) <= 2 * URL_CHARACTERS else None


def resolve(base: str, value: str) -> str | None:
    """Return the absolute URL, worked out."""
    # https://url.spec.whatwg.org/#concept-basic-url-parser: trim, then drop tabs and newlines
    value = re.sub(r"[\t\n\r]", "", value.strip("".join(map(chr, range(0x21)))))
    if not value or value.startswith("#"):
        return None
    try:
        url = normalise(urlsplit(urljoin(base, value)))
    except ValueError:
        return None
    return url if url and len(url) <= URL_CHARACTERS else None


resolve_and_keep = lru_cache(maxsize=1 << 14)(resolve)


def normalise(parts: SplitResult) -> str | None:
    """Return one spelling for all that mean the same URL, so that it is fetched once."""
    scheme, host = parts.scheme.lower(), parts.hostname
    if scheme not in DEFAULT_PORTS or not host:
        return None
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode()  # as requests does it
    netloc = f"[{host}]" if ":" in host else host
    if parts.port not in (None, DEFAULT_PORTS[scheme]):
        netloc = f"{netloc}:{parts.port}"
    return requote_uri(urlunsplit((scheme, netloc, parts.path or "/", parts.query, "")))


@lru_cache(maxsize=1 << 12)
def read_origin(url: str) -> str:
    """Return the scheme, host and port of a normalised URL, as in `http://127.0.0.1:8080`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
