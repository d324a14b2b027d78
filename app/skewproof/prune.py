"""Pruning: manifests first, then the files that no release reaches, while publishes go on.

The order is what makes it safe. A note with all that may be deleted is written; then manifests and
notes are read once more; and of what is in the note only that goes which still nobody names. A
publish that was too late to be seen then sees the note, and waits if it needs what is in it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skewproof import manifest, notes
from skewproof.errors import SkewproofError, StoreError
from skewproof.listing import counted, sized
from skewproof.notes import Lease, Note
from skewproof.retention import Choice, chosen, orphans, unnamed
from skewproof.survey import surveyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from skewproof.retention import Policy
    from skewproof.store import Store, Stored
    from skewproof.survey import Survey

BATCH = 1000
AGAIN = "run the same command again, and it goes on from there"


@dataclass(frozen=True)
class Plan:
    """What is to go, as far as can be seen now.

    Attributes:
        survey: The manifests and notes it was made from.
        listing: The files it was made from.
        choice: Which releases stay and which go.
        files: The files that go, all of which are there.
        unnamed: The files that are left alone, since nothing of ours names them.
    """

    survey: Survey
    listing: dict[str, Stored]
    choice: Choice
    files: frozenset[str]
    unnamed: frozenset[str]

    def size(self, files: Iterable[str]) -> int:
        """Return the bytes of files."""
        return sum(self.listing[name].size for name in files)

    def is_empty(self) -> bool:
        """Return whether there is nothing to do, not even to tidy up notes."""
        choice = self.choice
        return not (self.files or choice.pruned or choice.expired or choice.over)


@dataclass(frozen=True)
class Report:
    """What a prune did."""

    releases: tuple[str, ...]
    spared: tuple[str, ...]
    files: int
    size: int
    requests: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"deleted {counted(len(self.releases), 'release')} and {counted(self.files, 'file')}, "
            f"{sized(self.size)}, {counted(self.requests, 'request')}, {self.seconds:.2f} s"
        )


def planned(store: Store, policy: Policy, now: datetime) -> Plan:
    """Return what is to go, changing nothing.

    Raises:
        RefusedError: Nobody can tell what is in use.
        StoreError: The store failed.
    """
    survey = surveyed(store)
    choice = chosen(survey, policy, now)
    listing = store.list_assets()
    files = choice.files() & listing.keys()
    if policy.orphans:
        files |= orphans(survey, listing, policy, now) - choice.reached
    return Plan(survey, listing, choice, files, unnamed(survey, listing) - files)


def prune(
    plan: Plan,
    store: Store,
    policy: Policy,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Carry out a plan, sparing what has come into use since it was made.

    Raises:
        RefusedError: Nobody can tell any more what is in use; nothing was deleted.
        StoreError: The store failed; no release that stays lacks anything, and the next prune
            deletes the rest.
    """
    started = clock()
    lease = Lease()
    mark, choice = announced(plan, store, policy)
    files = sorted(plan.files - choice.reached)
    delete(tuple(choice.pruned), files, store, lease)
    # Only those whose files were all in the plan: a note is what names them.
    done = (choice.expired & plan.choice.expired) | (choice.over & plan.choice.over)
    # A deletion that was given up may still come: our note goes on warning until that is over.
    notes.take_away([*done, *([mark] if store.is_sure else [])], store)
    spared = tuple(release for release in plan.choice.pruned if release not in choice.pruned)
    size, seconds = plan.size(files), clock() - started
    return Report(tuple(choice.pruned), spared, len(files), size, store.calls.total, seconds)


def announced(plan: Plan, store: Store, policy: Policy) -> tuple[str, Choice]:
    """Write the note of the prune, and return its key and what goes now that others can see it."""
    try:
        mark = notes.write(store, Note(notes.PRUNE, frozenset(plan.choice.pruned), plan.files))
        try:
            return mark, chosen_again(mark, plan, store, policy)
        except SkewproofError:
            notes.take_away([mark], store)
            raise
    except StoreError as error:
        raise StoreError(f"{error}; nothing was deleted; {AGAIN}") from error


def chosen_again(mark: str, plan: Plan, store: Store, policy: Policy) -> Choice:
    """Return the choice as it is after our note was written, by the time that it was written."""
    survey = surveyed(store, plan.survey)
    if mark not in survey.notes:
        raise StoreError(f"the note {mark} has been taken away from {store.place}")
    return chosen(survey, policy, survey.notes[mark].written, plan.choice.pruned.keys())


def delete(releases: tuple[str, ...], files: list[str], store: Store, lease: Lease) -> None:
    """Delete manifests, then files; stop in time, when others no more count on our note."""
    done = 0
    try:
        for some in batches(list(releases)):
            check(lease)
            store.delete_records(manifest.key(release) for release in some)
        for some in batches(files):
            check(lease)
            store.delete_assets(some)
            done += len(some)
    except StoreError as error:
        raise StoreError(
            f"{error}; {done} of {len(files)} files were deleted, every release that stays is "
            f"whole; {AGAIN}"
        ) from error


def check(lease: Lease) -> None:
    """Raise when it is too late to delete anything under our note."""
    if lease.is_over():
        raise StoreError("pruning takes too long to go on in one run")


def batches(names: list[str]) -> Iterator[list[str]]:
    """Yield the names, a thousand at a time."""
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]
