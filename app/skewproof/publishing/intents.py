"""Intents: how publishes and prunes that run at once keep out of each other's way.

A publish relies on assets that are there already; a prune deletes assets. No store offers a lock
that a dead process lets go of, and none is needed. Each announces in the store what it is about to
rely on or to delete, its intent, and only then looks at what the others have announced. So one of
the two always sees the other::

    a prune spares what a publish's intent names
    a publish waits while a prune's intent names what it needs

A publish that finds its release there writes nothing but a renewal, which is an intent as well and
stays: from then on the release counts as published now. A ready process may renew its release, too.

A job acts on its intent for HELD at most, and by then stops or announces a new one. From DEAD on,
no other job waits for it any more. Ages are those between two writes, by the store's clock. The
proof, and what it rests on, is in docs/adr/0014.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from skewproof import renewal
from skewproof.errors import SkewproofError, StoreError
from skewproof.renewal import FOLDER, find_renewed, make_renewal_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from skewproof.stores.store import Store, Stored

PUBLISH = "publish"
PRUNE = "prune"
RENEW = renewal.KIND
HELD = timedelta(minutes=30)
DEAD = timedelta(hours=1)
PATIENCE = 60.0  # seconds that a publish waits for a prune, which deletes for seconds
PAUSE = 0.5


@dataclass(frozen=True)
class Intent:
    """What a job is about to rely on, or to delete.

    Attributes:
        kind: PUBLISH, PRUNE or RENEW.
        releases: Ids of the releases whose manifests are to be written or deleted, or to stay.
        names: Hashed and source names of files.
    """

    kind: str
    releases: frozenset[str]
    names: frozenset[str]

    def encode(self) -> bytes:
        """Return the intent as it is stored."""
        document = {
            "kind": self.kind,
            "releases": sorted(self.releases),
            "names": sorted(self.names),
        }
        return json.dumps(document).encode()

    def concerns(self, other: Intent) -> bool:
        """Return whether two intents name the same release or file."""
        return not (self.releases.isdisjoint(other.releases) and self.names.isdisjoint(other.names))


class Lease:
    """The time for which an intent may be acted on, by two clocks.

    One does not jump when the time is set, the other does not stop while a machine sleeps.
    """

    def __init__(
        self, clocks: tuple[Callable[[], float], ...] = (time.monotonic, time.time)
    ) -> None:
        self._started = [(clock, clock()) for clock in clocks]

    def is_over(self) -> bool:
        """Return whether either clock says that the time is up."""
        return any(clock() - start > HELD.total_seconds() for clock, start in self._started)


def write(store: Store, intent: Intent) -> str:
    """Write an intent under a key that was never used before, and return the key."""
    key = f"{FOLDER}/{intent.kind}-{secrets.token_hex(8)}.json"
    store.create_private(key, intent.encode())
    return key


def read(store: Store, key: str) -> Intent | None:
    """Return the intent, or None when it has been taken away since it was listed."""
    if renewed := find_renewed(key):
        return make_renewal(renewed)
    content = store.read_private(key)
    if content is None:
        return None
    try:
        document = json.loads(content)
        releases, names = frozenset(document["releases"]), frozenset(document["names"])
        return Intent(str(document["kind"]), releases, names)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SkewproofError(
            f"the intent {key} beside the manifests in {store.place} cannot be used: {error!r}; "
            "delete that one object when no publish and no prune is running, and try again"
        ) from error


def is_of(kind: str, key: str) -> bool:
    """Return whether the intent with that key is of the kind."""
    return key.startswith(f"{FOLDER}/{kind}-")


def announce(
    intent: Intent,
    store: Store,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Write the intent of a publish, and return its key once no prune deletes what it names.

    Raises:
        StoreError: The store failed or overwrites, or a prune did not end in time.
    """
    key = write(store, intent)
    assert_conditional(key, intent, store)
    wait_for_prunes(intent, key, store, clock, sleep)
    return key


def renew(
    release: str,
    store: Store,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Have the release count as published now; return once no prune is about to delete it.

    Raises:
        StoreError: The store failed, or a prune did not end in time.
    """
    key = make_renewal_key(release)
    store.replace_private(key, renewal.encode(release))
    wait_for_prunes(make_renewal(release), key, store, clock, sleep)


def make_renewal(release: str) -> Intent:
    """Return the intent that a renewal is."""
    return Intent(RENEW, frozenset({release}), frozenset())


def wait_for_prunes(
    intent: Intent,
    key: str,
    store: Store,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Return once no prune deletes what an intent names that has been written under the key."""
    deadline = clock() + PATIENCE
    while blocking := find_conflict(intent, key, store):
        if clock() >= deadline:
            raise StoreError(
                f"a prune in {store.place} is deleting files that are needed, or died while it "
                f"was (its intent is {blocking}); no later than {DEAD.total_seconds() / 60:.0f} "
                "minutes after it began, publishing no more waits for it"
            )
        sleep(PAUSE)


def assert_conditional(key: str, intent: Intent, store: Store) -> None:
    """Write an intent once more, where it is not known yet that the store will not do so."""
    if not getattr(store, "in_doubt", False):  # only a bucket of S3 is: who else would ignore it?
        return
    if store.create_private(key, intent.encode()):
        take_away([key], store)
        raise StoreError(
            f"{store.place} overwrites what is there though it was asked not to (If-None-Match), "
            "so that of two publishes of one id at the same time the last would win; use another "
            "store, or set the option conditional_writes to False and see to it that no two run "
            "at once"
        )
    store.in_doubt = False  # type: ignore[attr-defined] # it has it, see above


def find_conflict(intent: Intent, key: str, store: Store) -> str | None:
    """Return the key of a prune's intent that names what this publish needs, or None."""
    listed = store.list_private(FOLDER)
    now = find_time(key, listed, store)
    for other in sorted(listed):
        if is_of(PRUNE, other) and now - listed[other].get_modified() < DEAD:
            there = read(store, other)
            if there is not None and there.concerns(intent):
                return other
    return None


def find_time(key: str, listed: Mapping[str, Stored], store: Store) -> datetime:
    """Return when our own intent was written, by the store's clock."""
    if key not in listed:
        raise StoreError(f"the intent {key} has been taken away from {store.place}")
    return listed[key].get_modified()


def take_away(keys: Iterable[str], store: Store) -> None:
    """Delete intents; one that stays does no harm, as it dies by itself."""
    try:
        store.delete_private(keys)
    except StoreError:
        return
