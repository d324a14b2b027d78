"""Publishes and prunes at once, in every order of their requests that matters.

The promise is one sentence: at every moment, each release whose manifest is there has all its
files.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.skewproof.memory import Actor, KilledError, Memory, World, collection
from tests.unit.skewproof.turns import NEW, OLD, calls, play, pruning, publishing, world_of

from skewproof.errors import ReleaseExistsError, StoreError
from skewproof.publishing import retention
from skewproof.publishing.claim import is_claim
from skewproof.publishing.intents import Intent
from skewproof.renewal import find_renewed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("patience_in_looks")


def a_world_with_a_file_that_nobody_reaches() -> World:
    """v1's own file is still there, as the prune that removed v1's manifest died at once."""
    world = world_of(v1=OLD, v2=NEW)
    dying = Actor(pruning(), world)
    while "v1" in world.releases():
        dying.step()
    dying.kill()
    world.pass_time(timedelta(hours=2))
    return world


def orders(first: int, second: int) -> Iterator[list[int]]:
    """Yield all orders of two actors' calls in which they take turns up to three times."""
    for one, two, three in itertools.product(range(first + 1), range(second + 1), range(first + 1)):
        if three == 0 or (one + three <= first and two):
            yield [0] * one + [1] * two + [0] * three + [1] * second


def a_world_with_a_file_that_nothing_ever_named() -> World:
    """As another tool leaves it."""
    world = world_of(v2=NEW)
    world.assets |= world_of(v1=OLD).assets | world.assets
    world.pass_time(timedelta(days=2))
    return world


WORLDS = {
    "a release that goes": lambda: world_of(v1=OLD, v2=NEW),
    "a file that nothing ever named": a_world_with_a_file_that_nothing_ever_named,
    "a file that nobody reaches": a_world_with_a_file_that_nobody_reaches,
}


def everything_that_can_happen(make: Callable[[], World], release: str) -> None:
    """Publish what was there before, as this release, while a prune takes it away."""
    publisher, pruner = publishing(release, OLD), pruning(orphans=True)
    lengths = calls(publisher, make()), calls(pruner, make())
    for publish_first in (True, False):
        works = [publisher, pruner] if publish_first else [pruner, publisher]
        for order in orders(*(lengths if publish_first else lengths[::-1])):
            world = make()
            actors = [Actor(work, world) for work in works]
            play(world, actors, order)
            assert [actor.error for actor in actors] == [None, None]
            assert release in world.releases()


@pytest.mark.parametrize("make", WORLDS.values(), ids=WORLDS)
def test_a_publish_that_reuses_what_a_prune_would_delete_is_whole_in_every_order(
    make: Callable[[], World],
) -> None:
    everything_that_can_happen(make, "v3")


def test_a_release_that_is_published_again_while_it_is_pruned_is_there() -> None:
    everything_that_can_happen(WORLDS["a release that goes"], "v1")


TWO = {
    "of the same": ("v1", OLD),
    "of one id with other files": ("v1", NEW),
    "of two releases": ("v3", NEW),
}


@pytest.mark.parametrize(("release", "tree"), TWO.values(), ids=TWO)
def test_two_publishes_at_once_are_both_whole_or_one_is_told_in_every_order(
    release: str, tree: dict[str, str]
) -> None:
    works = [publishing("v1", OLD), publishing(release, tree)]
    lengths = [calls(work, world_of(v0=OLD)) for work in works]
    for order in orders(*lengths):
        world = world_of(v0=OLD)
        actors = [Actor(work, world) for work in works]
        play(world, actors, order)
        committed = [actor for actor in actors if "is published:" in str(actor.result)]
        others = [actor for actor in actors if actor not in committed]
        assert len(committed) == (2 if release == "v3" else 1)
        for other in others:
            if tree is OLD:
                assert "already, with the same content" in str(other.result)
            else:
                assert isinstance(other.error, ReleaseExistsError)
        for actor in committed:
            mine, files = ("v1", OLD) if actor is actors[0] else (release, tree)
            assert world.releases()[mine] == collection(files).paths


def test_a_manifest_that_is_not_written_conditionally_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def overwrite(store: Memory, key: str, content: bytes) -> bool:
        store.turn()
        store.world.private[key] = store.world.stamped(content)
        return True

    monkeypatch.setattr(Memory, "create_private", overwrite)
    with pytest.raises(AssertionError, match="assert 2 == "):
        test_two_publishes_at_once_are_both_whole_or_one_is_told_in_every_order("v1", NEW)


PUBLISHING = "skewproof.publishing"


def no_intent(intent: Intent, store: Any) -> str:  # noqa: ARG001 - in the place of announce
    return "_intents/none"


def no_second_look(key: str, intent: Any, plan: Any, store: Any, policy: Any) -> Any:  # noqa: ARG001
    return plan.choice, frozenset()


def manifests_before_intents(store: Any, known: Any = None, own: Any = None) -> Any:
    releases = retention.read_releases(store, known or retention.Survey())
    return retention.Survey(releases, retention.read_intents(store, own or {}))


def files_before_manifests(releases: Any, files: Any, store: Any, lease: Any) -> None:  # noqa: ARG001
    store.delete_assets(files)
    store.delete_private(f"{release}/staticfiles.json" for release in releases)


FAULTS = {
    "a publish that writes no intent": (f"{PUBLISHING}.intents.announce", no_intent),
    "a publish that does not wait": (f"{PUBLISHING}.intents.find_conflict", lambda *_: None),
    "a prune that looks only once": (f"{PUBLISHING}.prune.choose_again", no_second_look),
    "a prune that looks at manifests first": (
        f"{PUBLISHING}.prune.take_survey",
        manifests_before_intents,
    ),
    "a prune that deletes files first": (
        f"{PUBLISHING}.prune.delete",
        files_before_manifests,
    ),
}


def all_that_can_happen() -> None:
    for make in WORLDS.values():
        everything_that_can_happen(make, "v3")


@pytest.mark.parametrize(("place", "fault"), FAULTS.values(), ids=FAULTS)
def test_each_part_of_the_scheme_is_needed(
    place: str, fault: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With any part left out, one of the same orders leaves a release without a file."""
    monkeypatch.setattr(place, fault)
    with pytest.raises(AssertionError, match="lacks"):
        all_that_can_happen()


# What a history is made of: releases whose files come and go, and policies.
TREES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2"]), max_size=3)
PUBLISHES = st.builds(publishing, st.sampled_from(["v1", "v2", "v3", "v4"]), TREES)
PRUNES = st.builds(
    lambda keep, days, running, named: pruning(
        keep=keep, min_age=timedelta(days=days), running=running, named=frozenset(named)
    ),
    st.integers(1, 2),
    st.sampled_from([0, 3]),
    st.sampled_from(["none", "v1", "v2"]),
    st.sampled_from([(), ("v3",)]),
)
PROCESSES = st.lists(
    st.tuples(st.one_of(PUBLISHES, PRUNES), st.sampled_from([0, 0, 0, 0, *range(1, 12)])),
    min_size=1,
    max_size=3,
)
EPISODES = st.lists(
    st.tuples(
        PROCESSES,
        st.lists(st.integers(0, 2), max_size=40),
        st.sampled_from([timedelta(), timedelta(hours=2), timedelta(days=2), timedelta(days=9)]),
    ),
    min_size=1,
    max_size=6,
)


REASONS = (
    type(None),
    KilledError,
    ReleaseExistsError,  # the id is taken
    StoreError,  # a prune died and still seems to be deleting what is needed
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EPISODES)
def test_no_release_ever_misses_a_byte_in_any_history_of_publishes_rollbacks_and_prunes(
    episodes: list[Any],
) -> None:
    """Processes run at once, in any order, and die at any call; in the end only what is used stays.

    The newest release and the running one are never among those that a prune has deleted.
    """
    world, tidy = World(), True
    foreign = {"robots.txt": world.stamped(b"all"), "promo.0123456789ab.png": world.stamped(b"x")}
    world.assets |= foreign
    for processes, order, pause in episodes:
        actors = [Actor(work, world, killed_at) for work, killed_at in processes]
        # Two that prune at once, and each keep what the other deletes, forget what only those had.
        tidy &= sum(work.__name__ == "pruner" for work, _ in processes) <= 1
        play(world, actors, [number for number in order if number < len(actors)])
        for actor in actors:
            assert isinstance(actor.error, REASONS), actor.error
        world.pass_time(pause)
    world.pass_time(timedelta(days=2))
    newest = retention.take_survey(Memory(world)).newest_first()[:1]
    pruning()(Memory(world))
    world.assert_whole()
    assert world.releases().keys() == {release.id for release in newest}
    used = {name for paths in world.releases().values() for pair in paths.items() for name in pair}
    used |= {name for name in world.assets if is_claim(name)}
    assert world.assets.keys() >= used | foreign.keys()
    if tidy:
        assert world.assets.keys() == used | foreign.keys()
    left = [key for key in world.private if "_intents" in key]
    assert {find_renewed(key) for key in left} <= world.releases().keys()
