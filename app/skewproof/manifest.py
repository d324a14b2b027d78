"""The manifest: Django's map from source names to asset names. A release exists once it is stored.

The format is Django's own, version 1.1, so that stock Django can read it. What is ours stands in
extra keys beside ``paths`` and ``hash``, which Django ignores. Two of them say what the assets
hold, in the order of their names: ``sizes`` in bytes, and ``md5``, 32 digits for each. A build may
write the manifest into the image as well ("baked"): the very file that the publish of this image
stores, byte for byte.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
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
HEXADECIMAL = re.compile("[0-9a-f]*")
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
        contents: Size in bytes and MD5 of assets by name, before they are compressed; empty where
            nobody asked, or the manifest does not say.
    """

    release: str
    paths: dict[str, str]
    hash: str | None
    contents: dict[str, tuple[int, str]] = field(default_factory=dict)

    def encode(self, size: int, now: datetime | None = None) -> bytes:
        """Return the file as it is stored; size is that of all its assets, in bytes."""
        document: dict[str, Any] = {
            "paths": dict(sorted(self.paths.items())),
            "version": VERSION,
            "hash": self.hash,
            "release": self.release,
            "created": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
            "bytes": size,
        }
        names = sorted(set(self.paths.values()))
        if self.contents.keys() >= set(names):
            facts = [self.contents[name] for name in names]
            document["sizes"] = [size for size, _ in facts]
            document["md5"] = "".join(digest for _, digest in facts)
        return json.dumps(document).encode()


def parse(
    content: bytes,
    release: str,
    place: str,
    *,
    baked: bool = False,
    with_contents: bool = False,
) -> Manifest:
    """Return the manifest that the content holds.

    Args:
        content: The file as it came from the store.
        release: The release that it must belong to.
        place: Where it came from, for the error message.
        baked: Whether it is one that a build wrote, which always names its release.
        with_contents: Whether to return what the assets hold, too; no web process needs it.

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
    contents = find_contents(document) if with_contents else {}
    return Manifest(release, document["paths"], document.get("hash", ""), contents)


def find_contents(document: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Return sizes and digests by asset name; nothing where the document has none that fit."""
    names = sorted(set(document["paths"].values()))
    sizes, digests = document.get("sizes"), document.get("md5")
    if not (isinstance(sizes, list) and isinstance(digests, str)):
        return {}
    if not len(sizes) == len(names) == len(digests) / 32 or not HEXADECIMAL.fullmatch(digests):
        return {}
    return {
        name: (size, digests[32 * index : 32 * (index + 1)])
        for index, (name, size) in enumerate(zip(names, sizes, strict=True))
    }


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


def find_changed(there: Manifest, here: dict[str, tuple[int, str]]) -> str:
    """Return which assets have one name and two contents, in words; empty if none has."""
    both = there.contents.keys() & here.keys()
    names = sorted(name for name in both if there.contents[name] != here[name])
    return list_some([f"{name} has other content here" for name in names])


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


def match_baked(file: Path, made: Manifest) -> bytes:
    """Return the baked manifest as it is, for a publish of the same files.

    Raises:
        SkewproofError: The files that were collected now are not those that were baked.
    """
    content = read_baked(file, made.release)
    there = parse(content, made.release, str(file), baked=True, with_contents=True)
    differences = find_difference(there.paths, made.paths) or find_changed(there, made.contents)
    if differences:
        raise SkewproofError(
            f"release {made.release}: the baked manifest {file} is not of these files: "
            f"{differences}; nothing was written; publish from the image that was baked, with the "
            "same options"
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
