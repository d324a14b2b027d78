"""The manifest: Django's map from source names to asset names. A release exists once it is stored.

The format is Django's own, version 1.1, so that stock Django can read it. What is ours stands in
extra keys beside ``paths`` and ``hash``, which Django ignores. A build may write the manifest into
the image as well ("baked"): the very file that the publish of this image stores, byte for byte.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from skewproof.errors import ManifestError, SkewproofError
from skewproof.release import is_safe

if TYPE_CHECKING:
    from pathlib import Path

NAME = "staticfiles.json"
VERSION = "1.1"
READABLE = ("1.0", "1.1")
SHOWN = 5
LARGEST = 2**28  # bytes, of two million files; what is larger is none, and not read to its end
REBAKE = 'bake it when the image is built, with "manage.py collectstatic --bake"'
REPUBLISH = 'delete that one object and publish the release again with "manage.py collectstatic"'


def make_key(release: str) -> str:
    """Return the key of a release's manifest among the private files of the store."""
    return f"{release}/{NAME}"


def name_place(store: str, release: str) -> str:
    """Return where in a store the manifest of a release is, for messages."""
    return f"{make_key(release)} of the store {store}"


def find_release(key: str) -> str | None:
    """Return the release whose manifest has that key, or None for any other private file."""
    release, _, name = key.partition("/")
    return release if name == NAME and is_safe(release) else None


@dataclass(frozen=True)
class Manifest:
    """What one release is made of.

    Attributes:
        release: The release id.
        paths: Asset name by source name.
        hash: Django's hash of the paths; empty or None where the project's file_hash has none.
    """

    release: str
    paths: dict[str, str]
    hash: str | None

    def encode(self, size: int, now: datetime | None = None) -> bytes:
        """Return the file as it is stored; size is that of all its assets, in bytes."""
        document = {
            "paths": dict(sorted(self.paths.items())),
            "version": VERSION,
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
    if len(content) > LARGEST:
        raise make_unusable_error(release, place, f"it has more than {LARGEST:,} bytes", remedy)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise make_unusable_error(release, place, f"it is not JSON ({error})", remedy) from error
    fault = find_fault(document, release, "" if baked else release)
    if fault:
        raise make_unusable_error(release, place, fault, remedy)
    return Manifest(release, document["paths"], document.get("hash", ""))


def find_fault(document: Any, release: str, unnamed: str) -> str | None:
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


def make_unusable_error(release: str, place: str, fault: str, remedy: str) -> ManifestError:
    """Return the error for a manifest that is there and of no use."""
    return ManifestError(
        "unusable",
        f"release {release}: the manifest at {place} cannot be used: {fault}; {remedy}",
    )


def find_difference(there: dict[str, str], here: dict[str, str]) -> str:
    """Return which files differ between two maps of paths, in words; empty if none does."""
    changed = [
        f"{name} is {there[name]} there and {here[name]} here"
        for name in sorted(there.keys() & here.keys())
        if there[name] != here[name]
    ]
    removed = [f"{name} is only there" for name in sorted(there.keys() - here.keys())]
    added = [f"{name} is only here" for name in sorted(here.keys() - there.keys())]
    return list_some(changed + removed + added)


def list_some(items: list[str]) -> str:
    """Return the first few items, and how many there are more."""
    rest = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f", and {rest} more" if rest > 0 else "")


def load_baked(file: Path, release: str) -> Manifest:
    """Return the manifest of the release that is baked into this image.

    Raises:
        ManifestError: There is none, or it is another release's or none that can be used.
    """
    return parse(read_baked(file, release), release, str(file), baked=True)


def read_baked(file: Path, release: str) -> bytes:
    """Return the baked manifest as it is."""
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise make_baked_error("absent", file, release, "there is no such file") from error
    except OSError as error:
        raise make_baked_error("unreachable", file, release, f"reading failed ({error})") from error


def make_baked_error(reason: str, file: Path, release: str, why: str) -> ManifestError:
    """Return the error for a baked manifest that is not there."""
    return ManifestError(
        reason, f"release {release}: no baked manifest from {file}: {why}; {REBAKE}"
    )


def match_baked(file: Path, release: str, paths: dict[str, str]) -> bytes:
    """Return the baked manifest as it is, for a publish of the same files.

    Raises:
        SkewproofError: The files that were collected now are not those that were baked.
    """
    content = read_baked(file, release)
    there = parse(content, release, str(file), baked=True)
    differences = find_difference(there.paths, paths)
    if differences:
        raise SkewproofError(
            f"release {release}: the baked manifest {file} is not of these files: {differences}; "
            "nothing was written; publish from the image that was baked, with the same options"
        )
    return content


def write_whole(file: Path, content: bytes) -> None:
    """Write beside the file, then rename, so that no reader ever sees half of it."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
