"""A disk that forgets what was not synced, when the power fails."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.skewproof.memory import KilledError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

CHANGES = ("link", "rename", "replace", "unlink", "remove", "mkdir", "rmdir")


class Disk:
    """A directory, and what would be in it after a failure of the power.

    By POSIX, `fsync` of a file makes its content durable, and `fsync` of a directory the names in
    it; of all else nobody knows whether it reaches the disk. So the tests choose what does. A file
    is known by its inode; each that was seen is held open, so that no other gets its number.

    Attributes:
        steps: How many calls have changed or synced something.
        dies_at: The step at which the process is killed, 0 for never.
        look: Called after each step.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps = 0
        self.dies_at = 0
        self.look: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._held: dict[int, int] = {}
        self.settle()

    def settle(self) -> None:
        """Make all that is there durable, as some time later it is anyhow."""
        for folder, _, names in os.walk(self.root):
            self._names[self._hold(folder)] = self._list(folder)
            for path in (Path(folder, name) for name in names):
                self._contents[self._hold(path)] = path.read_bytes()

    def close(self) -> None:
        for handle in self._held.values():
            os.close(handle)

    def outcome(self, arrived: Collection[str]) -> dict[str, bytes]:
        """Return the files, by path, that are there after the power has failed.

        Args:
            arrived: The folders right below the root whose changes of names have all reached the
                disk; of the others only those that were synced have.
        """
        root = self.root.stat().st_ino
        new, old = self._list(self.root), self._names.get(root, {})
        tops = {top: top in arrived for top in new.keys() | old.keys()}
        files: dict[str, bytes] = {}
        for top, is_new in tops.items():
            inode = (new if is_new else old).get(top)
            if inode is not None:
                files |= self._read(inode, top, self._scan() if is_new else self._names)
        return files

    def outcomes(self) -> list[dict[str, bytes]]:
        """Return all of them, each once."""
        both = ("static", "releases")
        found = [self.outcome(arrived) for arrived in ((), both[:1], both[1:], both)]
        return [each for number, each in enumerate(found) if each not in found[:number]]

    @contextmanager
    def running(self, dies_at: int = 0) -> Iterator[None]:
        """See what this process does to the disk; it may be killed at a step."""
        self.steps, self.dies_at = 0, dies_at
        with pytest.MonkeyPatch.context() as patched:
            for name in CHANGES:
                patched.setattr(os, name, self._watched(getattr(os, name)))
            patched.setattr(os, "fsync", self._sync)
            try:
                yield
            except KilledError:
                assert dies_at

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                self.steps += 1
                if self.dies_at and self.steps >= self.dies_at:  # and nothing happens afterwards
                    raise KilledError
                result = call(*arguments, **options)
                self.look()
                return result

        return watched

    def _sync(self, handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().is_relative_to(self.root):
            self._watched(self.keep)(handle)

    def keep(self, handle: int) -> None:
        """Make a file's content durable, or the names in a directory."""
        found = os.fstat(handle)
        self._hold(f"/proc/self/fd/{handle}")
        if stat.S_ISDIR(found.st_mode):
            self._names[found.st_ino] = self._list(handle)
        else:
            self._contents[found.st_ino] = Path(f"/proc/self/fd/{handle}").read_bytes()

    def _hold(self, path: str | Path) -> int:
        handle = os.open(path, os.O_PATH)
        inode = os.fstat(handle).st_ino
        if inode in self._held:
            os.close(handle)
        else:
            self._held[inode] = handle
        return inode

    def _list(self, folder: str | Path | int) -> dict[str, int]:
        place = Path(f"/proc/self/fd/{folder}" if isinstance(folder, int) else folder)
        return {each.name: self._hold(each) for each in place.iterdir()}

    def _scan(self) -> dict[int, dict[str, int]]:
        """Return the names in each directory as the running system sees them."""
        return {
            Path(folder).stat().st_ino: self._list(folder) for folder, _, _ in os.walk(self.root)
        }

    def _read(self, inode: int, path: str, names: dict[int, dict[str, int]]) -> dict[str, bytes]:
        """Return the files at and below a path; bytes that were not synced are zeros."""
        found = os.fstat(self._held[inode])
        if not stat.S_ISDIR(found.st_mode):
            return {path: self._contents.get(inode, bytes(found.st_size))}
        files: dict[str, bytes] = {}
        for name, below in names.get(inode, {}).items():
            files |= self._read(below, f"{path}/{name}", names)
        return files
