"""A store in memory, and actors that take turns at it, so that every interleaving can be had."""

from __future__ import annotations

import functools
import itertools
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

from skewproof import manifest
from skewproof.publishing import intents
from skewproof.publishing.collection import Collection, Upload
from skewproof.publishing.content import Content
from skewproof.stores.store import Counter, Headers, Stored, md5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

START = datetime(2026, 11, 23, tzinfo=UTC)


@functools.cache
def parse(content: bytes, release: str) -> dict[str, str]:
    """Return the paths of a manifest, which are looked at after every step."""
    return manifest.parse(content, release, "memory").paths


@functools.cache
def digest(body: bytes) -> str:
    """Return the MD5, which is looked at as often."""
    return md5(body)


@dataclass
class World:
    """What is stored, and the store's clock, which goes on with every write."""

    assets: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    private: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    now: datetime = START

    def pass_time(self, time: timedelta) -> None:
        self.now += time

    def stamped(self, body: bytes) -> tuple[bytes, datetime]:
        self.now += timedelta(seconds=1)
        return body, self.now

    def releases(self) -> dict[str, dict[str, str]]:
        """Return the paths of all releases."""
        return {
            release: parse(content, release)
            for key, (content, _) in self.private.items()
            if (release := manifest.find_release(key))
        }

    def assert_whole(self) -> None:
        """Every release that is there has all its files, at any moment."""
        for release, paths in self.releases().items():
            for name, asset in paths.items():
                assert name in self.assets, f"release {release} lacks the copy {name}"
                assert asset in self.assets, f"release {release} lacks {asset}"
                assert digest(self.assets[asset][0])[:12] in asset


class Memory:
    """The world as one process sees it; before each call it waits for its turn."""

    place = "memory"
    owner = "memory"
    workers = 1
    is_sure = True

    def __init__(self, world: World, turn: Callable[[], None] = lambda: None) -> None:
        self.world = world
        self.turn = turn
        self.calls = Counter()

    def read_private(self, key: str) -> bytes | None:
        self.turn()
        return self.world.private.get(key, (None,))[0]

    def create_private(self, key: str, content: bytes) -> bool:
        self.turn()
        return self._create(self.world.private, key, content)

    def replace_private(self, key: str, content: bytes) -> None:
        self.turn()
        self.world.private[key] = self.world.stamped(content)

    def list_private(self, folder: str = "") -> dict[str, Stored]:
        self.turn()
        return listed(self.world.private, folder)

    def delete_private(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.turn()
            self.world.private.pop(key, None)

    def list_assets(self, expected: Iterable[str] = ()) -> dict[str, Stored]:  # noqa: ARG002
        self.turn()
        return listed(self.world.assets)

    def read_asset(self, name: str) -> bytes | None:
        self.turn()
        return self.world.assets.get(name, (None,))[0]

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:  # noqa: ARG002
        self.turn()
        return self._create(self.world.assets, name, body)

    def replace_asset(self, name: str, body: bytes, headers: Headers) -> None:  # noqa: ARG002
        self.turn()
        self.world.assets[name] = self.world.stamped(body)

    def delete_assets(self, names: Iterable[str]) -> None:
        for name in names:
            self.turn()
            self.world.assets.pop(name, None)

    def holds(self, name: str, stored: Stored, expected: Stored) -> bool:  # noqa: ARG002
        return stored == expected

    def settle(self) -> None:
        """Do nothing."""

    def _create(self, there: dict[str, tuple[bytes, datetime]], key: str, body: bytes) -> bool:
        if key in there:
            return False
        there[key] = self.world.stamped(body)
        return True


def listed(there: dict[str, tuple[bytes, datetime]], folder: str = "") -> dict[str, Stored]:
    return {
        key: Stored(len(body), digest(body), modified)
        for key, (body, modified) in there.items()
        if key.startswith(folder)
    }


@contextmanager
def waiting_for_looks() -> Iterator[None]:
    """Let a publish wait for a prune for a number of looks instead of a time."""
    announce, renew = intents.announce, intents.renew

    def in_looks(work: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        def waiting(what: Any, store: Any) -> Any:
            looks = itertools.count(step=3)
            return work(what, store, lambda: float(next(looks)), lambda _: None)

        return waiting

    with mock.patch.multiple(intents, announce=in_looks(announce), renew=in_looks(renew)):
        yield


class KilledError(BaseException):
    """The process is gone; nothing of it runs any more."""


class Actor:
    """A process that does one step whenever it is told to.

    Args:
        work: What it does with its store.
        world: What the store holds.
        killed_at: The number of the call at which it dies instead; 0 for never.
    """

    def __init__(self, work: Callable[[Memory], Any], world: World, killed_at: int = 0) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_done = False
        self.steps = 0
        self._killed_at = killed_at
        self._arrived = threading.Semaphore(0)
        self._granted = threading.Semaphore(0)
        store = Memory(world, self._turn)
        self._thread = threading.Thread(target=self._run, args=(work, store))
        self._thread.start()
        self._arrived.acquire()

    def step(self) -> None:
        """Make the call that it is about to make, and go on to before the next one."""
        if not self.is_done:
            self.steps += 1
            self._granted.release()
            self._arrived.acquire()

    def end(self, limit: int = 1000) -> None:
        """Go on to the end, unless that takes too many steps, as when it waits for another."""
        while not self.is_done and limit:
            self.step()
            limit -= 1

    def kill(self) -> None:
        """End it before its next call, if it has not come to its end by itself."""
        self._killed_at = self.steps + 1
        self.end()
        self._thread.join()

    def _turn(self) -> None:
        self._arrived.release()
        self._granted.acquire()
        if self._killed_at and self.steps >= self._killed_at:
            raise KilledError

    def _run(self, work: Callable[[Memory], Any], store: Memory) -> None:
        try:
            self.result = work(store)
        except BaseException as error:
            self.error = error
        finally:
            self.is_done = True
            self._arrived.release()


def collection(tree: dict[str, str]) -> Collection:
    """Return a release of these files."""
    bodies = {name: content.encode() for name, content in tree.items()}
    paths = {name: f"{name}.{md5(body)[:12]}.css" for name, body in bodies.items()}
    files = {name: Content.of(body) for name, body in bodies.items()}
    return Collection(
        paths,
        "hash",
        tuple(Upload(asset, files[name]) for name, asset in paths.items()),
        tuple(Upload(name, file) for name, file in files.items()),
    )
