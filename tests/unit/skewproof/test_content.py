"""Content decides what an asset is, never its name: two files may share the digits in a name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError
from tests.unit.skewproof.project import TREE

from skewproof.management.base import Exit
from skewproof.publishing import proof, publish
from skewproof.stores.bucket import Bucket
from skewproof.stores.directory import Directory
from skewproof.stores.store import md5

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.skewproof.project import Project

# Found by trying 40 million contents: the first twelve digits of their MD5s are the same.
ONE, OTHER = "/* 007624b4 */", "/* 00e5dc72 */"
SHARED = "is another file whose MD5 begins with the same digits"


def test_the_two_contents_share_their_digits_and_their_size() -> None:
    assert md5(ONE.encode())[:12] == md5(OTHER.encode())[:12]
    assert len(ONE) == len(OTHER)
    assert md5(ONE.encode()) != md5(OTHER.encode())


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("gzip", [False, True])
def test_a_file_that_shares_a_name_with_another_releases_file_is_refused(
    gzip: bool, project: Any
) -> None:
    if gzip and project.place.kind not in ("directory", "azure"):
        project.options = {"gzip": True}
    project.write({**TREE, "a.css": ONE})
    project.publish("v1")
    before = project.place.entries()
    project.write({**TREE, "a.css": OTHER})
    with pytest.raises(CommandError, match=SHARED) as caught:
        project.publish("v2")
    assert caught.value.returncode == Exit.REFUSED
    assert "a comment will do" in str(caught.value)
    assert project.place.entries() == before
    with pytest.raises(CommandError, match=r"a\.0*\w+\.css has other content here"):
        project.publish("v1")


def test_a_file_that_another_publish_wrote_meanwhile_is_compared_as_well(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other publish writes after this one has listed, and before it writes itself."""
    writing = publish.write

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(publish, "write", writing)
        project.write({**TREE, "a.css": ONE})
        project.publish("v1")
        writing(*arguments)

    project.write({**TREE, "a.css": OTHER})
    ours = project.source
    project.source = ours.with_name("theirs")
    monkeypatch.setattr(publish, "write", overtaken)
    with pytest.raises(CommandError, match=SHARED):
        project.publish("v2", STATICFILES_DIRS=[ours])
    project.assert_whole("v1")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the assets that are read from the directory."""
    names: list[str] = []
    plain = Directory.read_asset

    def noted(self: Directory, name: str) -> bytes | None:
        names.append(name)
        return plain(self, name)

    monkeypatch.setattr(Directory, "read_asset", noted)
    return names


def test_only_what_no_manifest_proves_is_read(directory_project: Project, read: list[str]) -> None:
    directory_project.publish("v1")
    for release in ("v1", "v2"):
        assert "0 new" in directory_project.publish(release)
    assert not read
    for release in ("v1", "v2"):
        forget_contents(directory_project, release)
    assert "0 new" in directory_project.publish("v3")
    assert sorted(read) == sorted(directory_project.manifest("v3")["paths"].values())


def forget_contents(project: Project, release: str) -> None:
    """Make a manifest one of a version that did not write what assets hold."""
    document = project.manifest(release)
    del document["md5"], document["sizes"]
    project.place.write(f"releases/{release}/staticfiles.json", json.dumps(document).encode())


def test_a_manifest_that_says_something_else_makes_the_asset_be_read(
    directory_project: Project, read: list[str]
) -> None:
    """It is the file that counts: here it is right, and the manifest is not."""
    directory_project.publish("v1")
    document = directory_project.manifest("v1")
    document["md5"] = "0" * len(document["md5"])
    directory_project.place.write("releases/v1/staticfiles.json", json.dumps(document).encode())
    assert "0 new" in directory_project.publish("v2")
    assert sorted(read) == sorted(document["paths"].values())


@pytest.mark.parametrize("key", ["md5", "sizes"])
@pytest.mark.parametrize("value", [None, 7, "xyz", [], ["a"], {}])
def test_contents_that_do_not_fit_prove_nothing_and_hurt_nobody(
    key: str, value: Any, directory_project: Project
) -> None:
    directory_project.publish("v1")
    document = {**directory_project.manifest("v1"), key: value}
    directory_project.place.write("releases/v1/staticfiles.json", json.dumps(document).encode())
    assert "was published already" in directory_project.publish("v1")
    assert "0 new" in directory_project.publish("v2")
    with directory_project.active("v1"):
        assert directory_project.storage().url(min(TREE))


@pytest.mark.usefixtures("everywhere")
def test_the_manifest_says_what_the_assets_hold(project: Any) -> None:
    project.publish("v1")
    document = project.manifest("v1")
    names = sorted(set(document["paths"].values()))
    bodies = [project.place.read(f"static/{name}") for name in names]
    assert document["sizes"] == [len(body) for body in bodies]
    assert document["md5"] == "".join(map(md5, bodies))


def lose(name: str) -> Callable[[Any, str, bytes, Any], bool]:
    """Return a way to write assets that loses one, and says that it did not."""

    def create(store: Any, given: str, body: bytes, headers: Any) -> bool:
        kind = type(store)
        return True if given.startswith(name) else PLAIN[kind](store, given, body, headers)

    return create


PLAIN: dict[type, Any] = {each: each.create_asset for each in (Bucket, Directory)}


def test_what_a_store_has_lost_is_seen_after_the_commit(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(project.storage().open_store(0))
    monkeypatch.setattr(kind, "create_asset", lose("img/logo."))
    with pytest.raises(CommandError, match=r"release v1 is published, and yet: .* lacks 1 of"):
        project.publish("v1")
    monkeypatch.setattr(kind, "create_asset", PLAIN[kind])
    assert "1 new" in project.publish("v1")
    project.assert_whole("v1")


def test_what_a_store_has_garbled_is_seen_after_the_commit(
    s3_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(store: Any, name: str, body: bytes, headers: Any) -> bool:
        garbled = b"x" * len(body) if name.startswith("img/logo.") else body
        made: bool = PLAIN[Bucket](store, name, garbled, headers)
        return made

    monkeypatch.setattr(Bucket, "create_asset", create)
    with pytest.raises(CommandError, match="has other bytes than its hash says"):
        s3_project.publish("v1")


def test_no_more_manifests_are_asked_than_a_few(directory_project: Project) -> None:
    for number in range(proof.ASKED + 1):
        directory_project.publish(f"v{number}")
    with directory_project.active("v1"):
        store = directory_project.storage().open_store(0)
        found = [each.release for each in proof.read_newest(store)]
    assert len(found) == proof.ASKED
    assert "v0" not in found
