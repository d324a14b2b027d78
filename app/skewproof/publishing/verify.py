"""Verifying: whether every release is whole, as its manifest says, and what else is in the store.

A listing proves what it can: that an asset is there, its size, and its content where the store
lists MD5s. What contradicts a manifest is read before it is called damaged. The rest is read only
if that is wanted, as it takes a request for each asset.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from skewproof.publishing import intents
from skewproof.publishing.intents import PRUNE, PUBLISH, RENEW, Intent
from skewproof.publishing.proof import DIGITS, FEW, is_possible, unpack
from skewproof.publishing.retention import HASHED, find_unnamed, take_survey
from skewproof.stores.store import Budget, md5, run_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from skewproof.manifest import Manifest
    from skewproof.publishing.collection import Upload
    from skewproof.publishing.publish import Progress
    from skewproof.publishing.retention import Survey
    from skewproof.stores.store import Store, Stored

MISSING, DAMAGED, CONFLICTING = KINDS = ("missing", "damaged", "conflicting")


@dataclass(frozen=True, slots=True)
class Expected:
    """What an asset should be, as far as its manifests and its name tell.

    Attributes:
        size: Its bytes before they are compressed, if that is known.
        digest: Its MD5, or the first digits of it; empty if neither is known.
    """

    size: int | None
    digest: str

    def fits(self, body: bytes) -> bool:
        """Return whether a body is that of the asset, compressed or not."""
        if md5(body).startswith(self.digest):
            return True
        content = unpack(body)
        return content is not None and md5(content).startswith(self.digest)


@dataclass(frozen=True)
class Fault:
    """What is wrong with an asset: it is missing, is damaged, or is to be two files at once."""

    kind: str
    expected: Expected

    def is_mended_by(self, upload: Upload) -> bool:
        """Return whether a file is what the asset should be."""
        size, digest = upload.size, upload.content.digest
        return (
            self.kind != CONFLICTING
            and self.expected.size in (None, size)
            and bool(self.expected.digest)
            and digest.startswith(self.expected.digest)
        )


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        survey: The manifests and intents.
        chosen: The releases that were looked at.
        faults: What is wrong, by asset name.
        assets: How many assets those releases have.
        size: The bytes of those that are there.
        read: How many assets were read.
        untold: How many are there with a possible size and unknown content: not read, or read
            though neither a manifest nor the name says what they hold.
        orphans: Files with hashed names that no manifest and no intent names.
        strangers: Other files that none of them names.
    """

    survey: Survey
    chosen: tuple[str, ...]
    faults: dict[str, Fault]
    assets: int
    size: int
    read: int
    untold: int
    orphans: int
    strangers: int

    def find_faults(self, release: str, kind: str) -> list[str]:
        """Return the names of a release's assets with faults of a kind."""
        names = self.faults.keys() & self.survey.releases[release].assets
        return sorted(name for name in names if self.faults[name].kind == kind)

    def find_users(self) -> dict[str, list[str]]:
        """Return the releases, newest first, that have an asset with a fault, by its name."""
        users: dict[str, list[str]] = {name: [] for name in self.faults}
        for release in self.chosen:
            for name in self.faults.keys() & self.survey.releases[release].assets:
                users[name].append(release)
        return users

    def unreadable(self) -> list[str]:
        """Return why manifests cannot be read."""
        return [fault for each in self.chosen if (fault := self.survey.releases[each].fault)]

    def find_broken(self) -> list[str]:
        """Return the releases that are not whole, newest first."""
        releases = self.survey.releases
        return [
            each
            for each in self.chosen
            if releases[each].fault or not self.faults.keys().isdisjoint(releases[each].assets)
        ]

    def is_whole(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.find_broken()

    def count_intents(self) -> dict[str, int]:
        """Return how many intents there are, by kind."""
        found = Counter(each.intent.kind for each in self.survey.intents.values())
        return {kind: found[kind] for kind in (PUBLISH, PRUNE, RENEW)}

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        releases = self.survey.releases
        return {
            "whole": self.is_whole(),
            "releases": {
                each: {
                    "assets": len(releases[each].assets),
                    **{kind: self.find_faults(each, kind) for kind in KINDS},
                    "error": releases[each].fault or None,
                }
                for each in self.chosen
            },
            "assets": self.assets,
            "bytes": self.size,
            "read": self.read,
            "untold": self.untold,
            "orphans": self.orphans,
            "strangers": self.strangers,
            "intents": self.count_intents(),
        }


@dataclass
class Known:
    """What manifests say of assets; several threads add to it."""

    contents: dict[str, tuple[int, str]] = field(default_factory=dict)
    conflicts: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, manifest: Manifest) -> None:
        """Take in what a manifest says."""
        with self.lock:
            for name, content in manifest.contents.items():
                if self.contents.setdefault(name, content) != content:
                    self.conflicts.add(name)

    def expect(self, name: str) -> Expected:
        """Return what an asset should be."""
        if name in self.contents:
            return Expected(*self.contents[name])
        found = HASHED.search(name)
        return Expected(None, found[0][1 : 1 + DIGITS] if found else "")


def verify(
    store: Store,
    chosen: Collection[str],
    is_compressed: Callable[[str], bool],
    progress: Progress,
    *,
    read: bool = False,
) -> Verification:
    """Return what is wrong with releases; nothing is changed.

    Args:
        store: Where they are.
        chosen: Their ids, all of which are there; none for all releases.
        is_compressed: Whether a publish would have compressed an asset.
        progress: Told how many assets have been read, of how many.
        read: Whether to read every asset.

    Raises:
        StoreError: The store failed.
    """
    known = Known()
    survey = take_survey(store, note=known.add)
    listing = store.list_assets(survey.names())
    looked = tuple(each.id for each in survey.newest_first() if not chosen or each.id in chosen)
    names = {name for each in looked for name in survey.releases[each].assets}
    expected = {name: known.expect(name) for name in names}
    there = names & listing.keys()
    doubted, untold = sort_listed(there, expected, listing, is_compressed)
    wanted = there if read else doubted
    damaged = find_damaged(wanted, expected, listing, store, progress)
    wrong = names - there, damaged, names & known.conflicts
    unnamed = find_unnamed(survey, listing)
    orphans = sum(HASHED.search(name) is not None for name in unnamed)
    return Verification(
        survey=survey,
        chosen=looked,
        faults={
            name: Fault(kind, expected[name])
            for kind, some in zip(KINDS, wrong, strict=True)
            for name in some
        },
        assets=len(names),
        size=sum(listing[name].size for name in there),
        read=len(wanted),
        untold=sum(not expected[name].digest for name in there) if read else len(untold),
        orphans=orphans,
        strangers=len(unnamed) - orphans,
    )


def sort_listed(
    names: Iterable[str],
    expected: Mapping[str, Expected],
    listing: Mapping[str, Stored],
    is_compressed: Callable[[str], bool],
) -> tuple[set[str], set[str]]:
    """Return the assets that the listing contradicts, and those of which it tells too little."""
    doubted: set[str] = set()
    untold: set[str] = set()
    differing: set[str] = set()
    fitting = 0
    for name in names:
        wanted, found = expected[name], listing[name]
        digest = wanted.digest and found.digest
        if digest and found.digest and found.digest.startswith(wanted.digest):
            fitting += 1
        elif is_compressed(name):
            is_right = wanted.size is None or is_possible(wanted.size, found.size)
            (untold if is_right else doubted).add(name)
        elif wanted.size not in (None, found.size):
            doubted.add(name)
        else:
            (differing if digest else untold).add(name)
    # What a service lists may be no MD5, as with some encryption: then none fits, and none counts.
    if fitting or len(differing) <= FEW:
        return doubted | differing, untold
    return doubted, untold | differing


def find_damaged(
    names: Collection[str],
    expected: Mapping[str, Expected],
    listing: Mapping[str, Stored],
    store: Store,
    progress: Progress,
) -> set[str]:
    """Return the assets that are other files than they should be, having read them."""
    memory = Budget()

    def look(name: str) -> str | None:
        with memory.spend(listing[name].size):
            body = store.read_asset(name)
            return None if body is None or expected[name].fits(body) else name

    damaged = set()
    for done, name in enumerate(run_parallel(look, sorted(names), store.workers), 1):
        progress(done, len(names))
        if name:
            damaged.add(name)
    return damaged


def repair(faults: Mapping[str, Fault], uploads: Iterable[Upload], store: Store) -> tuple[str, ...]:
    """Write again what is missing or damaged, of these files; return the names.

    A damaged asset is the one thing that is ever written over: with what its manifests and its name
    say, so that no visitor of any release gets other bytes than before the damage.

    Raises:
        StoreError: The store failed; nothing is worse than it was.
    """
    chosen = [
        each for each in uploads if each.name in faults and faults[each.name].is_mended_by(each)
    ]
    if not chosen:
        return ()
    names = frozenset(each.name for each in chosen)
    key = intents.announce(Intent(PUBLISH, frozenset(), names), store)
    try:
        for _ in run_parallel(partial(write_again, store, faults), chosen, store.workers):
            pass
        store.settle()
    finally:
        intents.take_away([key], store)
    return tuple(sorted(names))


def write_again(store: Store, faults: Mapping[str, Fault], upload: Upload) -> None:
    """Write a file where it is missing, or over one that is damaged."""
    with upload.open() as body:
        if faults[upload.name].kind == MISSING:
            store.create_asset(upload.name, body, upload.headers)
        else:
            store.replace_asset(upload.name, body, upload.headers)
