"""Pruning: manifests first, then the files that no release reaches, while publishes go on.

The order is what makes it safe. An intent with all that may be deleted is written; then manifests
and intents are read once more; and of what the intent names only that goes which nothing that stays
names even then. A publish that was too late to be seen sees the intent, and waits if it needs what
is in it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import SkewproofError, StoreError
from skewproof.publishing import intents
from skewproof.publishing.claim import assert_own_place
from skewproof.publishing.intents import Intent, Lease
from skewproof.publishing.listing import format_count, format_size
from skewproof.publishing.retention import (
    Choice,
    choose_releases,
    find_orphans,
    find_unnamed,
    is_older,
    take_survey,
)
from skewproof.stores.store import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from skewproof.publishing.retention import Policy, Survey
    from skewproof.stores.store import Store, Stored

BATCH = 1000
AGAIN = "run the same command again, and it goes on from there"


@dataclass(frozen=True)
class PrunePlan:
    """What is to go, as far as can be seen now.

    Attributes:
        survey: The manifests and intents it was made from.
        listing: The files it was made from.
        choice: Which releases stay and which go.
        files: The files that go, all of which are there.
        orphans: Those of them that no manifest and no intent names.
        unnamed: The files that are left alone, since no manifest and no intent names them.
    """

    survey: Survey
    listing: dict[str, Stored]
    choice: Choice
    files: frozenset[str]
    orphans: frozenset[str]
    unnamed: frozenset[str]

    def size(self, files: Iterable[str]) -> int:
        """Return the bytes of files."""
        return sum(self.listing[name].size for name in files)

    def is_empty(self) -> bool:
        """Return whether there is nothing to do, not even to tidy up intents."""
        choice = self.choice
        return not (self.files or choice.pruned or choice.expired or choice.over)


@dataclass(frozen=True)
class PruneReport:
    """What a prune did."""

    releases: tuple[str, ...]
    spared: tuple[str, ...]
    files: int
    size: int
    requests: int
    seconds: float

    def __str__(self) -> str:
        releases = format_count(len(self.releases), "release")
        files = f"{format_count(self.files, 'file')}, {format_size(self.size)}"
        requests = format_count(self.requests, "request")
        return f"deleted {releases} and {files}, {requests}, {self.seconds:.2f} s"


def plan_prune(store: Store, policy: Policy, now: datetime) -> PrunePlan:
    """Return what is to go, changing nothing.

    Raises:
        RefusedError: It is impossible to tell what is in use.
        StoreError: The store failed.
    """
    survey = take_survey(store)
    choice, reach = choose_releases(survey, policy, now)
    listing = store.list_assets(survey.names())
    assert_own_place(listing, store, whole=policy.orphans)
    unnamed = find_unnamed(survey, listing)
    orphans: frozenset[str] = frozenset()
    if policy.orphans:
        orphans = find_orphans(unnamed, survey, listing, policy, now)
    files = frozenset(name for name in listing if reach.drops(name) or name in orphans)
    return PrunePlan(survey, listing, choice, files, orphans, unnamed - orphans)


def prune(
    plan: PrunePlan,
    store: Store,
    policy: Policy,
    clock: Callable[[], float] = time.monotonic,
) -> PruneReport:
    """Carry out a plan, sparing what has come into use since it was made.

    Raises:
        RefusedError: It is no longer possible to tell what is in use; nothing was deleted.
        StoreError: The store failed; no release that stays lacks anything, and the next prune
            deletes the rest.
    """
    started = clock()
    lease = Lease()
    key, choice, reached = announce(plan, store, policy)
    files = sorted(plan.files - reached)
    delete(tuple(choice.pruned), files, store, lease)
    # Only those whose files were all in the plan: an intent is what names them.
    done = (choice.expired & plan.choice.expired) | (choice.over & plan.choice.over)
    # A deletion that was given up may still come: our intent goes on warning until that is over.
    intents.take_away([*done, *([key] if store.is_sure else [])], store)
    spared = tuple(release for release in plan.choice.pruned if release not in choice.pruned)
    size, seconds = plan.size(files), clock() - started
    return PruneReport(tuple(choice.pruned), spared, len(files), size, store.calls.total, seconds)


def announce(plan: PrunePlan, store: Store, policy: Policy) -> tuple[str, Choice, frozenset[str]]:
    """Write the intent of the prune, and choose again now that others can see it.

    Returns:
        Its key, the choice, and those files of the plan that stay.
    """
    intent = Intent(intents.PRUNE, frozenset(plan.choice.pruned), plan.files)
    try:
        key = intents.write(store, intent)
        try:
            return key, *choose_again(key, intent, plan, store, policy)
        except SkewproofError:
            intents.take_away([key], store)
            raise
    except StoreError as error:
        raise StoreError(f"{error}; nothing was deleted; {AGAIN}") from error


def choose_again(
    key: str, intent: Intent, plan: PrunePlan, store: Store, policy: Policy
) -> tuple[Choice, frozenset[str]]:
    """Return the choice as it is after our intent was written, by the time that it was written.

    Returns:
        The choice, and those files of the plan that stay by it.
    """
    survey = take_survey(store, plan.survey, own={key: intent})
    if key not in survey.intents:
        raise StoreError(f"the intent {key} has been taken away from {store.place}")
    now = survey.intents[key].written
    choice, reach = choose_releases(survey, policy, now, plan.choice.pruned.keys())
    since = now - policy.grace
    young = (each for each in plan.orphans if not is_older(plan.listing[each], since))
    return choice, (plan.files & reach.reached).union(young)


def delete(releases: tuple[str, ...], files: list[str], store: Store, lease: Lease) -> None:
    """Delete manifests, then files; stop before others no longer count on our intent."""
    done = 0
    try:
        for some in split(list(releases), BATCH):
            check_lease(lease)
            store.delete_private(manifest.make_key(release) for release in some)
        for some in split(files, BATCH):
            check_lease(lease)
            store.delete_assets(some)
            done += len(some)
    except StoreError as error:
        raise StoreError(
            f"{error}; {done} of {len(files)} files were deleted, every release that stays is "
            f"whole; {AGAIN}"
        ) from error


def check_lease(lease: Lease) -> None:
    """Raise when it is too late to delete anything under our intent."""
    if lease.is_over():
        raise StoreError("pruning takes too long to go on in one run")
