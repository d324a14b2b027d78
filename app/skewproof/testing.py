"""A storage for a project's own tests: it needs no release, no collectstatic and no store."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.exceptions import SuspiciousFileOperation

URL = "/static/"  # where a project sets no STATIC_URL, as it may with a bucket


class Sources(dict[str, str]):
    """In a manifest's place: every file that a finder knows, under its own name."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - as a dict has it
        """Return the name, or raise ValueError as a manifest without it would make Django do."""
        if not is_source(name):
            raise ValueError(
                f"no finder knows the static file {name!r}: no app and none of STATICFILES_DIRS "
                "has it, so that a page that names it would fail in production"
            )
        return name


class FinderStorage(ManifestStaticFilesStorage):
    """Names files by their source names, and fails, in DEBUG as well, on one that is not there."""

    def __init__(self, location: Any = None, base_url: str | None = None, **options: Any) -> None:
        super().__init__(location, base_url or settings.STATIC_URL or URL, **options)

    def load_manifest(self) -> tuple[dict[str, str], str]:  # type: ignore[override] # stubs err
        """Return the files that are there at any time; nothing is read."""
        return Sources(), ""

    def url(self, name: str | None, force: bool = True) -> str:  # noqa: ARG002
        """Return the URL of a file; the name is looked up even where Django would not."""
        return str(super().url(str(name), force=True))


def is_source(name: str) -> bool:
    """Return whether a finder knows a file, and not just a folder, of exactly this name."""
    # Finders follow such a path; to a manifest it is a name that it lacks.
    if name != posixpath.normpath(name) or name.startswith(("/", "../")):
        return False
    try:
        found = finders.find(name, find_all=True) or []
    except SuspiciousFileOperation:  # it leads out of the folders
        return False
    return any(Path(each).is_file() for each in found)
