"""What a prune and a publish owe to clocks, to leases, to others' ids, and to a first failure."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.skewproof.memory import Actor, Memory, World, collection
from tests.unit.skewproof.turns import NEW, OLD, calls, play, pruning, publishing, world_of

from skewproof.errors import ReleaseExistsError, SkewproofError, StoreError
from skewproof.manifest import Manifest, make_key
from skewproof.publishing import prune
from skewproof.publishing.intents import HELD, Lease
from skewproof.publishing.publish import publish
from skewproof.publishing.retention import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from skewproof.stores.store import Headers

pytestmark = pytest.mark.usefixtures("patience_in_looks")

MONTH = timedelta(days=30)


@pytest.mark.parametrize("ahead", [timedelta(), MONTH], ids=["right", "a month ahead"])
def test_a_machine_whose_clock_is_wrong_prunes_nothing_that_is_young(ahead: timedelta) -> None:
    world = world_of(v1=OLD, v2={"a": "between"}, v3=NEW)
    before = dict(world.assets)
    store, policy = Memory(world), Policy(keep=1, running="v3")
    plan = prune.plan_prune(store, policy, world.now + ahead)
    assert set(plan.choice.pruned) == ({"v1", "v2"} if ahead else set())
    report = prune.prune(plan, store, policy)
    assert (report.releases, report.files) == ((), 0)
    assert set(report.spared) == set(plan.choice.pruned)
    assert world.releases().keys() == {"v1", "v2", "v3"}
    assert world.assets == before


def test_a_machine_whose_clock_is_wrong_spares_young_files_that_nothing_names() -> None:
    """They may be those of a publish by another tool, or by an older version, that still runs."""
    world = world_of(v1=OLD)
    young = {"promo.0123456789ab.png": world.stamped(b"promo")}
    world.assets |= young
    store, policy = Memory(world), Policy(keep=1, running="v1", orphans=True)
    plan = prune.plan_prune(store, policy, world.now + MONTH)
    assert plan.files == young.keys()
    report = prune.prune(plan, store, policy)
    assert (report.files, report.size) == (0, 0)
    assert young.items() <= world.assets.items()
    world.pass_time(policy.grace)
    assert prune.prune(prune.plan_prune(store, policy, world.now), store, policy).files == 1
    assert not young.keys() & world.assets.keys()


class Slow(Memory):
    """A store that needs longer for each deletion than an intent is good for."""

    seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def delete_assets(self, names: Iterable[str]) -> None:
        super().delete_assets(names)
        self.seconds += HELD.total_seconds() + 1

    def delete_private(self, keys: Iterable[str]) -> None:
        super().delete_private(keys)
        self.seconds += HELD.total_seconds() + 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """A slow store, by whose clock leases are."""
    made = Slow(World())
    monkeypatch.setattr(prune, "Lease", lambda: Lease((made.clock,)))
    return made


def test_a_prune_looks_at_its_lease_between_two_batches_of_files(slow: Slow) -> None:
    """Files alone go, and they need two deletions: the second one would come too late."""
    world, many = slow.world, range(prune.BATCH + 1)
    publishing("v1", {"a": "1"})(Memory(world))
    world.assets |= {f"{n}.0123456789ab.png": world.stamped(b"") for n in many}
    world.pass_time(MONTH)
    policy = Policy(keep=1, running="v1", orphans=True)
    plan = prune.plan_prune(slow, policy, world.now)
    assert len(plan.files) == len(many)
    with pytest.raises(StoreError, match=f"; {prune.BATCH} of {len(many)} files were deleted"):
        prune.prune(plan, slow, policy)
    assert len(world.assets.keys() & plan.files) == 1
    world.assert_whole()
    prune.prune(prune.plan_prune(slow, policy, world.now), slow, policy)
    assert not world.assets.keys() & plan.files


def test_a_prune_looks_at_its_lease_between_two_batches_of_releases(slow: Slow) -> None:
    world, many = slow.world, [f"v{n}" for n in range(prune.BATCH + 1)]
    for release in many:
        world.private[make_key(release)] = world.stamped(Manifest(release, {}, "").encode(0))
    publishing("newest", OLD)(Memory(world))
    policy = Policy(keep=1, running="newest", min_age=timedelta())
    plan = prune.plan_prune(slow, policy, world.now)
    with pytest.raises(StoreError, match="takes too long"):
        prune.prune(plan, slow, policy)
    assert len(world.releases()) == 2


class Twice(Memory):
    """A store to which a deletion comes twice before it is answered, as after a lost answer."""

    def delete_private(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        super().delete_private(keys)
        super().delete_private(keys)


def test_an_id_that_is_taken_again_is_not_met_by_a_late_deletion_of_its_old_manifest() -> None:
    """No file of the two is the same, so that the id alone tells that they concern each other.

    The publish comes as a whole, after each number of the prune's requests.
    """
    publisher, pruner = publishing("v1", {"z": "other"}), pruning()

    def prune_twice(store: Memory) -> Any:
        return pruner(Twice(store.world, store.turn))

    published = 0
    for begun in range(calls(prune_twice, world_of(v1=OLD, v2=NEW)) + 1):
        world = world_of(v1=OLD, v2=NEW)
        actors = [Actor(work, world) for work in (prune_twice, publisher)]
        play(world, actors, [0] * begun + [1] * 25)
        assert actors[0].error is None
        if actors[1].error is None:
            published += 1
            assert "v1" in world.releases(), "it was published, and is gone"
        else:
            assert isinstance(actors[1].error, ReleaseExistsError)
    assert published


class Failing(Memory):
    """A store that refuses the first asset, and is slow with the others."""

    workers = 2
    asked = 0

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:
        self.asked += 1
        if self.asked == 1:
            raise StoreError("it is full")
        time.sleep(0.05)
        return super().create_asset(name, body, headers)


def test_the_first_failure_of_a_publish_stops_what_has_not_begun() -> None:
    world = World()
    store, tree = Failing(world), {str(n): str(n) for n in range(60)}
    with pytest.raises(StoreError, match=r"it is full; \d+ of 120 files were written"):
        publish("v1", collection(tree), store, lambda _: None)
    assert store.asked < 20
    assert not world.releases()


class Contended(Memory):
    """A store in which another publish is always a little faster with one of the files."""

    def create_asset(self, name: str, body: bytes, headers: Headers) -> bool:
        if name.startswith("a."):
            super().create_asset(name, body, headers)
        return super().create_asset(name, body, headers)


def test_a_file_that_was_written_meanwhile_is_told_of_and_not_counted_as_new() -> None:
    world, said = World(), list[str]()
    shown: list[tuple[int, int]] = []
    report = publish(
        "v1", collection(OLD), Contended(world), said.append, lambda *each: shown.append(each)
    )
    (asset,) = (name for name in world.assets if name.startswith("a."))
    assert f"Found '{asset}' written meanwhile" in said
    assert sum(line.startswith("Uploaded ") for line in said) == 3
    assert (report.new, report.reused, report.sent) == (3, 1, len("old") + 2 * len("same"))
    assert shown == [(1, 4), (2, 4), (3, 4), (4, 4)]
    world.assert_whole()


def test_an_asset_of_the_right_length_with_other_bytes_is_refused_by_name() -> None:
    world = world_of(v1=OLD)
    (asset,) = (name for name in world.assets if name.startswith("b."))
    world.assets[asset] = (b"sane", world.now)
    before = dict(world.assets)
    with pytest.raises(SkewproofError, match=asset):
        publish("v2", collection({**OLD, "c": "new"}), Memory(world), lambda _: None)
    assert world.assets == before
    assert world.releases().keys() == {"v1"}
    assert not [key for key in world.private if "_intents" in key]


def test_a_report_tells_how_long_it_took() -> None:
    world, clock = World(), iter([3.0, 5.5, 10.0, 10.25, 20.0, 24.0]).__next__
    took = publish("v1", collection(OLD), Memory(world), lambda _: None, clock=clock)
    assert (took.seconds, str(took).partition(", ")[2].endswith("2.50 s")) == (2.5, True)
    again = publish("v1", collection(OLD), Memory(world), lambda _: None, clock=clock)
    assert (again.seconds, again.new, again.reused) == (0.25, 0, 4)
    policy = Policy(keep=1, running="v1")
    plan = prune.plan_prune(Memory(world), policy, world.now)
    assert prune.prune(plan, Memory(world), policy, clock=clock).seconds == 4


def behead(body: bytes) -> bytes:
    return b"GZ" + body[2:]


def cut(body: bytes) -> bytes:
    return body[:20]


def scramble(body: bytes) -> bytes:
    return body[:10] + bytes(len(body) - 18) + body[-8:]


@pytest.mark.parametrize("damage", [behead, cut, scramble])
def test_a_compressed_asset_that_no_longer_unpacks_is_refused_by_name(
    damage: Callable[[bytes], bytes],
) -> None:
    whole = collection({name: f"{name} {{ color: blue }}\n" * 9 for name in "abc"})
    packed = replace(whole, assets=tuple(replace(each, compress=True) for each in whole.assets))
    world = World()
    publish("v1", packed, Memory(world), lambda _: None)
    (asset,) = (name for name in world.assets if name.startswith("b."))
    body, written = world.assets[asset]
    world.assets[asset] = (damage(body), written)
    with pytest.raises(SkewproofError, match=asset):
        publish("v2", packed, Memory(world), lambda _: None)
    assert world.releases().keys() == {"v1"}
