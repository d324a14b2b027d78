from __future__ import annotations

import contextlib
import gzip
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import CommandError
from tests.unit.skewproof.project import TREE

from skewproof.management.base import Exit
from skewproof.stores.bucket import Bucket
from skewproof.stores.store import Stored, md5

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Proxy


def hashed(entries: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    names = {f"static/{name}" for name in manifest["paths"].values()}
    return {key: entry for key, entry in entries.items() if key in names}


@pytest.mark.usefixtures("everywhere")
def test_a_release_is_there_whole_once_it_is_published(project: Any) -> None:
    out = project.publish("v1")
    project.assert_whole("v1")
    assert out.startswith("release v1 is published: 14 new, 0 reused")
    assert len(project.manifest("v1")["paths"]) == 7


@pytest.mark.usefixtures("everywhere")
def test_a_second_release_rewrites_and_deletes_no_asset_of_the_first(
    project: Any, next_tree: dict[str, str]
) -> None:
    project.publish("v1")
    before = project.place.entries()
    manifest = before["releases/v1/staticfiles.json"]
    project.write(next_tree)
    out = project.publish("v2")
    after = project.place.entries()
    assets = hashed(before, project.manifest("v1"))
    assert len(assets) == 7
    assert {key: after.get(key) for key in assets} == assets
    assert after["releases/v1/staticfiles.json"] == manifest
    project.assert_whole("v1")
    project.assert_whole("v2")
    # New: the changed image and the stylesheet that names it, and the new file; copies likewise,
    # but for the stylesheet, whose source is the same.
    assert "5 new, 11 reused" in out


@pytest.mark.usefixtures("everywhere")
def test_an_unhashed_copy_is_rewritten_only_when_its_content_has_changed(
    project: Any, next_tree: dict[str, str]
) -> None:
    project.publish("v1")
    before = project.place.entries()
    project.write(next_tree)
    project.publish("v2")
    after = project.place.entries()
    assert project.place.read("static/img/logo.svg").decode() == next_tree["img/logo.svg"]
    assert after["static/css/base.css"] == before["static/css/base.css"]
    assert after["static/img/logo.svg"] != before["static/img/logo.svg"]


@pytest.mark.usefixtures("everywhere")
def test_publishing_the_same_again_says_so_and_writes_nothing(project: Any) -> None:
    project.publish("v1")
    before = project.place.entries()
    out = project.publish("v1")
    assert out.startswith("release v1 was published already, with the same content: 0 new")
    assert ", 0 B, " in out
    assert project.place.entries() == before


def test_publishing_an_older_release_again_leaves_the_later_ones_unhashed_copies_alone(
    project: Any, next_tree: dict[str, str]
) -> None:
    project.publish("v1")
    project.write(next_tree)
    project.publish("v2")
    before = project.place.entries()
    project.write(TREE)
    assert "0 new" in project.publish("v1")
    after = project.place.entries()
    assert after.keys() - before.keys() == {"releases/_intents/renew-v1.json"}
    assert {key: after[key] for key in before} == before


def test_publishing_again_puts_back_an_asset_that_somebody_has_deleted(project: Any) -> None:
    project.publish("v1")
    lost = f"static/{project.manifest('v1')['paths']['img/logo.svg']}"
    project.place.delete(lost)
    assert "1 new" in project.publish("v1")
    project.assert_whole("v1")


@pytest.mark.usefixtures("everywhere")
def test_other_content_under_the_same_id_is_refused_with_what_differs(
    project: Any, next_tree: dict[str, str]
) -> None:
    project.publish("v1")
    before = project.place.entries()
    project.write(
        {name: text for name, text in next_tree.items() if name != "fonts/a.woff2"}
        | {
            "css/base.css": "",
        }
    )
    with pytest.raises(CommandError, match="with other content") as caught:
        project.publish("v1")
    message = str(caught.value)
    assert caught.value.returncode == 3
    assert "img/logo.svg is img/logo." in message
    assert "fonts/a.woff2 is only there" in message
    assert "\n" not in message
    assert project.place.entries() == before


def test_a_damaged_asset_is_reported_and_not_overwritten(project: Any) -> None:
    project.publish("v1")
    damaged = f"static/{project.manifest('v1')['paths']['img/logo.svg']}"
    project.place.write(damaged, b"half")
    with pytest.raises(CommandError, match="has other bytes than its hash says, so it is damaged"):
        project.publish("v2")
    assert project.place.read(damaged) == b"half"


@pytest.mark.parametrize("release", ["v1", "v2"])
def test_a_flipped_byte_is_found_where_the_store_lists_digests(
    release: str, s3_project: Project
) -> None:
    s3_project.publish("v1")
    damaged = f"static/{s3_project.manifest('v1')['paths']['img/logo.svg']}"
    flipped = s3_project.place.read(damaged).replace(b"svg", b"swg", 1)
    s3_project.place.write(damaged, flipped)
    with pytest.raises(CommandError, match="has other bytes than its hash says, so it is damaged"):
        s3_project.publish(release)
    assert s3_project.place.read(damaged) == flipped
    assert "releases/v2/staticfiles.json" not in s3_project.place.entries()


@pytest.mark.parametrize(
    "damage", [lambda body: body[:20], lambda _: b"", lambda body: body[:-9] + b"\0" * 9]
)
def test_a_damaged_file_is_found_though_it_is_compressed(
    damage: Callable[[bytes], bytes], s3_project: Project
) -> None:
    s3_project.options = {"gzip": True}
    s3_project.publish("v1")
    damaged = f"static/{s3_project.manifest('v1')['paths']['css/site.css']}"
    s3_project.place.write(damaged, damage(s3_project.place.read(damaged)))
    with pytest.raises(CommandError, match="has other bytes than its hash says"):
        s3_project.publish("v2")


@pytest.mark.parametrize(
    ("stored", "is_damaged"),
    [(b"\x1f" * 20, True), (b"x" * 100_000, True), (gzip.compress(b"a" * 20_000, 1), False)],
)
def test_a_large_compressed_file_is_read_if_it_cannot_be_so_long(
    stored: bytes, is_damaged: bool, s3_project: Project
) -> None:
    s3_project.options = {"gzip": True}
    s3_project.write({"a.css": "a" * 20_000, "b.css": "b"})
    s3_project.publish("v1")
    s3_project.place.write(f"static/{s3_project.manifest('v1')['paths']['a.css']}", stored)
    found = (
        contextlib.nullcontext() if not is_damaged else pytest.raises(CommandError, match="damaged")
    )
    with found:
        assert "is published" in s3_project.publish("v2")


def test_a_file_that_was_compressed_elsewhere_is_not_taken_for_a_damaged_one(
    s3_project: Project,
) -> None:
    s3_project.options = {"gzip": True}
    s3_project.publish("v1")
    asset = f"static/{s3_project.manifest('v1')['paths']['css/site.css']}"
    body = gzip.decompress(s3_project.place.read(asset))
    s3_project.place.write(asset, gzip.compress(body, compresslevel=1, mtime=1))
    assert "is published" in s3_project.publish("v2")


def test_a_listing_without_md5s_proves_no_damage(
    s3_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Amazon's ETags look like MD5s, and are none, where KMS encrypts."""
    s3_project.publish("v1")
    plain_list = Bucket.list_assets

    def encrypted(self: Bucket, *given: Any) -> dict[str, Stored]:
        found = plain_list(self, *given)
        return {name: replace(each, digest=md5(name.encode())) for name, each in found.items()}

    monkeypatch.setattr(Bucket, "list_assets", encrypted)
    assert "7 reused" in s3_project.publish("v2")


def test_a_source_with_the_name_of_an_asset_does_not_overwrite_it(project: Any) -> None:
    project.publish("v1")
    asset = project.manifest("v1")["paths"]["js/shop.js"]
    before = project.place.entries()
    project.write({**TREE, "js/shop.js": "other", asset: "not v1's"})
    with pytest.raises(CommandError, match="has the name of a hashed file") as caught:
        project.publish("v2")
    assert caught.value.returncode == Exit.REFUSED
    assert project.place.entries() == before
    project.assert_whole("v1")


def test_a_source_with_the_name_of_a_hashed_file_is_written_only_where_nothing_is(
    watched: Project, proxy: Proxy
) -> None:
    name = "js/app.0123456789ab.js"
    watched.write({**TREE, name: "of a bundler"})
    watched.publish("v1")
    key = watched.place.key(f"static/{name}")
    (written,) = (each for each in proxy.writes() if each.path.endswith(key))
    assert written.headers["if-none-match"] == "*"
    watched.write({**TREE, name: "of a bundler", "n.txt": "n"})
    assert "is published" in watched.publish("v2")


def test_a_release_whose_manifest_is_corrupt_is_not_published_over(project: Any) -> None:
    project.place.write("releases/v1/staticfiles.json", b"{")
    with pytest.raises(CommandError, match="it is not JSON"):
        project.publish("v1")
    assert list(project.place.entries()) == ["releases/v1/staticfiles.json"]


@pytest.mark.usefixtures("everywhere")
def test_of_many_publishes_of_one_id_at_once_one_commits_and_the_others_say_so(
    project: Any,
) -> None:
    from django.core.management import call_command

    said: list[str] = []
    gate = threading.Barrier(6)

    def run() -> None:
        from io import StringIO

        out = StringIO()
        gate.wait(10)
        call_command("collectstatic", "--no-input", stdout=out)
        said.append(out.getvalue())

    with project.active("v1"):
        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(said) == 6
    assert sum("is published:" in text for text in said) == 1
    assert sum("was published already" in text for text in said) == 5
    project.assert_whole("v1")


def test_of_two_publishes_of_one_id_with_other_content_the_later_is_refused_at_the_commit(
    project: Any, next_tree: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other publish commits after this one has looked, and before it commits itself."""
    from skewproof.publishing import publish

    committing = publish.write_manifest

    def overtaken(*arguments: Any) -> bool:
        monkeypatch.setattr(publish, "write_manifest", committing)
        project.write(next_tree)
        project.publish("v1")
        return committing(*arguments)

    monkeypatch.setattr(publish, "write_manifest", overtaken)
    with pytest.raises(CommandError, match="with other content"):
        project.publish("v1")
    assert "n.txt" in project.manifest("v1")["paths"]
    project.assert_whole("v1")


def test_two_releases_published_at_once_are_both_whole(
    project: Any, next_tree: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from skewproof.publishing import publish

    committing = publish.write_manifest

    def overtaken(*arguments: Any) -> bool:
        monkeypatch.setattr(publish, "write_manifest", committing)
        project.write(next_tree)
        project.publish("v2")
        return committing(*arguments)

    monkeypatch.setattr(publish, "write_manifest", overtaken)
    project.publish("v1")
    project.assert_whole("v1")
    project.assert_whole("v2")


def test_a_manifest_that_vanishes_while_two_publish_is_not_called_published(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = type(project.storage().open_store(0))
    create = store.create_private
    monkeypatch.setattr(
        store,
        "create_private",
        lambda store, key, content: "_intents" in key and create(store, key, content),
    )
    with pytest.raises(CommandError, match="was there and is gone"):
        project.publish("v1")


def test_the_manifest_is_readable_by_stock_django(project: Any, tmp_path: Path) -> None:
    project.publish("v1")
    manifest = project.manifest("v1")
    content = project.place.read("releases/v1/staticfiles.json")
    (tmp_path / "staticfiles.json").write_bytes(content)
    with project.active("v1"):
        stock = ManifestStaticFilesStorage(location=tmp_path)
        for name, asset in manifest["paths"].items():
            assert stock.url(name) == f"/static/{asset}"
    assert manifest["version"] == "1.1"
    assert manifest["hash"]
    assert manifest["release"] == "v1"
    assert manifest["bytes"] > 0


def test_no_file_is_left_in_the_store_beside_assets_copies_and_manifests(project: Any) -> None:
    project.publish("v1")
    paths = project.manifest("v1")["paths"]
    expected = {f"static/{name}" for pair in paths.items() for name in pair}
    assert project.place.entries().keys() == expected | {"releases/v1/staticfiles.json"}
