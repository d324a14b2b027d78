"""A survey of the store: its releases and its notes, each with when it was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skewproof import manifest, notes
from skewproof.errors import ManifestError
from skewproof.store import modified

if TYPE_CHECKING:
    from datetime import datetime

    from skewproof.notes import Note
    from skewproof.store import Store, Stored


@dataclass(frozen=True)
class Release:
    """One release as its manifest tells of it.

    Attributes:
        id: The release id.
        stored: The manifest as it is listed.
        assets: Hashed names.
        names: Hashed and source names.
        fault: Why the manifest cannot be read; empty when it can.
    """

    id: str
    stored: Stored
    assets: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    fault: str = ""

    @property
    def published(self) -> datetime:
        """Return when the manifest was written, by the store's clock."""
        return modified(self.stored)


@dataclass(frozen=True)
class Noted:
    """A note, and when it was written by the store's clock."""

    note: Note
    written: datetime


@dataclass(frozen=True)
class Survey:
    """What manifests and notes there are, by release and by key."""

    releases: dict[str, Release] = field(default_factory=dict)
    notes: dict[str, Noted] = field(default_factory=dict)

    def newest_first(self) -> list[Release]:
        """Return the releases by the time of their publishing."""
        key = {each.id: (each.published, each.id) for each in self.releases.values()}
        return sorted(self.releases.values(), key=lambda each: key[each.id], reverse=True)


def surveyed(store: Store, known: Survey | None = None) -> Survey:
    """Return what is there, reading only the manifests that a survey of before does not know.

    Notes are read before manifests: a publish writes its manifest before it takes its note away, so
    that whoever looks in this order sees one of the two.
    """
    found = read_notes(store)
    return Survey(read_releases(store, known or Survey()), found)


def read_notes(store: Store) -> dict[str, Noted]:
    """Return all notes."""
    read = {
        key: (notes.read(store, key), each)
        for key, each in store.list_records(notes.FOLDER).items()
    }
    return {
        key: Noted(note, modified(stored))
        for key, (note, stored) in read.items()
        if note is not None
    }


def read_releases(store: Store, known: Survey) -> dict[str, Release]:
    """Return all releases, several read at once."""
    listed = {
        release: stored
        for key, stored in store.list_records().items()
        if (release := manifest.release_of(key))
    }

    def read(item: tuple[str, Stored]) -> Release | None:
        release, stored = item
        before = known.releases.get(release)
        return before if before and is_same(before.stored, stored) else read_release(store, *item)

    with ThreadPoolExecutor(store.workers, thread_name_prefix="survey") as pool:
        return {found.id: found for found in pool.map(read, listed.items()) if found}


def read_release(store: Store, release: str, stored: Stored) -> Release | None:
    """Return a release, or None when it has gone since it was listed."""
    content = store.read_record(manifest.key(release))
    if content is None:
        return None
    try:
        paths = manifest.parse(content, release, manifest.place_in(store.place, release)).paths
    except ManifestError as error:
        return Release(release, stored, fault=str(error))
    assets = frozenset(paths.values())
    return Release(release, stored, assets, assets | paths.keys())


def is_same(one: Stored, other: Stored) -> bool:
    """Return whether a manifest has not been written anew; it never changes otherwise."""
    return one == other and one.modified == other.modified
