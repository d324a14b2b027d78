"""Where things are: the checkout that the lab is part of, and the folder it writes to."""

from __future__ import annotations

from pathlib import Path

from lab.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"
NGINX = ROOT / "nginx"
MINIO = ROOT / "minio"
WORK = ROOT / ".lab"


def releases() -> tuple[str, ...]:
    """The releases that have sources in app/releases, in order."""
    return tuple(sorted(path.name for path in (APP / "releases").iterdir() if path.is_dir()))


def require_release(release: str) -> str:
    """Return `release`, or say which ones there are.

    Raises:
        LabError: there is no folder app/releases/<release>.
    """
    if release not in releases():
        raise LabError(f"unknown release {release}: app/releases has {', '.join(releases())}")
    return release
