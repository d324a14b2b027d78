"""Hashed names, as Django makes them: `css/site.1f3a5b7c9d0e.css` of `css/site.css`."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

# django.contrib.staticfiles.storage.HashedFilesMixin: hashed_name is <root>.<file_hash><extension>,
# file_hash the first twelve hexadecimal digits of the md5 of the content
_HASHED = re.compile(r"\.(?P<hash>[0-9a-f]{12})(?P<extension>\.[^./]*)?\Z")


def find_hash(name: str) -> str | None:
    """Return the hash in a name, or in a path."""
    found = _HASHED.search(name)
    return found["hash"] if found else None


def has_hash(url: str) -> bool:
    """Say whether a URL ends in a hashed name."""
    return find_hash(urlsplit(url).path) is not None


def remove_hash(name: str) -> str:
    """Return the name that a file had before it was hashed; any other name as it is."""
    return _HASHED.sub(lambda found: found["extension"] or "", name)


@lru_cache(maxsize=1 << 14)
def source_of(url: str) -> str:
    """Return the URL that an asset would have without a hash: the same for all its versions."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, remove_hash(parts.path), "", ""))
