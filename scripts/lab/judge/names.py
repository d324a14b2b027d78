"""Hashed names, as Django makes them: `css/site.1f3a5b7c9d0e.css` of `css/site.css`.

And those of others, whose hash nobody can check: `main-BkHsQxTr.js`, `main.3f1a9c04.js`.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

# django.contrib.staticfiles.storage.HashedFilesMixin: hashed_name is <root>.<file_hash><extension>,
# file_hash the first twelve hexadecimal digits of the md5 of the content
HASHED = re.compile(r"\.(?P<hash>[0-9a-f]{12})(?P<extension>\.[^./]*)?\Z")


def find_hash(name: str) -> str | None:
    """Return the hash in a name, or in a path."""
    found = HASHED.search(name)
    return found["hash"] if found else None


def has_hash(url: str) -> bool:
    """Say whether a URL ends in a hashed name."""
    return find_hash(urlsplit(url).path) is not None


def remove_hash(name: str) -> str:
    """Return the name that a file had before it was hashed; any other name as it is."""
    return HASHED.sub(lambda found: found["extension"] or "", name)


@lru_cache(maxsize=1 << 14)
def remove_hash_of_url(url: str) -> str:
    """Return the URL that an asset would have without a hash: the same for all its versions."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, remove_hash(parts.path), "", ""))


# Vite, Rollup: eight of base64url after a dash; esbuild: eight of base32; webpack, Parcel: eight or
# twenty hexadecimal digits after a dot; some a whole MD5 or SHA.
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@lru_cache(maxsize=1 << 12)
def remove_other_hash(path: str) -> str | None:
    """Return a path without what looks like a hash in its name; None where nothing does.

    With words on both sides of it, the last part that looks so counts.
    """
    folder, _slash, name = path.rpartition("/")
    if len(name) > NAME_CHARACTERS:
        return None
    for part in sorted({*find_parts(name)}, key=len, reverse=True):
        if looks_random(part):
            return f"{folder}/{name.replace(part, '')}"
    return None


NAME_CHARACTERS = 255


def find_parts(name: str) -> list[str]:
    """Return what stands between a separator and the extension, or the next dot."""
    root, _dot, _extension = name.rpartition(".")
    dots = root.split(".")
    after = [
        part
        for dot in dots
        for place, mark in enumerate(dot)
        if mark in "-_~"
        for part in [dot[place + 1 :]]
    ]
    return [part for part in (*dots[1:], *after) if 8 <= len(part) <= 64]


def looks_random(part: str) -> bool:
    """Say whether nobody would have written this: letters and digits mixed, or capitals in words.

    A date, a version, `webfonts` and `MyWidget` are no hashes.
    """
    letters = [character for character in part if character.isalpha()]
    digits = [character for character in part if character.isdigit()]
    if not part.replace("-", "").replace("_", "").isalnum() or not part.isascii():
        return False
    if letters and digits:
        return has_mixture(part)
    if digits or len(part) < 8:
        return False
    return (part.isupper() and len(part) == 8) or len(part) / len(WORD.findall(part) or "x") < 3


def has_mixture(part: str) -> bool:
    """Say whether letters and digits alternate, or are all hexadecimal, as in no person's name."""
    is_hexadecimal = set(part) <= set("0123456789abcdef")
    changes = sum(a.isdigit() != b.isdigit() for a, b in itertools.pairwise(part))
    cases = sum(a.islower() and b.isupper() for a, b in itertools.pairwise(part))
    return is_hexadecimal or changes + cases >= 2
