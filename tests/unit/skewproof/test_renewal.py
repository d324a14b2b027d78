"""What is published again, or serves, counts as new, so that no prune deletes it."""

from __future__ import annotations

import itertools
import logging
import threading
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from tests.unit.skewproof.memory import Actor, Memory, World, collection
from tests.unit.skewproof.project import TREE

from skewproof.errors import StoreError
from skewproof.publishing import intents
from skewproof.publishing.intents import PRUNE, Intent
from skewproof.publishing.prune import plan_prune, prune
from skewproof.publishing.publish import publish
from skewproof.publishing.retention import Policy, take_survey
from skewproof.renewal import EVERY, Renewer, find_renewed, make_renewal_key

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project

pytestmark = pytest.mark.usefixtures("patience_in_looks")

DAY = timedelta(days=1)
TREES = {release: {"same": "0", "own": release} for release in ("v1", "v2", "v3", "v4")}


def publishing(release: str) -> Any:
    return lambda store: publish(release, collection(TREES[release]), store, lambda _: None)


def pruning(running: str = "v4", keep: int = 1, min_age: timedelta = timedelta()) -> Any:
    policy = Policy(keep=keep, running=running, min_age=min_age)

    def pruner(store: Memory) -> Any:
        return prune(plan_prune(store, policy, store.world.now), store, policy)

    return pruner


def old_world() -> World:
    """Return four releases, published a month ago, a day after each other."""
    world = World()
    for release in TREES:
        publishing(release)(Memory(world))
        world.pass_time(DAY)
    world.pass_time(30 * DAY)
    return world


def test_a_release_that_was_published_again_is_the_newest() -> None:
    world = old_world()
    report = publishing("v1")(Memory(world))
    assert "was published already" in report.outcome
    assert take_survey(Memory(world)).newest_first()[0].id == "v1"


def test_a_prune_from_the_image_of_another_release_spares_what_was_rolled_back_to() -> None:
    """The nightly prune runs in v4's image, with --keep 1, while v1 serves."""
    world = old_world()
    publishing("v1")(Memory(world))
    world.pass_time(timedelta(hours=5))
    plan = plan_prune(Memory(world), Policy(keep=1, running="v4", min_age=7 * DAY), world.now)
    assert plan.choice.kept["v1"] == "one of the newest 1; renewed 5 hours ago"
    assert plan.choice.kept["v4"] == "it is running here"
    pruning()(Memory(world))
    assert world.releases().keys() == {"v1", "v4"}
    world.assert_whole()


def test_without_its_renewal_it_would_be_deleted() -> None:
    world = old_world()
    publishing("v1")(Memory(world))
    del world.private[make_renewal_key("v1")]
    pruning()(Memory(world))
    assert world.releases().keys() == {"v4"}


def test_a_release_that_was_renewed_a_moment_ago_stays_though_another_one_is_newer() -> None:
    """Both publishes may still be running, and both will say that their release is there."""
    world = old_world()
    for release in ("v2", "v1"):
        publishing(release)(Memory(world))
    plan = plan_prune(Memory(world), Policy(keep=1, running="v4", min_age=timedelta()), world.now)
    assert plan.choice.kept["v2"].startswith("it was renewed a moment ago")
    assert plan.choice.pruned.keys() == {"v3"}


def test_the_newest_release_needs_no_renewal() -> None:
    world = old_world()
    publishing("v4")(Memory(world))
    assert make_renewal_key("v4") not in world.private


def test_a_renewal_goes_with_its_release() -> None:
    world = old_world()
    publishing("v1")(Memory(world))
    world.pass_time(DAY)
    publishing("v2")(Memory(world))
    world.pass_time(DAY)
    pruning()(Memory(world))
    assert world.releases().keys() == {"v2", "v4"}
    assert [key for key in world.private if find_renewed(key)] == [make_renewal_key("v2")]


@pytest.mark.parametrize("killed_at", [0, 3, 5, 7])
def test_in_every_order_with_a_prune_what_a_republish_calls_published_is_there(
    killed_at: int,
) -> None:
    """Up to two changes of turn, at every request of either."""
    for first, second in itertools.product(range(14), repeat=2):
        world = old_world()
        republish = Actor(publishing("v1"), world)
        pruner = Actor(pruning(), world, killed_at)
        for _ in range(first):
            republish.step()
        for _ in range(second):
            pruner.step()
        republish.end(40)
        pruner.end()
        world.assert_whole()
        if republish.error is None and republish.is_done:
            assert "v1" in world.releases(), (first, second)
        republish.kill()


def test_a_republish_waits_for_a_prune_that_deletes_its_release_and_publishes_anew() -> None:
    world = old_world()
    republish, pruner = Actor(publishing("v1"), world), Actor(pruning(), world)
    while not any(PRUNE in key for key in world.private):
        pruner.step()
    pruner.step()
    pruner.step()  # it has looked again, and is about to delete
    republish.end(30)
    assert not republish.is_done
    pruner.end()
    republish.end()
    assert republish.error is None
    assert world.releases().keys() == {"v1", "v4"}
    world.assert_whole()


def test_a_prune_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intents, "PATIENCE", 0)
    world = old_world()
    Memory(world).create_private(
        f"{intents.FOLDER}/{PRUNE}-dead.json",
        Intent(PRUNE, frozenset({"v1"}), frozenset()).encode(),
    )
    with pytest.raises(StoreError, match=r"its intent is _intents/prune-dead\.json"):
        publishing("v1")(Memory(world))


@pytest.mark.usefixtures("everywhere")
def test_a_rollback_by_publishing_again_is_spared_by_the_next_prune(project: Any) -> None:
    for release in ("v1", "v2", "v3"):
        project.write({**TREE, "img/logo.svg": release})
        project.publish(release)
    project.write({**TREE, "img/logo.svg": "v1"})
    assert "was published already" in project.publish("v1")
    out = StringIO()
    with project.active("v3"):
        call_command(
            "prune_releases", "--keep", "1", "--min-age", "0", "--delete", stdout=out, stderr=out
        )
    assert "one of the newest 1; renewed less than a minute ago" in out.getvalue()
    for release in ("v1", "v3"):
        project.assert_whole(release)
    assert "releases/v2/staticfiles.json" not in project.place.entries()


@pytest.mark.usefixtures("everywhere")
def test_a_ready_process_renews_its_release_if_that_is_wanted(project: Any) -> None:
    project.publish("v1")
    with project.active("v1"):
        for wanted in (False, True):
            project.storage("v1", renew=wanted).assert_ready()
            for thread in threading.enumerate():
                if thread.name == "skewproof-renewal":
                    thread.join()
            found = f"releases/{make_renewal_key('v1')}" in project.place.entries()
            assert found == wanted


def test_a_process_renews_once_an_hour_and_goes_on_where_it_may_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now, calls = [0.0], []

    def refused() -> None:
        calls.append(now[0])
        raise StoreError("403 Forbidden")

    renewer = Renewer(refused, clock=lambda: now[0])
    with caplog.at_level(logging.WARNING, "skewproof"):
        for now[0] in (0.0, 1.0, EVERY - 1, EVERY, EVERY + 1):
            if thread := renewer.keep():
                thread.join()
    assert calls == [0.0, EVERY]
    assert "could not be renewed, and a prune may delete it: 403 Forbidden" in caplog.text


def test_a_republish_that_cannot_renew_says_that_nothing_was_written(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skewproof.stores.directory import Directory

    directory_project.publish("v1")
    directory_project.write({**TREE, "new.txt": "x"})
    directory_project.publish("v2")

    def refused(*_: Any) -> None:
        raise StoreError("403 Forbidden")

    directory_project.write(TREE)
    monkeypatch.setattr(Directory, "replace_private", refused)
    with pytest.raises(CommandError, match=r"403 Forbidden; nothing was written"):
        directory_project.publish("v1")
