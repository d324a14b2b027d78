"""What goes wrong inside of a publish: called in its process, before it begins."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unit.skewproof.forks import Lane

if TYPE_CHECKING:
    from skewproof.stores.bucket import Bucket
    from skewproof.stores.store import Headers

WRITES = ("open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir")
"""What Python tells an audit hook of, before it does it; os.fsync and write are not among them."""


def impatient(patience: float, retries: int) -> None:
    """Let a publish give up soon."""
    from skewproof.stores import bucket

    bucket.PATIENCE = patience  # type: ignore[assignment]
    bucket.RETRIES = retries
    bucket.FIRST_PAUSE, bucket.LONGEST_PAUSE = 0.01, 0.02


class Disk:
    """Sees every call that changes a directory before it is made, and breaks one of them."""

    def __init__(self, root: str, number: int, said: str) -> None:
        self.root = root
        self.number = number
        self.said = Path(said)
        self.seen = 0
        self.lock = threading.RLock()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in WRITES and self.is_write(event, arguments):
            self.write()

    def is_write(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return False
        return any(str(each).startswith(self.root) for each in arguments) or (
            event == "os.chmod" and isinstance(arguments[0], int)  # of an open file
        )

    def write(self) -> None:
        with self.lock:
            self.seen += 1
            if self.seen == self.number:
                self.happens()
            elif self.seen > self.number:
                self.goes_on()

    def happens(self) -> None:
        raise NotImplementedError

    def goes_on(self) -> None:
        """Do nothing: the fault has passed."""


class Counting(Disk):
    """Nothing goes wrong, and the number of calls is noted."""

    def goes_on(self) -> None:
        self.said.write_text(str(self.seen), encoding="utf-8")


class Killing(Disk):
    """The process is gone."""

    def happens(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Full(Disk):
    """The call fails."""

    def happens(self) -> None:
        raise OSError(28, "No space left on device")


class FullForEver(Full):
    """The call and all that follow fail."""

    def goes_on(self) -> None:
        self.happens()


class Waiting(Disk):
    """The publish stands still, while another one runs from its start to its end."""

    def __init__(self, *arguments: Any, address: str, output: str, order: dict[str, Any]) -> None:
        super().__init__(*arguments)
        self.address, self.output, self.order = address, Path(output), order

    def happens(self) -> None:
        with contextlib.closing(Lane(self.address, self.output)) as lane:
            ended = lane.run(self.order)
        self.said.write_text(f"{ended.code} {ended.said}", encoding="utf-8")


DISKS = {
    "counted": Counting,
    "killed": Killing,
    "full": Full,
    "full for ever": FullForEver,
    "waits": Waiting,
}


def at_write(what: str, root: str, number: int, said: str, other: dict[str, Any]) -> None:
    """Have that happen at the n-th call that changes the directory; fsync counts as one."""
    disk = DISKS[what](root, number, said, **other)
    os.fsync = lambda _: disk.write()  # and no more, as no power fails here
    sys.addaudithook(disk)


def no_sync() -> None:
    """Leave out what takes time, and matters only when the power fails."""
    os.fsync = lambda _: None


def manifest_first() -> None:
    """Commit the release before its files are there."""
    from skewproof.publishing import publish

    compare = publish.compare

    def early(release: str, collection: Any, store: Any, _: bool) -> publish.PublishPlan:
        publish.write_manifest(release, collection, store)
        return compare(release, collection, store, collection.make_manifest(release))

    publish.compare = early


def delete_then_write() -> None:
    """Write everything, and delete before, as stock Django does."""
    from skewproof.stores import bucket

    def create(store: Bucket, name: str, body: bytes, headers: Headers) -> bool:
        store.delete_assets([name])
        store.replace_asset(name, body, headers)
        return True

    bucket.WORKERS = 1  # else the n-th request is now this one and now that
    bucket.Bucket.list_assets = lambda *_: {}  # type: ignore[method-assign]
    bucket.Bucket.create_asset = create  # type: ignore[method-assign]


def unconditional() -> None:
    """Write everything, over what is there."""
    from skewproof.stores import bucket

    def create(store: Bucket, name: str, body: bytes, headers: Headers) -> bool:
        store.replace_asset(name, body, headers)
        return True

    bucket.Bucket.list_assets = lambda *_: {}  # type: ignore[method-assign]
    bucket.Bucket.create_asset = create  # type: ignore[method-assign]


def unconditional_manifest() -> None:
    """Commit over what is there; a store that overwrites intents as well would be found out."""
    from skewproof.renewal import FOLDER
    from skewproof.stores import bucket

    with_condition = bucket.Bucket.create_private

    def create(store: Bucket, key: str, content: bytes) -> bool:
        if key.startswith(FOLDER):
            return with_condition(store, key, content)
        store._private.client.replace(store._private.key(key), content, {})
        return True

    bucket.Bucket.create_private = create  # type: ignore[method-assign]
