"""The manifest that the build wrote into the image, so that a process needs no store to serve.

It is the very file that the publish of this image commits, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import ManifestError, SkewproofError

if TYPE_CHECKING:
    from pathlib import Path

    from skewproof.collection import Collection
    from skewproof.manifest import Manifest


def load(file: Path, release: str) -> Manifest:
    """Return the baked manifest of the release.

    Raises:
        ManifestError: There is none, or it is another release's or none that can be used.
    """
    return manifest.parse(read(file, release), release, str(file), baked=True)


def read(file: Path, release: str) -> bytes:
    """Return the baked manifest as it is."""
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        reason, why = "absent", "there is no such file"
        raise no_manifest(reason, file, release, why) from error
    except OSError as error:
        raise no_manifest("unreachable", file, release, f"reading failed ({error})") from error


def no_manifest(reason: str, file: Path, release: str, why: str) -> ManifestError:
    """Return the error for a baked manifest that is not there."""
    return ManifestError(
        reason, f"release {release}: no baked manifest from {file}: {why}; {manifest.REBAKE}"
    )


def record_of(file: Path, release: str, collection: Collection) -> bytes:
    """Return the baked manifest, for a publish of the same files.

    Raises:
        SkewproofError: The files that were collected now are not those that were baked.
    """
    content = read(file, release)
    there = manifest.parse(content, release, str(file), baked=True)
    differences = manifest.difference(there.paths, collection.paths)
    if differences:
        raise SkewproofError(
            f"release {release}: the baked manifest {file} is not of these files: {differences}; "
            "nothing was written; publish from the image that was baked, with the same options"
        )
    return content
