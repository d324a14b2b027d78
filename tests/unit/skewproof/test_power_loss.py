"""The power fails at every step of a publish and of a prune, in a directory.

Whatever of the unsynced has reached the disk by then: a release that is there is whole.
"""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import FileSystemStorage
from tests.unit.skewproof.memory import collection
from tests.unit.skewproof.powerloss import Disk

from skewproof import manifest
from skewproof.publishing import prune
from skewproof.publishing.publish import publish
from skewproof.publishing.retention import Policy
from skewproof.stores.directory import Directory
from skewproof.stores.store import md5

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

OLD = {"css/a": "old", "img/b": "same"}
NEW = {"css/a": "new", "img/b": "same", "js/deep/c": "c"}
BODIES = {content.encode() for tree in (OLD, NEW) for content in tree.values()}


def open_store(root: Path) -> Directory:
    made = Directory(root / "static", root / "releases", FileSystemStorage(root / "static"))
    made.workers = 1  # so that a step is the same in every run
    return made


def publish_on(root: Path, release: str, tree: dict[str, str]) -> str:
    return str(publish(release, collection(tree), open_store(root), lambda _: None))


def prune_on(root: Path) -> None:
    store, policy = open_store(root), Policy(keep=1, running="v2", min_age=timedelta())
    plan = prune.plan_prune(store, policy, datetime.now(UTC))
    prune.prune(plan, store, policy)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """An empty disk."""
    (tmp_path / "disk").mkdir()
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


def releases_in(files: dict[str, bytes]) -> dict[str, bytes]:
    return {
        release: content
        for path, content in files.items()
        if (release := manifest.find_release(path.removeprefix("releases/")))
    }


def assert_whole(files: dict[str, bytes]) -> None:
    """Every release whose manifest is there has all its files, and those are what they were."""
    for release, content in releases_in(files).items():
        assert content.startswith(b"{"), f"the manifest of {release} is torn"
        for name, asset in manifest.parse(content, release, "disk").paths.items():
            assert f"static/{asset}" in files, f"release {release} lacks {asset}"
            assert md5(files[f"static/{asset}"])[:12] in asset, f"{asset} is torn"
            assert files.get(f"static/{name}") in BODIES, f"{name} is torn or gone"


def watch(disk: Disk, always: Collection[str] = ()) -> list[dict[str, bytes]]:
    """Look after each step, from now on; return where all that may be left will be."""
    seen: list[dict[str, bytes]] = []

    def look() -> None:
        for files in disk.outcomes():
            assert_whole(files)
            assert releases_in(files).keys() >= set(always)
            if files not in seen:
                seen.append(files)

    disk.look = look
    return seen


def with_both(disk: Disk) -> None:
    publish_on(disk.root, "v1", OLD)
    publish_on(disk.root, "v2", NEW)
    disk.settle()


def publishing_is_safe(disk: Disk) -> list[dict[str, bytes]]:
    """Publish the second release; return what may be left of the disk on the way."""
    publish_on(disk.root, "v1", OLD)
    disk.settle()
    seen = watch(disk, always=["v1"])
    with disk.running():
        publish_on(disk.root, "v2", NEW)
    assert releases_in(disk.outcome(())).keys() == {"v1", "v2"}
    return seen


def pruning_is_safe(disk: Disk) -> None:
    with_both(disk)
    watch(disk, always=["v2"])
    with disk.running():
        prune_on(disk.root)
    assert releases_in(disk.outcome(())).keys() == {"v2"}


def test_no_failure_of_the_power_leaves_a_part_of_the_first_release(disk: Disk) -> None:
    watch(disk)
    with disk.running():
        publish_on(disk.root, "v1", OLD)
    assert disk.steps > 20
    assert releases_in(disk.outcome(())).keys() == {"v1"}


def test_after_a_failure_of_the_power_in_a_publish_the_same_command_ends_well(
    disk: Disk, tmp_path: Path
) -> None:
    for number, files in enumerate(publishing_is_safe(disk)):
        root = tmp_path / str(number)
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        assert "v2 " in publish_on(root, "v2", NEW)
        left = Disk(root)
        assert_whole(left.outcome(()))
        assert releases_in(left.outcome(())).keys() == {"v1", "v2"}
        left.close()
    assert number > 10


def test_no_failure_of_the_power_in_a_prune_leaves_a_release_without_a_file(disk: Disk) -> None:
    pruning_is_safe(disk)


def test_what_a_killed_publish_left_is_durable_before_another_relies_on_it(tmp_path: Path) -> None:
    """The machine lives on, so that the next one finds names that were never synced."""
    number, is_done = 0, False
    while not is_done:
        number += 1
        root = tmp_path / str(number)
        root.mkdir()
        disk = Disk(root)
        with disk.running(dies_at=number):
            publish_on(root, "v2", NEW)
        is_done = disk.steps < number
        watch(disk)
        with disk.running():
            publish_on(root, "v2", NEW)
        assert releases_in(disk.outcome(())).keys() == {"v2"}
        disk.close()
    assert number > 10


def test_what_a_killed_prune_deleted_is_durable_before_another_goes_on(tmp_path: Path) -> None:
    number, is_done = 0, False
    while not is_done:
        number += 1
        root = tmp_path / str(number)
        root.mkdir()
        disk = Disk(root)
        with_both(disk)
        with disk.running(dies_at=number):
            prune_on(root)
        is_done = disk.steps < number
        watch(disk, always=["v2"])
        with disk.running():
            prune_on(root)
        assert releases_in(disk.outcome(())).keys() == {"v2"}
        disk.close()
    assert number > 5


def synced_by_a_publish(root: Path, monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Publish to a directory below the root, and return what was synced."""
    found: set[Path] = set()
    with monkeypatch.context() as patched:
        patched.setattr(
            os, "fsync", lambda handle: found.add(Path(f"/proc/self/fd/{handle}").readlink())
        )
        publish_on(root, "v1", OLD)
    return found


def test_what_leads_to_the_store_is_synced_as_far_as_a_publish_may_have_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "others" / "mounted" / "ours"
    synced = synced_by_a_publish(ours, monkeypatch)
    assert {ours / "static", ours, ours.parent, ours.parent.parent, tmp_path} <= synced
    with monkeypatch.context() as patched:
        patched.setattr(Path, "is_mount", lambda path: path.name == "mounted")
        synced = synced_by_a_publish(ours, monkeypatch)
    assert {ours / "static", ours, ours.parent} <= synced
    assert not {tmp_path, ours.parent.parent} & synced
    access = os.access
    for right in (os.R_OK, os.W_OK):

        def lacks(path: Path, mode: int, right: int = right) -> bool:
            return access(path, mode) and not (Path(path).name == "others" and mode & right)

        with monkeypatch.context() as patched:
            patched.setattr(os, "access", lacks)
            synced = synced_by_a_publish(ours, monkeypatch)
        assert ours.parent in synced
        assert not {tmp_path, ours.parent.parent} & synced


def syncing_only(is_kept: Callable[[int], bool]) -> Callable[..., None]:
    """Return a disk's fsync for what is of a kind; for all else it does nothing."""
    keep = Disk.keep

    def keep_some(disk: Disk, handle: int) -> None:
        if is_kept(os.fstat(handle).st_mode):
            keep(disk, handle)

    return keep_some


FAULTS = {
    "no fsync of files": (Disk, "keep", syncing_only(stat.S_ISDIR), "torn"),
    "no fsync of directories": (Disk, "keep", syncing_only(stat.S_ISREG), "lacks"),
    "a settle that does nothing": (Directory, "settle", lambda _: None, "lacks"),
}


@pytest.mark.parametrize(("where", "name", "fault", "complaint"), FAULTS.values(), ids=FAULTS)
def test_what_is_not_synced_is_found_out(
    where: type, name: str, fault: Any, complaint: str, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, fault)
    with pytest.raises(AssertionError, match=complaint):
        publishing_is_safe(disk)
