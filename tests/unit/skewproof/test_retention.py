"""Which releases stay and which files go, as a pure function of what is there."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.skewproof.memory import START

from skewproof.errors import OptionError, RefusedError
from skewproof.publishing.intents import PRUNE, PUBLISH, Intent
from skewproof.publishing.retention import (
    Announced,
    Choice,
    Policy,
    Reach,
    Release,
    Survey,
    choose_releases,
    find_orphans,
    find_unnamed,
    format_age,
)
from skewproof.stores.store import Stored

NOW = START
DAY = timedelta(days=1)
HASH = "0123456789ab"


def release(name: str, days: float, *files: str, fault: str = "") -> Release:
    """Return a release that was published so many days ago."""
    stored = Stored(1, None, NOW - days * DAY)
    return Release(name, stored, tuple(files), (), fault)


def announced(kind: str, hours: float, *names: str, releases: tuple[str, ...] = ()) -> Announced:
    intent = Intent(kind, frozenset(releases), frozenset(names))
    return Announced(intent, NOW - timedelta(hours=hours))


def survey(*releases: Release, **intents: Announced) -> Survey:
    return Survey({each.id: each for each in releases}, intents)


def going(found: tuple[Choice, Reach]) -> set[str]:
    _, reach = found
    return {name for name in reach.named if reach.drops(name)}


def orphans(history: Survey, listing: dict[str, Stored]) -> frozenset[str]:
    return find_orphans(find_unnamed(history, listing), history, listing, policy(), NOW)


HISTORY = survey(
    release("v1", 400, "same", "one"),
    release("v2", 90, "same", "two"),
    release("v3", 10, "same", "three"),
    release("v4", 1, "same", "four"),
)


def policy(keep: int = 1, **changed: Any) -> Policy:
    return Policy(**{"keep": keep, "running": "v4", "min_age": timedelta(), **changed})


@pytest.mark.parametrize(
    ("wanted", "pruned"),
    [
        (policy(keep=1), ["v3", "v2", "v1"]),
        (policy(keep=2), ["v2", "v1"]),
        (policy(keep=9), []),
        (policy(running="v2"), ["v3", "v1"]),
        (policy(named=frozenset({"v1", "v3"})), ["v2"]),
        (policy(min_age=2 * DAY), ["v2", "v1"]),
        (policy(min_age=30 * DAY), ["v1"]),
        (policy(min_age=91 * DAY), []),
    ],
)
def test_the_newest_the_running_the_named_and_the_lately_replaced_stay(
    wanted: Policy, pruned: list[str]
) -> None:
    choice, _ = choose_releases(HISTORY, wanted, NOW)
    assert list(choice.pruned) == pruned
    assert choice.kept.keys() | choice.pruned.keys() == HISTORY.releases.keys()


def test_a_release_that_served_for_months_is_not_old_on_the_day_after_it_was_replaced() -> None:
    """Its pages are open in browsers, and it is the one to roll back to."""
    history = survey(release("v1", 300, "one"), release("v2", 1, "two"))
    choice, _ = choose_releases(history, policy(running="v2", min_age=7 * DAY), NOW)
    assert choice.kept["v1"] == "replaced only 1 day ago"


def test_what_a_release_that_stays_reaches_stays_whatever_its_age() -> None:
    assert going(choose_releases(HISTORY, policy(), NOW)) == {"one", "two", "three"}


def test_the_source_name_of_a_file_stays_as_long_as_a_release_has_it() -> None:
    old = dataclasses.replace(release("v1", 1, "a.1"), sources=("a", "b"))
    new = dataclasses.replace(release("v2", 0, "a.2"), sources=("a",))
    assert going(choose_releases(survey(old, new), policy(), NOW)) == {"a.1", "b"}


def test_a_publish_that_runs_protects_its_files_and_its_release() -> None:
    running = announced(PUBLISH, 2, "one", "never-committed", releases=("v2",))
    found = choose_releases(survey(*HISTORY.releases.values(), intent=running), policy(), NOW)
    assert found[0].kept["v2"] == "it is being published"
    assert going(found) == {"three"}
    assert not found[0].expired


def test_the_files_of_a_publish_that_died_go_after_the_grace_period() -> None:
    died = announced(PUBLISH, 25, "same", "never-committed", releases=("v5",))
    found = choose_releases(survey(*HISTORY.releases.values(), intent=died), policy(keep=4), NOW)
    assert going(found) == {"never-committed"}
    assert found[0].expired == {"intent"}
    longer = policy(keep=4, grace=2 * DAY)
    assert not going(choose_releases(survey(*HISTORY.releases.values(), intent=died), longer, NOW))


def test_what_a_prune_did_not_get_to_goes_with_the_next_one() -> None:
    """The manifests are gone by then: only the intent still names the files."""
    for hours, over in ((0.1, set()), (2, {"intent"})):
        left = announced(PRUNE, hours, "same", "forgotten", releases=("v0",))
        found = choose_releases(
            survey(*HISTORY.releases.values(), intent=left), policy(keep=4), NOW
        )
        assert going(found) == {"forgotten"}
        assert found[0].over == over


def test_nothing_goes_while_a_release_that_stays_cannot_be_read() -> None:
    broken = release("v5", 0.5, fault="it is not JSON")
    with pytest.raises(RefusedError, match="release v5 stays, and what it reaches cannot be told"):
        choose_releases(survey(*HISTORY.releases.values(), broken), policy(), NOW)


def test_a_release_that_cannot_be_read_can_go_when_it_is_old() -> None:
    broken = release("v0", 500, fault="it is not JSON")
    choice, _ = choose_releases(survey(*HISTORY.releases.values(), broken), policy(keep=2), NOW)
    assert "v0" in choice.pruned


def test_releases_that_were_not_in_the_plan_stay() -> None:
    found = choose_releases(HISTORY, policy(), NOW, only={"v1"})
    assert list(found[0].pruned) == ["v1"]
    assert going(found) == {"one"}


def test_a_clock_that_is_a_year_ahead_deletes_no_more_than_the_stores_clock_says() -> None:
    """The plan is by the clock of the machine, what is done by that of the store."""
    careful = policy(min_age=30 * DAY)
    plan, _ = choose_releases(HISTORY, careful, NOW + 365 * DAY)
    assert list(plan.pruned) == ["v3", "v2", "v1"]
    again, _ = choose_releases(HISTORY, careful, NOW, plan.pruned)
    assert list(again.pruned) == ["v1"]


def by_age(listing: dict[str, Stored], days: int) -> set[str]:
    """Return what a lifecycle rule of a bucket deletes."""
    return {name for name, stored in listing.items() if stored.modified < NOW - days * DAY}  # type: ignore[operator]


def test_a_rule_by_age_deletes_files_in_use_where_reachability_deletes_none() -> None:
    """An unchanged file was written with the first release that had it, and never again."""
    listing = {"same": Stored(1, None, NOW - 400 * DAY), "four": Stored(1, None, NOW - DAY)}
    in_use = set(HISTORY.releases["v4"].names)
    assert by_age(listing, 365) & in_use == {"same"}
    assert not going(choose_releases(HISTORY, policy(), NOW)) & in_use


def test_hashed_names_that_nothing_ever_named_are_orphans_and_others_are_not() -> None:
    old, new = Stored(1, None, NOW - 2 * DAY), Stored(1, None, NOW)
    listing = {
        f"css/site.{HASH}.css": old,
        f"LICENSE.{HASH}": old,
        f"js/new.{HASH}.js": new,
        "robots.txt": old,
        "js/app.0123456789abc.js": old,
        f"dir.{HASH}.d/file": old,
        "same": old,
    }
    assert orphans(HISTORY, listing) == {f"css/site.{HASH}.css", f"LICENSE.{HASH}"}


@pytest.mark.parametrize("name", ["staticfiles.json", "staticfiles-v1.json", "v1/staticfiles.json"])
def test_orphans_are_not_looked_for_where_a_stock_manifest_may_reach_them(name: str) -> None:
    with pytest.raises(RefusedError, match=f"{name} among the assets is a manifest"):
        orphans(HISTORY, {name: Stored(1)})


def test_a_file_of_ours_that_is_called_like_a_manifest_is_none() -> None:
    ours = survey(release("v1", 1, "demo/staticfiles.json"))
    assert not orphans(ours, {"demo/staticfiles.json": Stored(1)})


def test_orphans_are_not_looked_for_where_there_is_no_release() -> None:
    with pytest.raises(RefusedError, match="no release at all"):
        orphans(survey(), {})


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [({"keep": 0}, "--keep 0"), ({"grace": timedelta(minutes=59)}, "--grace .* at least 1 hour")],
)
def test_a_policy_that_cannot_be_meant_is_refused(changed: Any, complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        policy(**changed)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "less than a minute"), (60, "1 minute"), (7199, "1 hour"), (86_400 * 7, "7 days")],
)
def test_ages_are_said_as_people_say_them(seconds: int, text: str) -> None:
    assert format_age(timedelta(seconds=seconds)) == text
