"""The release id: chosen once, when the image is built, and only read afterwards.

It comes from one place: the environment variable ``RELEASE_ID``, else the file that the build
wrote into the image. There is no third place and no default, since two releases that share an id
(such as "unknown") share a manifest, and that is the fault that this package exists to prevent.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from django.conf import settings

from skewproof.errors import ReleaseIdError

VARIABLE = "RELEASE_ID"
SETTING = "SKEWPROOF_RELEASE_FILE"
# The id becomes a directory name in the store: no separators, nothing hidden, nothing relative.
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RULE = (
    "an id starts with a letter or digit, goes on with letters, digits, '.', '_' or '-', "
    "has at most 100 characters and no '..'"
)


def release_id(file: Path | None = None) -> str:
    """Return the id of the release that this process belongs to.

    Args:
        file: The file that the build wrote the id into. By default the setting
            ``SKEWPROOF_RELEASE_FILE``, else ``BASE_DIR / "RELEASE"``. A settings module that wants
            the id while it is being imported passes the path, as no setting can be read yet.

    Raises:
        ReleaseIdError: There is no id, or it is not safe as a path.
    """
    value = os.environ.get(VARIABLE, "")
    # Compose and CI systems pass a variable that is not set as an empty one.
    if value:
        return check_release_id(value, f"the environment variable {VARIABLE}")
    path = file or find_release_file()
    if path is None:
        raise ReleaseIdError(describe_missing("and no file was named"))
    return check_release_id(read_release_file(path), str(path))


def known_release_id() -> str | None:
    """Return the release id, or None where there is none."""
    try:
        return release_id()
    except ReleaseIdError:
        return None


def check_release_id(value: str, source: str) -> str:
    """Return the value if it is safe as a path; the source is for the error message."""
    if not is_safe(value):
        raise ReleaseIdError(f"release id {value!r} from {source} is not safe as a path: {RULE}")
    return value


def is_safe(value: str) -> bool:
    """Return whether the value can be a release id."""
    return SAFE.fullmatch(value) is not None and ".." not in value


def find_release_file() -> Path | None:
    """Return the file named by the settings, or None while there are no settings."""
    if not settings.configured:
        return None
    named = getattr(settings, SETTING, None)
    if named:
        return Path(named)
    base = getattr(settings, "BASE_DIR", None)
    return Path(base) / "RELEASE" if base else None


def read_release_file(path: Path) -> str:
    """Return what the build wrote into the file, without the newline at its end."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise ReleaseIdError(describe_missing(f"and there is no file {path}")) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseIdError(describe_missing(f"and {path} cannot be read: {error}")) from error


def describe_missing(why: str) -> str:
    """Return the message for an id that is nowhere."""
    return (
        f"no release id: the environment variable {VARIABLE} is not set {why}; "
        f"set {VARIABLE}, or write the id into that file when the image is built, with "
        '"python -m skewproof.write_release"'
    )
