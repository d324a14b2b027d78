"""Publishing: assets first, the manifest last, and nothing that is there is ever touched.

The manifest is the commit record: a release exists from the moment that its manifest does. All that
is written before is either new, under a name that holds its hash, or an unhashed copy, which stock
Django overwrites as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import ReleaseExistsError, SkewproofError, StoreError
from skewproof.manifest import Manifest

if TYPE_CHECKING:
    from skewproof.collection import Collection
    from skewproof.content import Upload
    from skewproof.store import Store, Stored

Log = Callable[[str], None]
AGAIN = "run the same command again when that is mended, and it goes on from there"


@dataclass(frozen=True)
class Plan:
    """What has to be written for a release to be whole.

    Attributes:
        committed: Whether the release's manifest is there already, with the same content.
        assets: Missing files under hashed names.
        copies: Missing or outdated files under source names.
        reused: How many files are there already.
    """

    committed: bool
    assets: tuple[Upload, ...]
    copies: tuple[Upload, ...]
    reused: int


@dataclass(frozen=True)
class Report:
    """What a publish did."""

    outcome: str
    new: int
    reused: int
    sent: int
    requests: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.outcome}: {self.new} new, {self.reused} reused, "
            f"{self.sent:,} bytes, {self.requests} requests, {self.seconds:.2f} s"
        )


@dataclass
class Tally:
    """What has been written so far."""

    new: int = 0
    present: int = 0
    sent: int = 0
    total: int = field(default=0)


def publish(
    release: str,
    collection: Collection,
    store: Store,
    log: Log,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Put a release into the store.

    Raises:
        ReleaseExistsError: The id is taken by a release with other content; nothing was changed,
            unless that release was published at the same time as this one.
        StoreError: The store failed; the release is not there, or it is whole, and publishing it
            again ends well.
    """
    started = clock()
    plan = planned(release, collection, store)
    tally = Tally(total=len(plan.assets) + len(plan.copies))
    try:
        write(plan.assets, store.create_asset, store.workers, tally, log)
        write(plan.copies, replacing(store), store.workers, tally, log)
        store.settle()
    except StoreError as error:
        raise StoreError(interrupted(release, plan.committed, tally, error)) from error
    outcome = committed(release, plan, collection, store)
    seconds = clock() - started
    reused = plan.reused + tally.present
    return Report(outcome, tally.new, reused, tally.sent, store.calls.total, seconds)


def planned(release: str, collection: Collection, store: Store) -> Plan:
    """Compare the release with the store, changing nothing."""
    try:
        committed = collection.is_release() and is_committed(release, collection, store)
        stored = store.list_assets()
    except StoreError as error:
        raise StoreError(f"release {release}: {error}; nothing was written; {AGAIN}") from error
    assets = tuple(asset for asset in collection.assets if missing(asset, stored, release, store))
    # The unhashed copies are those of the release that was published last: saying again that this
    # one is there must not take them back from a later one.
    wanted = absent if committed else outdated
    copies = tuple(copy for copy in collection.copies if wanted(copy, stored, store))
    total = len(collection.assets) + len(collection.copies)
    return Plan(committed, assets, copies, total - len(assets) - len(copies))


def is_committed(release: str, collection: Collection, store: Store) -> bool:
    """Return whether this very release is there; raise if another one has its id."""
    content = store.read_manifest(release)
    if content is None:
        return False
    there = manifest.parse(content, release, store.place)
    differences = manifest.difference(there.paths, collection.paths)
    if differences:
        raise ReleaseExistsError(
            f"release {release} is in {store.place} with other content: {differences}; "
            "a release never changes, so publish this content under an id of its own"
        )
    return True


def missing(asset: Upload, stored: dict[str, Stored], release: str, store: Store) -> bool:
    """Return whether the store lacks an asset; raise if it holds a damaged one."""
    found = stored.get(asset.name)
    # How well gzip compresses depends on its version, so a compressed size proves nothing.
    if found and not asset.compress and found.size != asset.file.stat().st_size:
        raise SkewproofError(
            f"release {release}: {asset.name} in {store.place} has {found.size} bytes instead of "
            f"{asset.file.stat().st_size}, so it is damaged; it is not overwritten, as another "
            "release may be serving it: delete that one object and publish again"
        )
    return found is None


def absent(copy: Upload, stored: dict[str, Stored], store: Store) -> bool:  # noqa: ARG001 - as outdated
    """Return whether the store lacks an unhashed copy."""
    return copy.name not in stored


def outdated(copy: Upload, stored: dict[str, Stored], store: Store) -> bool:
    """Return whether an unhashed copy has to be written."""
    found = stored.get(copy.name)
    return found is None or not store.holds(copy.name, found, copy.body())


def replacing(store: Store) -> Callable[[str, bytes, dict[str, str]], bool]:
    """Return the store's replacing as a function that says that it wrote."""

    def replace(name: str, body: bytes, headers: dict[str, str]) -> bool:
        store.replace_asset(name, body, headers)
        return True

    return replace


def write(
    uploads: Iterable[Upload],
    put: Callable[[str, bytes, dict[str, str]], bool],
    workers: int,
    tally: Tally,
    log: Log,
) -> None:
    """Write files, several at once; the first failure stops those that have not begun."""

    def send(upload: Upload) -> tuple[Upload, int | None]:
        body = upload.body()
        return upload, len(body) if put(upload.name, body, upload.headers) else None

    for upload, size in parallel(send, uploads, workers):
        if size is None:
            tally.present += 1
            log(f"Found '{upload.name}' written meanwhile")
        else:
            tally.new += 1
            tally.sent += size
            log(f"Uploaded '{upload.name}'")


def parallel(
    work: Callable[[Upload], tuple[Upload, int | None]], items: Iterable[Upload], workers: int
) -> Iterator[tuple[Upload, int | None]]:
    """Yield the results of the work as they come."""
    with ThreadPoolExecutor(workers, thread_name_prefix="publish") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def committed(release: str, plan: Plan, collection: Collection, store: Store) -> str:
    """Make the release exist, if it does not yet; return what has come of it."""
    if not collection.is_release():
        return f"no release {release}, as nothing was hashed"
    if plan.committed or not commit(release, collection, store):
        return f"release {release} was published already, with the same content"
    return f"release {release} is published"


def commit(release: str, collection: Collection, store: Store) -> bool:
    """Write the manifest; return False if another publish of the same content was faster."""
    content = Manifest(release, collection.paths, collection.hash).encode(collection.size())
    try:
        created = store.create_manifest(release, content)
    except StoreError as error:
        raise StoreError(
            f"release {release}: all files are in {store.place}, and it is not certain that the "
            f"manifest is: {error}; {AGAIN}"
        ) from error
    if not created and not is_committed(release, collection, store):
        raise StoreError(f"release {release}: its manifest was there and is gone; {AGAIN}")
    return created


def interrupted(release: str, committed: bool, tally: Tally, error: StoreError) -> str:
    """Return the message for a publish that ended half-way."""
    state = "the release was whole before" if committed else "no manifest was written"
    return (
        f"release {release}: {error}; {tally.new + tally.present} of {tally.total} files were "
        f"written, {state}, and every other release is as it was; "
        f"{AGAIN}"
    )
