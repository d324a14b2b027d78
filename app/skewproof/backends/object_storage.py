"""What the release storages on object stores have in common."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.backends.base import ReleaseManifestMixin
from skewproof.errors import OptionError

if TYPE_CHECKING:
    import os

    from skewproof.errors import ManifestError


class ObjectReleaseMixin(ReleaseManifestMixin):
    """Keeps the manifests of releases as objects."""

    location: str

    def checked_releases_location(self, given: str | os.PathLike[str] | None) -> str:
        """Return the key prefix of the manifests, which must not be within the public one."""
        served = str(self.location).strip("/")
        chosen = str(given or posixpath.join(posixpath.dirname(served), "releases")).strip("/")
        assert_normal("location", served)
        assert_normal("releases_location", chosen)
        if not served or f"{chosen}/".startswith(f"{served}/"):
            raise OptionError(
                f"the manifests under {chosen!r} would be within location {served!r}, which the "
                'public can read; set the option location to a prefix of its own, such as "static"'
            )
        return chosen

    def manifest_key(self, release: str) -> str:
        """Return the key of a release's manifest."""
        return posixpath.join(self.releases_location, release, manifest.NAME)

    def make_answer_error(self, release: str, status: int | None, why: str) -> ManifestError:
        """Return the error for an answer that is not the manifest, by its HTTP status."""
        if status == 404:
            return self.no_manifest("absent", release, f"there is no such object ({why})")
        if status in (401, 403):
            return self.no_manifest("forbidden", release, f"the store answers {status} ({why})")
        if status:
            return self.no_manifest("unreachable", release, f"the store answers {status} ({why})")
        return self.no_manifest("unreachable", release, f"the store cannot be reached ({why})")


def assert_normal(option: str, prefix: str) -> None:
    """Raise OptionError for a prefix with dots or doubled slashes, which a store takes as it is."""
    if prefix and posixpath.normpath(prefix) != prefix:
        raise OptionError(
            f"the option {option} is {prefix!r}, which a store takes letter by letter; set it to "
            f"{posixpath.normpath(prefix)!r}"
        )
