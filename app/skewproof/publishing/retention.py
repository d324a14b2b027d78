"""Retention: what the store holds, which releases stay, and which files none of those reaches.

A file goes if a manifest or an intent once named it and none that stays does: whether it is old or
new does not matter, as an unchanged file keeps its name and its date through all releases. What no
manifest and no intent ever named is not this package's, and is left alone.
"""

from __future__ import annotations

import itertools
import re
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import ManifestError, OptionError, RefusedError
from skewproof.publishing import intents
from skewproof.publishing.claim import is_claim
from skewproof.publishing.intents import DEAD, PRUNE, PUBLISH, RENEW
from skewproof.renewal import FOLDER
from skewproof.stores.store import run_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from skewproof.manifest import Manifest
    from skewproof.publishing.intents import Intent
    from skewproof.stores.store import Store, Stored

SURVEYORS = 2  # manifests that are read at once, of which each takes tens of megabytes
# Django's hashed names: twelve digits of the MD5, before the last ending if there is one.
HASHED = re.compile(r"\.[0-9a-f]{12}(\.[^./]*)?$")
STOCK_MANIFEST = re.compile(r"(.*/)?staticfiles[^/]*\.json")


@dataclass(frozen=True)
class Release:
    """One release as its manifest tells of it.

    Attributes:
        id: The release id.
        stored: The manifest as it is listed.
        assets: Hashed names, each once.
        sources: Source names.
        fault: Why the manifest cannot be read; empty when it can.
        renewed: When it was published again, or a ready process renewed it, if ever.
    """

    id: str
    stored: Stored
    # Tuples, as sets would take five times the memory, of strings that all releases share.
    assets: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    fault: str = ""
    renewed: datetime | None = None

    @property
    def names(self) -> Iterator[str]:
        """Yield hashed and source names."""
        yield from self.assets
        yield from self.sources

    @property
    def published(self) -> datetime:
        """Return when the manifest was written, by the store's clock."""
        return self.stored.get_modified()

    @property
    def current(self) -> datetime:
        """Return when it was last known to be wanted: published, or renewed."""
        return max(self.published, self.renewed or self.published)


@dataclass(frozen=True)
class Announced:
    """An intent, and when it was written by the store's clock."""

    intent: Intent
    written: datetime


@dataclass(frozen=True)
class Survey:
    """What manifests and intents there are, by release and by key."""

    releases: dict[str, Release] = field(default_factory=dict)
    intents: dict[str, Announced] = field(default_factory=dict)

    def names(self) -> Iterator[str]:
        """Yield the hashed names of all releases, some of them more than once."""
        for release in self.releases.values():
            yield from release.assets

    def newest_first(self) -> list[Release]:
        """Return the releases by the time for which they are known to be wanted."""
        # Some stores count in whole seconds: what was renewed in the same one came later.
        key = {
            each.id: (each.current, bool(each.renewed), each.id) for each in self.releases.values()
        }
        return sorted(self.releases.values(), key=lambda each: key[each.id], reverse=True)


def take_survey(
    store: Store,
    known: Survey | None = None,
    note: Callable[[Manifest], None] | None = None,
    own: Mapping[str, Intent] | None = None,
) -> Survey:
    """Return what is there, reading only the manifests that an earlier survey does not know.

    What is to be noted of a manifest, such as what its assets hold, a survey does not keep. Nor is
    an intent read that the caller has written itself: that of a prune may name every file.

    Intents are read before manifests: as a publish writes its manifest before it takes its intent
    away, one of the two is seen.
    """
    found = read_intents(store, own or {})
    releases = read_releases(store, known or Survey(), note)
    for each in found.values():
        if each.intent.kind == RENEW:
            for name in each.intent.releases & releases.keys():
                releases[name] = replace(releases[name], renewed=each.written)
    return Survey(releases, found)


def read_intents(store: Store, own: Mapping[str, Intent]) -> dict[str, Announced]:
    """Return all intents by key."""
    return {
        key: Announced(intent, stored.get_modified())
        for key, stored in store.list_private(FOLDER).items()
        if (intent := own.get(key) or intents.read(store, key)) is not None
    }


def read_releases(
    store: Store, known: Survey, note: Callable[[Manifest], None] | None = None
) -> dict[str, Release]:
    """Return all releases, several read at once."""
    listed = {
        release: stored
        for key, stored in store.list_private().items()
        if (release := manifest.find_release(key))
    }

    def read(item: tuple[str, Stored]) -> Release | None:
        release, stored = item
        before = known.releases.get(release)
        if before and is_same(before.stored, stored):
            return before
        return read_release(store, release, stored, note)

    found: dict[str, Release] = {}
    sources: dict[tuple[str, ...], tuple[str, ...]] = {}
    for each in run_parallel(read, listed.items(), min(SURVEYORS, store.workers)):
        if each:
            # Most releases are of the same source names, which are held once.
            names = sources.setdefault(each.sources, each.sources)
            found[each.id] = replace(each, sources=names)
    return {release: found[release] for release in listed if release in found}


def read_release(
    store: Store,
    release: str,
    stored: Stored,
    note: Callable[[Manifest], None] | None = None,
) -> Release | None:
    """Return a release, or None when it has gone since it was listed."""
    content = store.read_private(manifest.make_key(release))
    if content is None:
        return None
    place = manifest.name_place(store.place, release)
    try:
        found = manifest.parse(content, release, place, with_contents=note is not None)
    except ManifestError as error:
        return Release(release, stored, fault=str(error))
    if note:
        note(found)
    names = set(found.paths.values()), found.paths
    assets, sources = (tuple(map(sys.intern, some)) for some in names)
    return Release(release, stored, assets, sources)


def is_same(one: Stored, other: Stored) -> bool:
    """Return whether a manifest has not been written anew; it never changes otherwise."""
    return one == other and one.modified == other.modified


@dataclass(frozen=True)
class Policy:
    """What is to stay.

    Attributes:
        keep: How many of the newest releases stay in any case.
        running: The release that this process belongs to.
        min_age: A release stays for so long after the next one was published.
        named: Further releases that stay in any case.
        grace: Files of a publish that has not come to its end stay for so long.
        orphans: Whether files with hashed names go that no manifest and no intent ever named.
    """

    keep: int
    running: str
    min_age: timedelta = timedelta(days=7)
    named: frozenset[str] = frozenset()
    grace: timedelta = timedelta(days=1)
    orphans: bool = False

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise OptionError(f"--keep {self.keep}: at least the newest release has to stay")
        if self.grace < DEAD:
            raise OptionError(
                f"--grace has to be at least {format_age(DEAD)}: before that, a publish that died "
                "cannot be told from one that still runs"
            )


@dataclass(frozen=True)
class Choice:
    """Which releases and intents stay and which go.

    Attributes:
        kept: Why each release stays, by id.
        pruned: Why each release goes, by id.
        expired: Keys of the intents of publishes that died.
        over: Keys of the intents of prunes that ended or died, and of renewals of what has gone.
    """

    kept: dict[str, str]
    pruned: dict[str, str]
    expired: frozenset[str]
    over: frozenset[str]


@dataclass(frozen=True)
class Reach:
    """Which files stay and which may go by a choice; megabytes, so that no plan keeps it.

    Attributes:
        reached: Names of all files that stay.
        named: Names of files that may go, as far as intents and manifests know.
    """

    reached: frozenset[str]
    named: frozenset[str]

    def drops(self, name: str) -> bool:
        """Return whether a file goes."""
        return name in self.named and name not in self.reached


def choose_releases(
    survey: Survey, policy: Policy, now: datetime, only: Collection[str] | None = None
) -> tuple[Choice, Reach]:
    """Return what stays and what goes; pure, so that it can be tested with any history.

    Args:
        survey: What manifests and intents there are.
        policy: What is to stay.
        now: By the clock that the survey's times are by.
        only: Releases that may go at all, if not every one.

    Raises:
        RefusedError: It is impossible to tell what a release reaches that stays, or is to stay.
    """
    there = survey.intents.items()
    live = {key: each.intent for key, each in there if is_alive(each, policy, now)}
    dead = {key: each.intent for key, each in there if key not in live}
    staying = [each for each in live.values() if each.kind == PUBLISH]
    publishing = {release for each in staying for release in each.releases}
    kept, pruned = sort_releases(survey, policy, now, publishing, only)
    going = [each for each in live.values() if each.kind == PRUNE] + [*dead.values()]
    choice = Choice(
        kept,
        pruned,
        expired=frozenset(key for key, each in dead.items() if each.kind == PUBLISH),
        over=frozenset(key for key, each in dead.items() if each.kind == PRUNE)
        | frozenset(
            key
            for key, each in dead.items()
            if each.kind == RENEW and each.releases.isdisjoint(kept)
        ),
    )
    return choice, Reach(
        reached=unite(
            itertools.chain((each.names for each in staying), find_reached(survey, kept))
        ),
        named=unite(
            itertools.chain(
                (each.names for each in going), (survey.releases[each].names for each in pruned)
            )
        ),
    )


def is_alive(announced: Announced, policy: Policy, now: datetime) -> bool:
    """Return whether a job may still be acting on an intent."""
    limit = policy.grace if announced.intent.kind == PUBLISH else DEAD
    return now - announced.written < limit


def sort_releases(
    survey: Survey,
    policy: Policy,
    now: datetime,
    publishing: Collection[str],
    only: Collection[str] | None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the releases that stay and those that go, each with the reason, newest first."""
    kept: dict[str, str] = {}
    pruned: dict[str, str] = {}
    since = timedelta()  # how long ago the next newer one was published
    for index, release in enumerate(survey.newest_first()):
        rules = (
            (release.id == policy.running, "it is running here"),
            (release.id in policy.named, "--keep-release"),
            (index < policy.keep, f"one of the newest {policy.keep}"),
            (release.id in publishing, "it is being published"),
            (since < policy.min_age, f"replaced only {format_age(since)} ago"),
            (is_fresh(release, now), "it was renewed a moment ago"),
            (only is not None and release.id not in only, "it was not in the plan"),
        )
        reason = next((reason for holds, reason in rules if holds), None)
        if reason:
            kept[release.id] = explain(release, reason, now)
        else:
            pruned[release.id] = explain(release, f"replaced {format_age(since)} ago", now)
        since = now - release.current
    return kept, pruned


def is_fresh(release: Release, now: datetime) -> bool:
    """Return whether the publish that renewed it may not have come to its end."""
    return release.renewed is not None and now - release.renewed < DEAD


def explain(release: Release, reason: str, now: datetime) -> str:
    """Return why a release stays or goes, and how long ago it was renewed, if that was later."""
    if release.renewed is None or release.renewed < release.published:
        return reason
    return f"{reason}; renewed {format_age(now - release.renewed)} ago"


def find_reached(survey: Survey, kept: Iterable[str]) -> Iterator[Iterator[str]]:
    """Return the names of all files of each of the releases that stay."""
    releases = [survey.releases[each] for each in kept]
    for release in releases:
        if release.fault:
            raise RefusedError(
                f"release {release.id} stays, and what it reaches cannot be told, so that nothing "
                f"may be deleted: {release.fault}"
            )
    return (release.names for release in releases)


def find_orphans(
    unnamed: Collection[str],
    survey: Survey,
    listing: Mapping[str, Stored],
    policy: Policy,
    now: datetime,
) -> frozenset[str]:
    """Return the hashed names among those that nothing has ever named, but for those that are new.

    Raises:
        RefusedError: Something else may reach them.
    """
    manifests = sorted(name for name in unnamed if STOCK_MANIFEST.fullmatch(name))
    if manifests:
        raise RefusedError(
            f"--orphans: {manifests[0]} among the assets is a manifest that is not of this "
            "package, and what it reaches may be in use; take it away when nothing reads it "
            "any more"
        )
    if not survey.releases:
        raise RefusedError("--orphans: there is no release at all, so nothing tells what is in use")
    return frozenset(
        name
        for name in unnamed
        if HASHED.search(name) and is_older(listing[name], now - policy.grace)
    )


def find_unnamed(survey: Survey, listing: Iterable[str]) -> frozenset[str]:
    """Return the files that no manifest and no intent names."""
    left = {name for name in listing if not is_claim(name)}
    for release in survey.releases.values():
        left.difference_update(release.names)
    for each in survey.intents.values():
        left.difference_update(each.intent.names)
    return frozenset(left)


def is_older(stored: Stored, moment: datetime) -> bool:
    """Return whether a file was written before the moment."""
    return stored.modified is not None and stored.modified < moment


def unite(names: Iterable[Iterable[str]]) -> frozenset[str]:
    """Return all names, each once."""
    return frozenset(itertools.chain.from_iterable(names))


def format_age(age: timedelta) -> str:
    """Return a length of time as a person says it."""
    seconds = int(age.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}{'s' if seconds // size > 1 else ''}"
    return "less than a minute"
