"""Where things are: the checkout that the lab is part of, and the folder it writes to."""

from __future__ import annotations

from pathlib import Path

from lab.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"
NGINX = ROOT / "nginx"
EXPLORE = NGINX / "explore"
"""The files of the explore page."""
CHARTS = ROOT / "scripts" / "lab" / "report" / "charts"
"""What draws the charts of reports and of the explore page."""
MINIO = ROOT / "minio"
WORK = ROOT / ".lab"
"""Everything that the lab writes; a folder in it for each stack, and these."""
BUILDS = "build"
EXTERNAL = "probe"
"""Histories of external sites, which are no stacks of this checkout."""
MATRIX = "matrix"
"""Runs of the matrix."""


def stack_folder(name: str) -> Path:
    """Return where a stack keeps its state, its logs and its histories."""
    return WORK / name


def build_folder() -> Path:
    """Return where the embedded engine keeps the releases that it has built."""
    return WORK / BUILDS


def releases() -> tuple[str, ...]:
    """Return the releases that have sources in app/releases, in order."""
    return tuple(sorted(path.name for path in (APP / "releases").iterdir() if path.is_dir()))


def require_release(release: str) -> str:
    """Return `release`, or say which ones there are.

    Raises:
        LabError: there is no folder app/releases/<release>.
    """
    if release not in releases():
        raise LabError(f"unknown release {release}: app/releases has {', '.join(releases())}")
    return release
