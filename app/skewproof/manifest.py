"""The manifest: Django's map from source names to asset names, and the commit record of a release.

The format is Django's own, version 1.1, so that stock Django can read it. What is ours stands in
extra keys beside ``paths`` and ``hash``, which Django ignores.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from skewproof.errors import ManifestError
from skewproof.release import is_safe

NAME = "staticfiles.json"
WRITTEN = "1.1"
READABLE = ("1.0", "1.1")
SHOWN = 5
REBAKE = 'bake it when the image is built, with "manage.py collectstatic --bake"'
REPUBLISH = 'delete that one object and publish the release again with "manage.py collectstatic"'


def key(release: str) -> str:
    """Return the key of a release's manifest among the records of the store."""
    return f"{release}/{NAME}"


def place_in(store: str, release: str) -> str:
    """Return where in a store the manifest of a release is, for messages."""
    return f"{key(release)} of the store {store}"


def release_of(key: str) -> str | None:
    """Return the release whose manifest has that key, or None for any other record."""
    release, _, name = key.partition("/")
    return release if name == NAME and is_safe(release) else None


@dataclass(frozen=True)
class Manifest:
    """What one release is made of.

    Attributes:
        release: The release id.
        paths: Asset name by source name.
        hash: Django's hash of the paths, empty where there is none.
    """

    release: str
    paths: dict[str, str]
    hash: str

    def encode(self, size: int, now: datetime | None = None) -> bytes:
        """Return the file as it is stored; size is that of all its assets, in bytes."""
        document = {
            "paths": dict(sorted(self.paths.items())),
            "version": WRITTEN,
            "hash": self.hash,
            "release": self.release,
            "created": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
            "bytes": size,
        }
        return json.dumps(document).encode()


def parse(content: bytes, release: str, place: str, *, baked: bool = False) -> Manifest:
    """Return the manifest that the content holds.

    Args:
        content: The file as it came from the store.
        release: The release that it must belong to.
        place: Where it came from, for the error message.
        baked: Whether it is one that a build wrote, which always names its release.

    Raises:
        ManifestError: The content is no manifest that Django could use, or another release's.
    """
    remedy = REBAKE if baked else REPUBLISH
    try:
        document = json.loads(content)
    except ValueError as error:
        raise unusable(release, place, f"it is not JSON ({error})", remedy) from error
    fault = fault_of(document, release, "" if baked else release)
    if fault:
        raise unusable(release, place, fault, remedy)
    return Manifest(release, document["paths"], str(document.get("hash", "")))


def fault_of(document: Any, release: str, unnamed: str) -> str | None:
    """Return what is wrong with the document, or None.

    Args:
        document: What stands in the file.
        release: The release that it must belong to.
        unnamed: Whose it is if it does not say so, as those of stock Django do not.
    """
    if not isinstance(document, dict):
        return "it is not a JSON object"
    if document.get("version") not in READABLE:
        return f"its version is {document.get('version')!r}, not one of {', '.join(READABLE)}"
    owner = document.get("release", unnamed)
    if owner != release:
        return f"it belongs to release {owner!r}" if owner else "it names no release"
    paths = document.get("paths")
    if not isinstance(paths, dict) or not all(isinstance(name, str) for name in paths.values()):
        return "it has no map of paths"
    return None


def unusable(release: str, place: str, fault: str, remedy: str) -> ManifestError:
    """Return the error for a manifest that is there and of no use."""
    return ManifestError(
        "unusable",
        f"release {release}: the manifest at {place} cannot be used: {fault}; {remedy}",
    )


def difference(there: dict[str, str], here: dict[str, str]) -> str:
    """Return which files differ between two maps of paths, in words; empty if none does."""
    changed = [
        f"{name} is {there[name]} there and {here[name]} here"
        for name in sorted(there.keys() & here.keys())
        if there[name] != here[name]
    ]
    removed = [f"{name} is only there" for name in sorted(there.keys() - here.keys())]
    added = [f"{name} is only here" for name in sorted(here.keys() - there.keys())]
    return enumeration(changed + removed + added)


def enumeration(items: list[str]) -> str:
    """Return the first few items, and how many there are more."""
    rest = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f", and {rest} more" if rest > 0 else "")
