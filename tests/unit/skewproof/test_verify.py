"""``verify_releases``: every release is whole, or it is said what is not, and mended on demand."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from tests.unit.skewproof.memory import Memory, World, collection
from tests.unit.skewproof.project import TREE

from skewproof.management.base import Exit
from skewproof.publishing.publish import publish
from skewproof.publishing.verify import verify
from skewproof.stores.bucket import Bucket

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project

LOGO = "img/logo.svg"


def run(project: Project, *arguments: str, release: str = "v1") -> str:
    """Run the command in a process of the release; return what it prints on stdout and stderr."""
    out = StringIO()
    with project.active(release):
        call_command("verify_releases", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def fail(project: Project, *arguments: str, release: str = "v1") -> tuple[str, CommandError]:
    """Return what the command prints and raises where a release is not whole."""
    out = StringIO()
    with project.active(release), pytest.raises(CommandError) as caught:
        call_command("verify_releases", *arguments, stdout=out, stderr=out)
    assert caught.value.returncode == Exit.NOT_WHOLE
    return out.getvalue(), caught.value


def asset(project: Project, source: str = LOGO, release: str = "v1") -> str:
    found: str = project.manifest(release)["paths"][source]
    return found


def flip(project: Project, name: str) -> bytes:
    """Change one byte of an asset, and return it as it was."""
    body = project.place.read(f"static/{name}")
    project.place.write(f"static/{name}", body[:-1] + bytes([body[-1] ^ 1]))
    return body


@pytest.mark.usefixtures("everywhere")
def test_a_whole_store_is_called_whole_and_nothing_is_changed(project: Any) -> None:
    project.publish("v1")
    project.write({**TREE, LOGO: "<svg/>"})
    project.publish("v2")
    before = project.place.entries()
    for arguments in ((), ("--read",), ("--read", "--repair")):
        assert "every release is whole" in run(project, *arguments, release="v2")
    document = json.loads(run(project, "--read", "--json"))
    assert document["whole"]
    assert document["read"] == document["assets"] == 9
    assert [*document["releases"]] == ["v2", "v1"]
    assert project.place.entries() == before


@pytest.mark.usefixtures("everywhere")
def test_a_flipped_byte_is_found_by_reading_named_and_mended(project: Any) -> None:
    project.publish("v1")
    before = project.place.entries()
    damaged = asset(project)
    right = flip(project, damaged)
    said, error = fail(project, "--read")
    assert f"{damaged} is damaged: release v1" in said
    assert "release v1 in" in str(error)
    assert "is not whole" in str(error)
    assert f"repaired {damaged}" in run(project, "--read", "--repair")
    assert project.place.read(f"static/{damaged}") == right
    assert project.place.entries().keys() == before.keys()


@pytest.mark.usefixtures("everywhere")
def test_what_is_missing_or_cut_is_found_without_reading_and_mended(project: Any) -> None:
    project.publish("v1")
    missing, cut = asset(project), asset(project, "css/site.css")
    project.place.delete(f"static/{missing}")
    project.place.write(f"static/{cut}", b"x")
    said, _ = fail(project)
    assert f"{missing} is missing: release v1" in said
    assert f"{cut} is damaged: release v1" in said
    run(project, "--repair")
    project.assert_whole("v1")


def test_a_flipped_byte_is_found_without_reading_where_the_store_lists_digests(
    s3_project: Project,
) -> None:
    s3_project.publish("v1")
    damaged = asset(s3_project)
    flip(s3_project, damaged)
    said, _ = fail(s3_project)
    assert f"{damaged} is damaged" in said


def test_a_directory_lists_no_digests_and_it_is_said_how_many_assets_need_reading(
    directory_project: Project,
) -> None:
    directory_project.publish("v1")
    flip(directory_project, asset(directory_project))
    assert "7 assets with a possible size: only --read tells" in run(directory_project)
    fail(directory_project, "--read")


@pytest.mark.parametrize("damage", [lambda body: body[:20], lambda _: b"x" * 100_000])
def test_damage_of_a_compressed_asset_is_found(damage: Any, s3_project: Project) -> None:
    s3_project.options = {"gzip": True}
    s3_project.write({"a.css": "a" * 60_000, "b.css": "b"})
    s3_project.publish("v1")
    assert "every release is whole" in run(s3_project, "--read")
    damaged = asset(s3_project, "a.css")
    s3_project.place.write(f"static/{damaged}", damage(s3_project.place.read(f"static/{damaged}")))
    fail(s3_project)
    run(s3_project, "--repair")
    body = s3_project.place.read(f"static/{damaged}")
    assert gzip.decompress(body) == b"a" * 60_000


def test_an_image_of_another_release_mends_what_it_has_and_says_what_it_has_not(
    directory_project: Project,
) -> None:
    project = directory_project
    project.publish("v1")
    shared, own = asset(project, "css/base.css"), asset(project)
    project.write({**TREE, LOGO: "<svg/>"})
    project.publish("v2")
    flip(project, shared)
    flip(project, own)
    said, error = fail(project, "--read", "--repair", release="v2")
    assert f"repaired {shared}" in said
    assert f"{own} is damaged: release v1" in said
    assert "in an image of release v1" in str(error)
    project.assert_whole("v2")
    project.write(TREE)
    run(project, "--read", "--repair", release="v1")
    project.assert_whole("v1")


def test_a_file_of_this_image_that_only_has_the_name_is_not_written(
    directory_project: Project,
) -> None:
    """Its twelve digits are the same, its content is not."""
    project = directory_project
    project.publish("v1")
    damaged = asset(project)
    flip(project, damaged)
    document = project.manifest("v1")
    names = sorted(set(document["paths"].values()))
    start = 32 * names.index(damaged)
    other = document["md5"][start : start + 12] + "0" * 20
    document["md5"] = document["md5"][:start] + other + document["md5"][start + 32 :]
    project.place.write("releases/v1/staticfiles.json", json.dumps(document).encode())
    before = project.place.entries()
    fail(project, "--read", "--repair")
    assert project.place.entries() == before


def test_two_releases_that_want_two_contents_under_one_name_are_found(
    directory_project: Project,
) -> None:
    project = directory_project
    project.publish("v1")
    project.publish("v2")
    document = project.manifest("v2")
    document["md5"] = "0" * len(document["md5"])
    project.place.write("releases/v2/staticfiles.json", json.dumps(document).encode())
    said, _ = fail(project)
    assert f"{asset(project)} is conflicting: release v2 and 1 more" in said


def test_a_manifest_without_contents_is_verified_by_the_hashes_in_the_names(
    project: Any,
) -> None:
    project.publish("v1")
    document = project.manifest("v1")
    del document["md5"], document["sizes"]
    project.place.write("releases/v1/staticfiles.json", json.dumps(document).encode())
    assert "every release is whole" in run(project, "--read")
    flip(project, asset(project))
    fail(project, "--read")
    run(project, "--read", "--repair")
    project.assert_whole("v1")


def test_where_neither_manifest_nor_name_says_what_an_asset_holds_nobody_claims_to_know(
    directory_project: Project,
) -> None:
    """As of a project with names of its own, published by an earlier version."""
    project = directory_project
    project.publish("v1")
    document = project.manifest("v1")
    del document["md5"], document["sizes"]
    document["paths"]["own.js"] = "own-1a2b.js"
    project.place.write("static/own-1a2b.js", b"whatever")
    project.place.write("releases/v1/staticfiles.json", json.dumps(document).encode())
    assert "1 asset with a possible size: nothing tells" in run(project, "--read")
    assert json.loads(run(project, "--read", "--json"))["untold"] == 1


def test_a_manifest_that_cannot_be_read_makes_its_release_not_whole(project: Any) -> None:
    project.publish("v1")
    project.publish("v2")
    project.place.write("releases/v1/staticfiles.json", b"[" * 100_000)
    said, error = fail(project)
    assert "it is not JSON" in said
    assert "release v1 in" in str(error)
    assert "every release is whole" in run(project, "v2")


def test_strangers_orphans_and_intents_are_counted_and_are_no_fault(project: Any) -> None:
    project.publish("v1")
    project.publish("v2")
    project.place.write("static/robots.txt", b"x")
    project.place.write("static/js/old.0123456789ab.js", b"x")
    project.publish("v1")
    document = json.loads(run(project, "--json"))
    assert (document["orphans"], document["strangers"]) == (1, 1)
    assert document["intents"] == {"publish": 0, "prune": 0, "renew": 1}
    assert document["whole"]


def test_a_release_that_is_not_there_is_named(directory_project: Project) -> None:
    directory_project.publish("v1")
    with pytest.raises(CommandError, match=r"there is no release v9 in .*manage\.py releases"):
        run(directory_project, "v9")


def test_where_no_listed_digest_fits_only_reading_tells(
    s3_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Amazon's ETags look like MD5s, and are none, where KMS encrypts."""
    from dataclasses import replace

    s3_project.publish("v1")
    plain_list = Bucket.list_assets

    def encrypted(self: Bucket, *given: Any) -> Any:
        return {
            name: replace(each, digest="0" * 32) for name, each in plain_list(self, *given).items()
        }

    monkeypatch.setattr(Bucket, "list_assets", encrypted)
    assert "7 assets with a possible size" in run(s3_project)
    assert "every release is whole" in run(s3_project, "--read")


def test_progress_counts_what_has_been_read() -> None:
    world = World()
    publish("v1", collection({"a": "1", "b": "2"}), Memory(world), lambda _: None)
    seen: list[tuple[int, int]] = []
    found = verify(
        Memory(world), (), lambda _: False, lambda *counts: seen.append(counts), read=True
    )
    assert found.is_whole()
    assert seen == [(1, 2), (2, 2)]
