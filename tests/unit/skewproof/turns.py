"""What processes do that take turns at a store in memory: publishes and prunes, step by step."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.unit.skewproof.memory import Actor, Memory, World, collection

from skewproof.publishing import prune
from skewproof.publishing.publish import publish
from skewproof.publishing.retention import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = {"a": "old", "b": "same"}
NEW = {"a": "new", "b": "same"}
AT_ONCE = timedelta()


def publishing(release: str, tree: dict[str, str]) -> Callable[[Memory], Any]:
    return lambda store: publish(release, collection(tree), store, lambda _: None)


def pruning(**policy: Any) -> Callable[[Memory], Any]:
    wanted = Policy(**{"keep": 1, "running": "none", "min_age": AT_ONCE, **policy})

    def pruner(store: Memory) -> Any:
        plan = prune.plan_prune(store, wanted, store.world.now)
        if plan.is_empty():
            return None
        report = prune.prune(plan, store, wanted)
        newest = [release.id for release in plan.survey.newest_first()[: wanted.keep]]
        assert not {wanted.running, *newest, *wanted.named} & set(report.releases)
        return report

    return pruner


def world_of(**trees: dict[str, str]) -> World:
    """Return a store with these releases, the last one the newest."""
    world = World()
    for release, tree in trees.items():
        publishing(release, tree)(Memory(world))
    return world


def calls(work: Callable[[Memory], Any], world: World) -> int:
    """Count the calls that the work makes when it is alone."""
    actor = Actor(work, world)
    actor.end()
    return actor.steps


def play(world: World, actors: list[Actor], order: list[int]) -> None:
    """Let the actors make a step each time that they are named, then come to their ends."""
    try:
        for number in order:
            actors[number].step()
            world.assert_whole()
        while not all(actor.is_done for actor in actors):
            for actor in actors:
                actor.step()
                world.assert_whole()
    finally:
        for actor in actors:
            actor.kill()
