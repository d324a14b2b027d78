"""A directory on a file system that lacks something: hard links, or modes."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError

from skewproof.stores.directory import NO_LINKS, PREFIX

if TYPE_CHECKING:
    from tests.unit.skewproof.places import DirectoryPlace
    from tests.unit.skewproof.project import Project

AT_ONCE = 8


def refuse(number: int) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.fixture
def no_modes(directory: DirectoryPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system of the store refuse modes; that of temporary files takes them."""
    plain_chmod, root = os.chmod, directory.root

    def chmod(opened: int | str, mode: int, **options: Any) -> None:
        is_open = isinstance(opened, int)
        path = Path(f"/proc/self/fd/{opened}").readlink() if is_open else Path(opened)
        if path.is_relative_to(root):
            raise OSError(errno.EPERM, "Operation not permitted")
        plain_chmod(opened, mode, **options)

    monkeypatch.setattr(os, "chmod", chmod)


@pytest.mark.parametrize("number", sorted(NO_LINKS), ids=errno.errorcode.get)
def test_a_file_system_without_hard_links_holds_releases_as_well(
    number: int, directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse(number))
    assert "14 new" in directory_project.publish("v1")
    directory_project.assert_whole("v1")
    assert "published already" in directory_project.publish("v1")
    directory_project.write({"css/site.css": "other"})
    with pytest.raises(CommandError, match="with other content"):
        directory_project.publish("v1")
    directory_project.publish("v2")
    directory_project.assert_whole("v1")


def test_without_hard_links_one_of_many_writes_of_a_name_wins(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse(errno.EOPNOTSUPP))
    begin = threading.Barrier(AT_ONCE)
    with directory_project.active("v1"):
        store = directory_project.storage().open_store(0)

    def create(number: int) -> bool:
        begin.wait(10)
        created: bool = store.create_private("v1/staticfiles.json", str(number).encode())
        return created

    with ThreadPoolExecutor(AT_ONCE) as pool:
        (winner,) = (number for number, won in enumerate(pool.map(create, range(AT_ONCE))) if won)
    assert store.read_private("v1/staticfiles.json") == str(winner).encode()


def test_without_hard_links_a_write_waits_for_the_lock(
    directory_project: Project, directory: DirectoryPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse(errno.EOPNOTSUPP))
    with directory_project.active("v1"):
        store = directory_project.storage().open_store(0)
    (directory.root / "releases").mkdir(parents=True)
    with (
        ThreadPoolExecutor(1) as pool,
        (directory.root / "releases" / f"{PREFIX}lock").open("ab") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        writing = pool.submit(store.create_asset, "a.css", b"a", {})
        with pytest.raises(TimeoutError):
            writing.result(0.2)
        assert not (directory.root / "static" / "a.css").exists()
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert writing.result(10)


@pytest.mark.usefixtures("no_modes")
def test_a_mode_that_is_refused_does_not_matter_where_files_have_it(
    directory_project: Project,
) -> None:
    before = os.umask(0o022)
    try:
        directory_project.publish("v1", FILE_UPLOAD_PERMISSIONS=0o644)
    finally:
        os.umask(before)
    directory_project.assert_whole("v1")


@pytest.mark.usefixtures("no_modes")
@pytest.mark.parametrize(
    ("setting", "mode"),
    [("FILE_UPLOAD_PERMISSIONS", 0o604), ("FILE_UPLOAD_DIRECTORY_PERMISSIONS", 0o705)],
)
def test_a_mode_that_is_refused_is_named_with_its_setting(
    setting: str, mode: int, directory_project: Project
) -> None:
    with pytest.raises(CommandError) as caught:
        directory_project.publish("v1", **{"FILE_UPLOAD_PERMISSIONS": None, setting: mode})
    assert caught.value.returncode == 4
    assert f"refuses the mode {mode:o}; set {setting} to None" in str(caught.value)
    assert "\n" not in str(caught.value)
