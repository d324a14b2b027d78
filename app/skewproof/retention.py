"""Retention: which releases stay, and which files none of those reaches.

A file goes if something of ours once named it and nothing that stays does: whether it is old or new
does not matter, as an unchanged file keeps its name and its date through all releases. What nothing
of ours ever named is somebody else's, and is left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from skewproof.errors import OptionError, RefusedError
from skewproof.notes import DEAD, PRUNE, PUBLISH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from skewproof.store import Stored
    from skewproof.survey import Noted, Survey

# Django's hashed names: twelve digits of the MD5, before the last ending if there is one.
HASHED = re.compile(r"\.[0-9a-f]{12}(\.[^./]*)?$")
FOREIGN = re.compile(r"(.*/)?staticfiles[^/]*\.json")


@dataclass(frozen=True)
class Policy:
    """What is to stay.

    Attributes:
        keep: How many of the newest releases stay in any case.
        running: The release that this process belongs to.
        min_age: A release stays for so long after the next one was published.
        named: Further releases that stay in any case.
        grace: Files of a publish that has not come to its end stay for so long.
        orphans: Whether files with hashed names go that nothing of ours ever named.
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
                f"--grace has to be at least {spoken(DEAD)}: before that, nobody can tell a "
                "publish that died from one that still runs"
            )


@dataclass(frozen=True)
class Choice:
    """What stays and what goes.

    Attributes:
        kept: Why each release stays, by id.
        pruned: Why each release goes, by id.
        expired: Keys of the notes of publishes that died.
        over: Keys of the notes of prunes that ended or died.
        reached: Names of all files that stay.
        named: Names of files that may go, as far as notes and manifests know.
    """

    kept: dict[str, str]
    pruned: dict[str, str]
    expired: frozenset[str]
    over: frozenset[str]
    reached: frozenset[str]
    named: frozenset[str]

    def files(self) -> frozenset[str]:
        """Return the names that go; not all of them need be there."""
        return self.named - self.reached


def chosen(
    survey: Survey, policy: Policy, now: datetime, only: Collection[str] | None = None
) -> Choice:
    """Return what stays and what goes; pure, so that it can be tested with any history.

    Args:
        survey: What manifests and notes there are.
        policy: What is to stay.
        now: By the clock that the survey's times are by.
        only: Releases that may go at all, if not every one.

    Raises:
        RefusedError: Nobody can tell what a release reaches that stays, or is to stay.
    """
    live = {key: noted for key, noted in survey.notes.items() if is_alive(noted, policy, now)}
    publishing = {
        each
        for noted in live.values()
        if noted.note.kind == PUBLISH
        for each in noted.note.releases
    }
    kept, pruned = sorted_out(survey, policy, now, publishing, only)
    dead = {key: noted for key, noted in survey.notes.items() if key not in live}
    going = [noted.note for noted in survey.notes.values() if noted.note.kind == PRUNE]
    going += [noted.note for noted in dead.values()]
    staying = [noted.note for noted in live.values() if noted.note.kind == PUBLISH]
    return Choice(
        kept,
        pruned,
        expired=frozenset(key for key, noted in dead.items() if noted.note.kind == PUBLISH),
        over=frozenset(key for key, noted in dead.items() if noted.note.kind == PRUNE),
        reached=union(each.names for each in staying) | reach(survey, kept),
        named=union(each.names for each in going)
        | union(survey.releases[each].names for each in pruned),
    )


def is_alive(noted: Noted, policy: Policy, now: datetime) -> bool:
    """Return whether somebody may still be acting on a note."""
    limit = policy.grace if noted.note.kind == PUBLISH else DEAD
    return now - noted.written < limit


def sorted_out(
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
            (since < policy.min_age, f"replaced only {spoken(since)} ago"),
            (only is not None and release.id not in only, "it was not in the plan"),
        )
        reason = next((reason for holds, reason in rules if holds), None)
        if reason:
            kept[release.id] = reason
        else:
            pruned[release.id] = f"replaced {spoken(since)} ago"
        since = now - release.published
    return kept, pruned


def reach(survey: Survey, kept: Iterable[str]) -> frozenset[str]:
    """Return the names of all files of the releases that stay."""
    releases = [survey.releases[each] for each in kept]
    for release in releases:
        if release.fault:
            raise RefusedError(
                f"release {release.id} stays, and what it reaches cannot be told, so that nothing "
                f"may be deleted: {release.fault}"
            )
    return union(release.names for release in releases)


def orphans(
    survey: Survey, listing: Mapping[str, Stored], policy: Policy, now: datetime
) -> frozenset[str]:
    """Return the hashed names that nothing of ours has ever named, and that are not new.

    Raises:
        RefusedError: Something else may reach them.
    """
    others = unnamed(survey, listing)
    foreign = sorted(name for name in others if FOREIGN.fullmatch(name))
    if foreign:
        raise RefusedError(
            f"--orphans: {foreign[0]} among the assets is a manifest that is not of this package, "
            "and what it reaches may be in use; take it away when nothing reads it any more"
        )
    if not survey.releases:
        raise RefusedError("--orphans: there is no release at all, so nothing tells what is in use")
    return frozenset(
        name
        for name in others
        if HASHED.search(name) and is_older(listing[name], now - policy.grace)
    )


def unnamed(survey: Survey, listing: Iterable[str]) -> frozenset[str]:
    """Return the files that no manifest and no note names."""
    known = union(release.names for release in survey.releases.values())
    return frozenset(listing) - known - union(noted.note.names for noted in survey.notes.values())


def is_older(stored: Stored, moment: datetime) -> bool:
    """Return whether a file was written before the moment."""
    return stored.modified is not None and stored.modified < moment


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Return all that is in any of the sets."""
    return frozenset().union(*sets)


def spoken(age: timedelta) -> str:
    """Return a length of time as a person says it."""
    seconds = int(age.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}{'s' if seconds // size > 1 else ''}"
    return "less than a minute"
