"""Two sites never share a location unseen: what a prune of one deletes, the other may serve."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from tests.unit.skewproof.project import TREE

from skewproof.management.base import Exit
from skewproof.publishing.claim import is_claim

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.skewproof.project import Project

ELSEWHERE = r"says that releases with their manifests in another place"


def elsewhere(project: Any) -> dict[str, Any]:
    """Return options by which a second site has the same location, and its own manifests."""
    if project.place.kind == "directory":
        return {"releases_location": str(project.place.root / "others")}
    return {"releases_location": f"releases/{project.place.prefix}/others"}


@pytest.mark.usefixtures("everywhere")
def test_a_second_site_in_the_same_location_is_refused_before_it_writes(project: Any) -> None:
    project.publish("v1")
    before = project.place.entries()
    project.options = elsewhere(project)
    with pytest.raises(CommandError, match=ELSEWHERE) as caught:
        project.publish("v1")
    assert caught.value.returncode == Exit.REFUSED
    after = project.place.entries()
    assert {key: entry for key, entry in after.items() if "_intents" not in key} == before


def test_a_prune_deletes_nothing_where_another_site_is(project: Any) -> None:
    for release in ("v1", "v2"):
        project.write({**TREE, "img/logo.svg": release})
        project.publish(release)
    claims = [name for name in list_assets(project) if is_claim(name)]
    assert len(claims) == 1
    project.place.write("static/.releases-0123456789ab", b"")
    before = project.place.entries()
    with pytest.raises(CommandError, match=ELSEWHERE):
        prune(project, "--keep", "1", "--min-age", "0", "--delete")
    assert project.place.entries() == before


def test_orphans_are_not_deleted_where_another_site_is_in_a_folder(project: Any) -> None:
    project.publish("v1")
    project.place.write("static/shop/.releases-0123456789ab", b"")
    assert "nothing to delete" in prune(project, "--keep", "1")
    with pytest.raises(CommandError, match=ELSEWHERE):
        prune(project, "--keep", "1", "--orphans")


def test_a_site_that_is_seen_under_another_path_is_the_same_site(
    directory_project: Project, tmp_path: Path
) -> None:
    directory_project.publish("v1")
    seen = tmp_path / "mounted"
    seen.symlink_to(directory_project.place.root, target_is_directory=True)  # type: ignore[union-attr]
    directory_project.options = {
        "location": str(seen / "static"),
        "releases_location": str(seen / "releases"),
    }
    assert "0 new" in directory_project.publish("v2")


def test_the_claim_is_no_stranger_and_no_orphan(project: Any) -> None:
    project.publish("v1")
    assert "left alone" not in prune(project, "--keep", "1", "--orphans", "--delete")
    assert any(map(is_claim, list_assets(project)))


def list_assets(project: Any) -> list[str]:
    with project.active("v1"):
        return list(project.storage().open_store(0).list_assets())


def prune(project: Any, *arguments: str) -> str:
    out = StringIO()
    with project.active("v2"):
        call_command("prune_releases", *arguments, stdout=out, stderr=out)
    return out.getvalue()
