"""Projects in which something can be pruned, and commands that do it."""

from __future__ import annotations

import itertools
from io import StringIO
from typing import TYPE_CHECKING, Any

from django.core.management import call_command
from tests.unit.skewproof.project import TREE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Request

NOW = ("--min-age", "0")


def publish_all(project: Project, *releases: str) -> None:
    """Publish releases that have each a logo of their own, and all else in common."""
    for release in releases:
        project.write({**TREE, "img/logo.svg": f"<svg id='{release}'/>"})
        project.publish(release)


def run(project: Project, command: str, *arguments: str, release: str = "v3") -> str:
    """Run a command in a process of the release."""
    out = StringIO()
    with project.active(release):
        call_command(command, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def delete(project: Project, *arguments: str, release: str = "v3") -> str:
    return run(project, "prune_releases", *NOW, *arguments, "--delete", release=release)


def own(project: Project, release: str) -> set[str]:
    """Return the files that only this release has: its logo, and what names its logo."""
    paths = project.manifest(release)["paths"]
    return {f"static/{paths[name]}" for name in ("img/logo.svg", "css/site.css")}


def releases_there(project: Project) -> set[str]:
    keys = [key for key in project.place.entries() if key.startswith("releases/")]
    return {key.split("/")[1] for key in keys}


def deletes(number: int) -> Callable[[Request], bool]:
    """Return what matches the n-th request that deletes something."""
    count = itertools.count(1)
    return lambda request: request.method == "POST" and next(count) == number


def store_of(project: Project, **options: Any) -> Any:
    return project.storage(**options).open_store(0)
