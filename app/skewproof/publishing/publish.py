"""Publishing: assets first, the manifest last, and nothing that is there is ever touched.

A release exists from the moment that its manifest does. All that is written before is either new,
under a name that holds its hash, or an unhashed copy, which stock Django overwrites as well. An
intent keeps a prune from deleting what the publish found there and relies on, until the manifest
does so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import SkewproofError, StoreError
from skewproof.publishing import intents
from skewproof.publishing.claim import claim
from skewproof.publishing.intents import Intent, Lease
from skewproof.publishing.listing import format_size
from skewproof.publishing.plan import (
    AGAIN,
    Found,
    PublishPlan,
    before_any_file,
    compare,
    find_this_release,
    is_named_as_asset,
    match,
    read_found,
)
from skewproof.publishing.proof import assert_read_same, find_unproved
from skewproof.renewal import find_renewed
from skewproof.stores.store import Budget, run_parallel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skewproof.manifest import Manifest
    from skewproof.publishing.collection import Collection, Upload
    from skewproof.stores.store import Headers, Store

Log = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PublishReport:
    """What a publish did.

    Attributes:
        outcome: What has come of the release.
        new: Files that were written, under hashed and source names.
        reused: Files that were there.
        sent: Bytes of the files that were written.
        requests: All requests, those for the manifest and the intent among them; one that was
            tried again counts once.
        seconds: How long it took, without the hashing.
    """

    outcome: str
    new: int
    reused: int
    sent: int
    requests: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.outcome}: {self.new:,} new, {self.reused:,} reused, "
            f"{format_size(self.sent)}, {self.requests:,} requests, {self.seconds:.2f} s"
        )


@dataclass
class WriteCount:
    """What has been written so far."""

    new: int = 0
    present: int = 0
    sent: int = 0
    total: int = 0

    @property
    def done(self) -> int:
        """Return how many files need no more work."""
        return self.new + self.present


@contextmanager
def taking_back(keys: list[str], store: Store) -> Iterator[None]:
    """Take the intents away when the release is refused, as nothing will come of it."""
    try:
        yield
    except StoreError:  # which would not take them away either
        raise
    except SkewproofError:
        intents.take_away(keys, store)
        raise


def show_nothing(done: int, total: int) -> None:
    """Show no progress."""


def publish(
    release: str,
    collection: Collection,
    store: Store,
    log: Log,
    progress: Progress = show_nothing,
    clock: Callable[[], float] = time.monotonic,
    *,
    found: Found | None = None,
) -> PublishReport:
    """Put a release into the store.

    Args:
        release: Its id.
        collection: Its files.
        store: Where to put them.
        log: Told of each file.
        progress: Told how many files are done, of how many.
        clock: Seconds, for the report.
        found: What a look-up found before the files were hashed, if there was one.

    Raises:
        ReleaseExistsError: The id is taken by a release with other content; nothing was changed,
            unless that release was published at the same time as this one.
        StoreError: The store failed; the release is not there, or it is whole, and publishing it
            again ends well.
    """
    started = clock()
    count = WriteCount()
    there = find_this_release(release, collection, store, found)
    if there:
        there = renew(release, collection, store, there)
    keys: list[str] = []
    while True:
        lease = Lease()
        plan = prepare(release, collection, store, there, keys)
        fill(release, plan, store, count, watch(count, log, progress))
        # What took longer than the intent is good for is looked at again, under a new one.
        if not keys or not lease.is_over():
            break
    outcome = finish(release, plan, collection, store)
    intents.take_away(keys, store)
    if plan.assets:
        look_again(release, collection, store)
    total = len(collection.assets) + len(collection.copies)
    reused, seconds = max(0, total - count.new), clock() - started
    return PublishReport(outcome, count.new, reused, count.sent, store.calls.total, seconds)


def renew(release: str, collection: Collection, store: Store, there: Manifest) -> Manifest | None:
    """Return the manifest of a release that was there, as it is once no prune deletes it.

    The release counts as published now, so that its processes may serve. That of the release that
    was published last needs no renewal, as no prune ever deletes it.
    """
    with before_any_file(release):
        if is_newest(release, store):
            return there
        intents.renew(release, store)
        found = read_found(release, store)
    return match(release, collection, store, found)


def is_newest(release: str, store: Store) -> bool:
    """Return whether the release is there and was published or renewed after all others."""
    listed = store.list_private()
    times = {
        (stored.get_modified(), find_renewed(key) is not None, found)
        for key, stored in listed.items()
        if (found := manifest.find_release(key) or find_renewed(key))
    }
    return manifest.make_key(release) in listed and max(times)[-1] == release


def prepare(
    release: str, collection: Collection, store: Store, there: Manifest | None, keys: list[str]
) -> PublishPlan:
    """Return what to write, and announce it before the store is looked at; to the keys is added."""
    if there or not collection.is_release():
        plan = compare(release, collection, store, there)
        if plan.is_empty() or not there:
            return plan
    with before_any_file(release):
        keys.append(intents.announce(make_intent(release, collection), store))
    with taking_back(keys, store):
        return compare(release, collection, store, there)


def look_again(release: str, collection: Collection, store: Store) -> None:
    """Raise if the listing says, after the commit, that an asset is not there or is another one."""
    try:
        stored = store.list_assets(each.name for each in collection.assets)
        lost = sorted(each.name for each in collection.assets if each.name not in stored)
        if lost:
            raise StoreError(f"{store.place} lacks {len(lost)} of its files, such as {lost[0]}")
        doubted, _ = find_unproved(collection.assets, stored)
        assert_read_same(doubted, release, store)
    except StoreError as error:
        raise StoreError(f"release {release} is published, and yet: {error}; {AGAIN}") from error


def make_intent(release: str, collection: Collection) -> Intent:
    """Return the intent that names all files of the release."""
    uploads = {upload.name for upload in collection.assets + collection.copies}
    names = uploads | collection.paths.keys() | set(collection.paths.values())
    return Intent(intents.PUBLISH, frozenset({release}), frozenset(names))


def watch(count: WriteCount, log: Log, progress: Progress) -> Log:
    """Return the log as one that shows the progress with each file."""

    def watched(text: str) -> None:
        log(text)
        progress(count.done, count.total)

    return watched


def fill(release: str, plan: PublishPlan, store: Store, count: WriteCount, log: Log) -> None:
    """Write what the store lacks, and make it durable."""

    def replace(name: str, body: bytes, headers: Headers) -> bool:
        store.replace_asset(name, body, headers)
        return True

    count.total += len(plan.assets) + len(plan.copies)
    try:
        if not (plan.is_claimed or plan.is_empty()):
            claim(store, (*plan.assets, *plan.copies)[0].headers)
        write(plan.assets, store.create_asset, release, store, count, log)
        as_assets = [copy for copy in plan.copies if is_named_as_asset(copy)]
        write(as_assets, store.create_asset, release, store, count, log)
        others = [copy for copy in plan.copies if not is_named_as_asset(copy)]
        write(others, replace, release, store, count, log)
        store.settle()
    except StoreError as error:
        state = "the release was whole before" if plan.is_published else "no manifest was written"
        raise StoreError(
            f"release {release}: {error}; {count.done} of {count.total} files were "
            f"written, {state}, and every other release is as it was; {AGAIN}"
        ) from error


def write(
    uploads: Iterable[Upload],
    put: Callable[[str, bytes, Headers], bool],
    release: str,
    store: Store,
    count: WriteCount,
    log: Log,
) -> None:
    """Write files, several at once; the first failure stops those that have not begun."""
    memory = Budget()

    def send(upload: Upload) -> tuple[Upload, int | None]:
        with memory.spend(upload.size):
            with upload.open() as body:
                size = len(body) if put(upload.name, body, upload.headers) else None
            if size is None:  # whoever was faster may have written something else
                assert_read_same([upload], release, store)
        return upload, size

    for upload, size in run_parallel(send, uploads, store.workers):
        if size is None:
            count.present += 1
            log(f"Found '{upload.name}' written meanwhile")
        else:
            count.new += 1
            count.sent += size
            log(f"Uploaded '{upload.name}'")


def finish(release: str, plan: PublishPlan, collection: Collection, store: Store) -> str:
    """Make the release exist, if it does not yet; return what has come of it."""
    if not collection.is_release():
        return f"no release {release}, as nothing was hashed"
    if plan.is_published or not write_manifest(release, collection, store):
        return f"release {release} was published already, with the same content"
    return f"release {release} is published"


def write_manifest(release: str, collection: Collection, store: Store) -> bool:
    """Write the manifest; return False if another publish of the same content was faster."""
    try:
        created = store.create_private(manifest.make_key(release), collection.encode(release))
    except StoreError as error:
        raise StoreError(
            f"release {release}: all files are in {store.place}, and it is not certain that the "
            f"manifest is: {error}; {AGAIN}"
        ) from error
    if created:
        return True
    if not match(release, collection, store, read_found(release, store)):
        raise StoreError(f"release {release}: its manifest was there and is gone; {AGAIN}")
    return False
