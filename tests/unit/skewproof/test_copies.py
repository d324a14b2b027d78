"""The option that leaves unhashed copies out, beside everything else that a publish promises."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command
from tests.unit.skewproof.project import TREE

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project


@pytest.fixture
def project(directory_project: Project) -> Project:
    """Return a project that leaves unhashed copies out; which store it is makes no difference."""
    directory_project.options = {"unhashed_copies": False}
    return directory_project


def copies(project: Project) -> set[str]:
    return {key.removeprefix("static/") for key in project.place.entries()} & TREE.keys()


def with_copies(project: Project, release: str) -> str:
    options, project.options = project.options, {}
    try:
        return project.publish(release)
    finally:
        project.options = options


def test_only_hashed_names_are_stored_and_every_page_finds_its_files(project: Project) -> None:
    assert "7 new, 0 reused" in project.publish("v1")
    assets = {f"static/{name}" for name in project.manifest("v1")["paths"].values()}
    assert project.place.entries().keys() == assets | {"releases/v1/staticfiles.json"}
    project.assert_whole("v1")


def test_copies_of_releases_before_are_left_as_they_are(
    project: Project, next_tree: dict[str, str]
) -> None:
    with_copies(project, "v1")
    before = project.place.entries()
    project.write(next_tree)
    assert "3 new, 5 reused" in project.publish("v2")
    after = project.place.entries()
    assert {key: after.get(key) for key in before} == before
    project.assert_whole("v2")


def test_a_release_is_the_same_one_with_and_without_copies(
    project: Project, next_tree: dict[str, str]
) -> None:
    project.publish("v1")
    assert "was published already, with the same content: 0 new" in project.publish("v1")
    assert "was published already, with the same content: 7 new" in with_copies(project, "v1")
    assert copies(project) == TREE.keys()
    project.write(next_tree)
    with pytest.raises(CommandError, match="with other content") as caught:
        project.publish("v1")
    assert caught.value.returncode == 3


def test_a_dry_run_counts_no_copies(project: Project) -> None:
    out = project.publish("v1", "--dry-run")
    assert "release v1 would be published: 7 new, 0 reused (dry run)" in out
    assert out.count("Pretending to upload") == 7
    assert not project.place.entries()


def test_a_publish_that_would_store_nothing_is_refused(project: Project) -> None:
    with pytest.raises(CommandError, match="so nothing would be published"):
        project.publish("v1", "--no-post-process")
    assert not project.place.entries()


def test_a_prune_takes_the_copies_that_no_release_has_a_file_for(
    project: Project, next_tree: dict[str, str]
) -> None:
    with_copies(project, "v1")
    project.write({name: text for name, text in next_tree.items() if "shop" not in name})
    project.publish("v2")
    with project.active("v2"):
        arguments = ("--keep", "1", "--min-age", "0", "--delete")
        call_command("prune_releases", *arguments, stdout=StringIO())
    assert copies(project) == {name for name in TREE if "shop" not in name}
    project.assert_whole("v2")
