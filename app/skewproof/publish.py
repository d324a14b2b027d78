"""Publishing: assets first, the manifest last, and nothing that is there is ever touched.

The manifest is the commit record: a release exists from the moment that its manifest does. All that
is written before is either new, under a name that holds its hash, or an unhashed copy, which stock
Django overwrites as well. A note keeps a prune from deleting what the publish found there and
relies on, until the manifest does so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skewproof import manifest, notes
from skewproof.budget import Budget
from skewproof.errors import StoreError
from skewproof.listing import sized
from skewproof.notes import Lease, Note
from skewproof.parallel import parallel
from skewproof.plan import AGAIN, Plan, before_any_file, compared, is_committed, is_there
from skewproof.progress import no_progress

if TYPE_CHECKING:
    from skewproof.collection import Collection
    from skewproof.content import Upload
    from skewproof.progress import Progress
    from skewproof.store import Store

Log = Callable[[str], None]


@dataclass(frozen=True)
class Report:
    """What a publish did.

    Attributes:
        outcome: What has come of the release.
        new: Files that were written, under hashed and source names.
        reused: Files that were there.
        sent: Bytes of the files that were written.
        requests: All requests, those for the manifest and the note among them; one that was tried
            again counts once.
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
            f"{sized(self.sent)}, {self.requests:,} requests, {self.seconds:.2f} s"
        )


@dataclass
class Tally:
    """What has been written so far."""

    new: int = 0
    present: int = 0
    sent: int = 0
    total: int = 0

    @property
    def done(self) -> int:
        """Return how many files need no more work."""
        return self.new + self.present


def publish(
    release: str,
    collection: Collection,
    store: Store,
    log: Log,
    progress: Progress = no_progress,
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
    tally = Tally()
    there = is_there(release, collection, store)
    written: list[str] = []
    while True:
        lease = Lease()
        if collection.is_release() and not there:
            with before_any_file(release):
                written.append(notes.announce(note_of(release, collection), store))
        plan = compared(release, collection, store, there)
        fill(release, plan, store, tally, watching(tally, log, progress))
        # What took longer than the note is good for is looked at again, under a new one.
        if not written or not lease.is_over():
            break
    outcome = committed(release, plan, collection, store)
    notes.take_away(written, store)
    seconds = clock() - started
    total = len(collection.assets) + len(collection.copies)
    return Report(
        outcome, tally.new, max(0, total - tally.new), tally.sent, store.calls.total, seconds
    )


def watching(tally: Tally, log: Log, progress: Progress) -> Log:
    """Return the log as one that shows the progress with each file."""

    def watched(text: str) -> None:
        log(text)
        progress(tally.done, tally.total)

    return watched


def note_of(release: str, collection: Collection) -> Note:
    """Return the note that names all files of the release."""
    uploads = {upload.name for upload in collection.assets + collection.copies}
    names = uploads | collection.paths.keys() | set(collection.paths.values())
    return Note(notes.PUBLISH, frozenset({release}), frozenset(names))


def fill(release: str, plan: Plan, store: Store, tally: Tally, log: Log) -> None:
    """Write what the store lacks, and make it durable."""
    tally.total += len(plan.assets) + len(plan.copies)
    try:
        write(plan.assets, store.create_asset, store.workers, tally, log)
        write(plan.copies, replacing(store), store.workers, tally, log)
        store.settle()
    except StoreError as error:
        raise StoreError(interrupted(release, plan.committed, tally, error)) from error


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
    memory = Budget()

    def send(upload: Upload) -> tuple[Upload, int | None]:
        with memory.spending(upload.size), upload.opened() as body:
            return upload, len(body) if put(upload.name, body, upload.headers) else None

    for upload, size in parallel(send, uploads, workers):
        if size is None:
            tally.present += 1
            log(f"Found '{upload.name}' written meanwhile")
        else:
            tally.new += 1
            tally.sent += size
            log(f"Uploaded '{upload.name}'")


def committed(release: str, plan: Plan, collection: Collection, store: Store) -> str:
    """Make the release exist, if it does not yet; return what has come of it."""
    if not collection.is_release():
        return f"no release {release}, as nothing was hashed"
    if plan.committed or not commit(release, collection, store):
        return f"release {release} was published already, with the same content"
    return f"release {release} is published"


def commit(release: str, collection: Collection, store: Store) -> bool:
    """Write the manifest; return False if another publish of the same content was faster."""
    try:
        created = store.create_record(manifest.key(release), collection.encoded(release))
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
        f"release {release}: {error}; {tally.done} of {tally.total} files were "
        f"written, {state}, and every other release is as it was; "
        f"{AGAIN}"
    )
