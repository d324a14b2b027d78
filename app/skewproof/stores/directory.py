"""Directories as the store: written beside, then renamed, and made durable."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import StoreError
from skewproof.stores.store import Counter, Headers, Stored, md5

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.core.files.storage import FileSystemStorage

WORKERS = 8
# Written beside its final name, so that the rename stays within one file system.
PREFIX = ".skewproof-"
NO_LINKS = {errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


class Directory:
    """The assets in one directory, the private files in another."""

    def __init__(self, assets: Path, private: Path, storage: FileSystemStorage) -> None:
        self._assets = assets
        self._private = private
        self._file_mode = storage.file_permissions_mode
        self._directory_mode = storage.directory_permissions_mode
        # Whose names are made durable before anything is written that relies on them. What is found
        # counts as well: who wrote it may have been killed before it was synced.
        self._touched = {*find_parents(assets), *find_parents(private)}
        self.place = str(assets)
        # Containers, and links, show the same directories under other paths.
        self.owner = os.path.relpath(private.resolve(), assets.resolve())
        self.workers = WORKERS
        self.calls = Counter()
        self.is_sure = True

    def read_private(self, key: str) -> bytes | None:
        """Return a private file, or None when there is none."""
        file = self._private / key
        self._touched.update((file.parent, self._private))
        return self._read(file)

    def read_asset(self, name: str) -> bytes | None:
        """Return an asset, or None when there is none."""
        return self._read(self._assets / name)

    def create_private(self, key: str, content: bytes) -> bool:
        """Write a private file, if the key is free, and make it durable."""
        file = self._private / key
        with self._doing(f"writing {file}"):
            created = self._create(file, content)
            self._sync_touched()
            return created

    def replace_private(self, key: str, content: bytes) -> None:
        """Write a private file over what the key may hold, and make it durable."""
        file = self._private / key
        with self._doing(f"writing {file}"):
            with self._beside(file, content) as written:
                written.replace(file)
            self._sync_touched()

    def list_assets(self, expected: Iterable[str] = ()) -> dict[str, Stored]:  # noqa: ARG002
        """Return all assets by name, with their sizes; content is compared when it matters."""
        return self._list(self._assets)

    def list_private(self, folder: str = "") -> dict[str, Stored]:
        """Return all private files by key, or those of one folder."""
        return self._list(self._private, folder)

    def delete_private(self, keys: Iterable[str]) -> None:
        """Delete private files, and directories of releases that are empty then, durably."""
        with self._doing("deleting private files"):
            for key in keys:
                file = self._private / key
                file.unlink(missing_ok=True)
                if file.name == manifest.NAME:
                    with suppress(OSError):  # something else is in it, or it is gone already
                        file.parent.rmdir()
                self._touched.add(file.parent if file.parent.is_dir() else self._private)
            self._sync_touched()

    def delete_assets(self, names: Iterable[str]) -> None:
        """Delete assets; their directories stay, as a publish may be about to write into them."""
        with self._doing("deleting assets"):
            for name in names:
                (self._assets / name).unlink(missing_ok=True)

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:  # noqa: ARG002
        """Write an asset, if the name is free."""
        with self._doing(f"writing {name}"):
            return self._create(self._assets / name, body)

    def replace_asset(self, name: str, body: bytes, headers: Headers) -> None:  # noqa: ARG002
        """Write an asset over what the name may hold."""
        file = self._assets / name
        with self._doing(f"writing {name}"), self._beside(file, body) as written:
            written.replace(file)

    def holds(self, name: str, stored: Stored, expected: Stored) -> bool:
        """Compare size, then the MD5 of the bytes."""
        if stored.size != expected.size:
            return False
        with self._doing(f"reading {name}"):
            return md5((self._assets / name).read_bytes()) == expected.digest

    def settle(self) -> None:
        """Make the names of all assets durable, written or found, as their bytes are already."""
        with self._doing("syncing"):
            self._sync_touched()

    def _list(self, root: Path, folder: str = "") -> dict[str, Stored]:
        start = len(f"{root}{os.sep}")
        with self._doing(f"listing {root / folder}"):
            return {
                path[start:].replace(os.sep, "/"): stored
                for path in walk_files(str(root / folder), self._touched)
                if (stored := read_stored(path))
            }

    def _read(self, file: Path) -> bytes | None:
        with self._doing(f"reading {file}"):
            try:
                return file.read_bytes()
            except FileNotFoundError:
                return None

    def _create(self, file: Path, body: bytes) -> bool:
        with self._beside(file, body) as written:
            try:
                file.hardlink_to(written)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                return self._rename_to_free(written, file)
            return True

    def _rename_to_free(self, written: Path, file: Path) -> bool:
        """Give a file its name if that is free, where the file system knows no hard links.

        The kernel takes the lock from a process that dies.
        """
        self._make(self._private)
        with (self._private / f"{PREFIX}lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.lexists(file):
                return False
            written.rename(file)
            return True

    @contextmanager
    def _beside(self, file: Path, body: bytes) -> Iterator[Path]:
        """Write the bytes under a name of their own, durably, and remove what is left of it."""
        self._make(file.parent)
        written = file.parent / f"{PREFIX}{secrets.token_hex(8)}"
        try:
            with written.open("xb") as target:
                target.write(body)
                if self._file_mode is not None:
                    set_mode(target.fileno(), self._file_mode, "FILE_UPLOAD_PERMISSIONS")
                target.flush()
                os.fsync(target.fileno())
            yield written
        finally:
            written.unlink(missing_ok=True)
        self._touched.add(file.parent)

    def _make(self, directory: Path) -> None:
        """Make a directory and those above it, remembering which names have to be made durable."""
        if directory.is_dir():
            return
        self._make(directory.parent)
        directory.mkdir(exist_ok=True)
        if self._directory_mode is not None:
            set_mode(directory, self._directory_mode, "FILE_UPLOAD_DIRECTORY_PERMISSIONS")
        self._touched.add(directory.parent)

    def _sync_touched(self) -> None:
        while self._touched:
            try:
                handle = os.open(self._touched.pop(), os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:  # there was none, or its release has been pruned
                continue
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        self.calls.add()
        try:
            yield
        except OSError as error:
            raise StoreError(f"{what} in {self.place} failed: {error}") from error


def set_mode(opened: int | Path, mode: int, setting: str) -> None:
    """Give a file or directory its mode; where that cannot be done, it may have it already."""
    try:
        os.chmod(opened, mode)  # noqa: PTH101 - a file is open
    except OSError as error:
        if stat.S_IMODE(os.stat(opened).st_mode) != mode:  # noqa: PTH116 - likewise
            why = f"{error.strerror}: the file system refuses the mode {mode:o}"
            raise OSError(error.errno, f"{why}; set {setting} to None") from error


def find_parents(root: Path) -> Iterator[Path]:
    """Yield the directories that lead to a root, as far as a publish may have made them."""
    for below, each in itertools.pairwise((root, *root.parents)):
        if below.is_mount() or (each.exists() and not os.access(each, os.R_OK | os.W_OK)):
            return
        yield each


def walk_files(root: str, folders: set[Path]) -> Iterator[str]:
    """Yield all files, and note their directories.

    A directory that cannot be read is an error: nothing may be overlooked.
    """
    for folder, _, names in os.walk(root, onerror=raise_unless_gone, followlinks=True):
        folders.add(Path(folder))
        yield from (f"{folder}{os.sep}{name}" for name in names if not name.startswith(PREFIX))


def raise_unless_gone(error: OSError) -> None:
    """Raise the error, unless it is that of a directory that is not there, or no more."""
    if not isinstance(error, FileNotFoundError):
        raise error


def read_stored(path: str) -> Stored | None:
    """Return a file as it is listed; None for what is no file, or has gone since it was seen."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than that
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stored(found.st_size, modified=datetime.fromtimestamp(found.st_mtime, UTC))
