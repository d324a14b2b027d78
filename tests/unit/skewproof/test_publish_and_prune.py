"""A publish and a prune at once, each held where it hurts most."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError
from tests.unit.skewproof.memory import Memory, World, collection
from tests.unit.skewproof.project import TREE
from tests.unit.skewproof.pruning import delete, deletes, own, publish_all, store_of

from skewproof.errors import StoreError
from skewproof.publishing import intents
from skewproof.publishing.claim import is_claim
from skewproof.publishing.intents import HELD, PRUNE, Intent, Lease
from skewproof.publishing.prune import plan_prune, prune
from skewproof.publishing.publish import publish
from skewproof.publishing.retention import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Fault, Proxy, Request


class Held:
    """The first request of a kind, held in the proxy until it may go on."""

    def __init__(self, proxy: Proxy, wanted: Callable[[Request], bool]) -> None:
        self.has_come = threading.Event()
        self.may_go = threading.Event()
        self._wanted = wanted
        proxy.reset(self.plan)

    def plan(self, _: int, request: Request) -> Fault:
        if self._wanted(request) and not self.has_come.is_set():
            self.has_come.set()
            self.may_go.wait(60)
        return None


class Background:
    """Work in a thread, whose result or error is had at the end."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        self._thread.join(120)
        assert not self._thread.is_alive()
        if self._error:
            raise self._error
        return self._result


def puts(part: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "PUT" and part in request.path


@pytest.fixture
def v1_again(s3_project: Project) -> Callable[[], str]:
    """Return a way to publish v1's files as v4: all but its logo are in use, and that goes."""

    def publish_it() -> str:
        s3_project.write({**TREE, "img/logo.svg": "<svg id='v1'/>"})
        return s3_project.publish("v4")

    publish_all(s3_project, "v1", "v2", "v3")
    return publish_it


POLICY = Policy(keep=1, running="v3", min_age=timedelta())


@pytest.mark.parametrize("held", ["manifests", "assets"])
def test_a_publish_waits_for_a_prune_that_is_deleting_what_it_needs(
    held: str,
    v1_again: Callable[[], str],
    s3_project: Project,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has seen the files, and that they are about to go."""
    waiting, look = threading.Event(), intents.find_conflict

    def watched_look(*arguments: Any) -> str | None:
        blocking = look(*arguments)
        if blocking:
            waiting.set()
        return blocking

    monkeypatch.setattr(intents, "find_conflict", watched_look)
    logo = own(s3_project, "v1")
    store = store_of(s3_project, endpoint_url=proxy.endpoint)
    gate = Held(proxy, deletes(1 if held == "manifests" else 2))
    plan = plan_prune(store, POLICY, datetime.now(UTC))
    pruner = Background(lambda: prune(plan, store, POLICY))
    assert gate.has_come.wait(60)
    publisher = Background(v1_again)
    assert waiting.wait(60)
    gate.may_go.set()
    assert logo <= {f"static/{name}" for name in plan.files}
    assert pruner.result().files == len(plan.files)
    # New: both files that were deleted, and the unhashed copy of the logo.
    assert "v4 is published: 3 new" in publisher.result()
    for release in ("v3", "v4"):
        s3_project.assert_whole(release)


@pytest.mark.parametrize("held", ["/static/", "/v4/staticfiles.json"])
def test_a_prune_spares_what_a_publish_that_runs_has_found_there(
    held: str, v1_again: Callable[[], str], s3_project: Project, proxy: Proxy
) -> None:
    """The publish has listed the files and does not write them, and its manifest is not there."""
    logo = own(s3_project, "v1")
    s3_project.options = {"endpoint_url": proxy.endpoint}
    gate = Held(proxy, puts(held))
    publisher = Background(v1_again)
    assert gate.has_come.wait(60)
    store = store_of(s3_project, endpoint_url=s3_project.place.server.endpoint)
    report = prune(plan_prune(store, POLICY, datetime.now(UTC)), store, POLICY)
    assert report.releases == ("v2", "v1")
    gate.may_go.set()
    publisher.result()
    for release in ("v3", "v4"):
        s3_project.assert_whole(release)
    assert logo <= s3_project.place.entries().keys()


@pytest.mark.parametrize("held", ["_intents/prune-", "GET _intents"])
def test_a_prune_spares_what_a_publish_has_committed_since_it_was_planned(
    held: str, v1_again: Callable[[], str], s3_project: Project, proxy: Proxy
) -> None:
    """The whole publish comes after the plan, and before the intent or the second look."""
    store = store_of(s3_project, endpoint_url=proxy.endpoint)
    plan = plan_prune(store, POLICY, datetime.now(UTC))
    if held.startswith("GET"):
        gate = Held(proxy, lambda request: request.method == "GET" and "_intents" in request.path)
    else:
        gate = Held(proxy, puts(held))
    pruner = Background(lambda: prune(plan, store, POLICY))
    assert gate.has_come.wait(60)
    publisher = Background(v1_again)
    if not held.startswith("GET"):
        publisher.result()
    gate.may_go.set()
    pruner.result()
    publisher.result()
    for release in ("v3", "v4"):
        s3_project.assert_whole(release)


def test_a_publish_that_needs_nothing_of_what_goes_does_not_wait(
    v1_again: Callable[[], str],  # noqa: ARG001 - for its releases
    s3_project: Project,
    proxy: Proxy,
) -> None:
    store = store_of(s3_project, endpoint_url=proxy.endpoint)
    gate = Held(proxy, deletes(2))
    plan = plan_prune(store, POLICY, datetime.now(UTC))
    pruner = Background(lambda: prune(plan, store, POLICY))
    assert gate.has_come.wait(60)
    publish_all(s3_project, "v5")
    gate.may_go.set()
    assert pruner.result().files == len(plan.files)
    for release in ("v3", "v5"):
        s3_project.assert_whole(release)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_publish_gives_up_on_a_prune_that_does_not_end_and_says_for_how_long() -> None:
    world, clock = World(), Clock()
    store = Memory(world)
    intents.write(store, Intent(PRUNE, frozenset(), frozenset({"a"})))
    intent = Intent(intents.PUBLISH, frozenset({"v1"}), frozenset({"a"}))

    def sleep(seconds: float) -> None:
        clock.now += seconds

    with pytest.raises(StoreError, match="no later than 60 minutes after it began"):
        intents.announce(intent, store, clock, sleep)
    assert clock.now == intents.PATIENCE
    world.pass_time(timedelta(hours=1))
    intents.announce(intent, store, clock, sleep)


def test_an_intent_is_good_for_a_while_by_whichever_clock_is_ahead() -> None:
    for jumping in (0, 1):
        clocks = (Clock(), Clock())
        lease = Lease(clocks)
        clocks[jumping].now = HELD.total_seconds()
        assert not lease.is_over()
        clocks[jumping].now += 1
        assert lease.is_over()


def test_a_publish_that_took_too_long_looks_again_under_a_new_intent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its intent has expired, and a prune has taken what it had found there."""
    world = World()
    tree = {"a": "1", "b": "2"}
    rounds = itertools.count(1)

    class Slow(Memory):
        def settle(self) -> None:
            if next(rounds) == 1:
                world.pass_time(timedelta(days=2))
                policy = Policy(keep=1, running="none", min_age=timedelta())
                other = Memory(world)
                prune(plan_prune(other, policy, world.now), other, policy)
                assert all(map(is_claim, world.assets))

    class TwoDays(Lease):
        def is_over(self) -> bool:
            return next(rounds) == 2

    monkeypatch.setattr("skewproof.publishing.publish.Lease", TwoDays)
    publish("v1", collection(tree), Slow(world), lambda _: None)
    assert world.releases().keys() == {"v1"}
    world.assert_whole()
    assert not [key for key in world.private if "_intents" in key]


def test_a_prune_that_takes_too_long_stops_before_others_forget_its_intent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    for release, tree in (("v1", {"a": "1"}), ("v2", {"a": "2"})):
        publish(release, collection(tree), Memory(world), lambda _: None)
    before = len(world.assets)
    policy = Policy(keep=1, running="v2", min_age=timedelta())
    store = Memory(world)
    plan = plan_prune(store, policy, world.now)
    with monkeypatch.context() as patched:
        patched.setattr(Lease, "is_over", lambda _: True)
        with pytest.raises(StoreError, match=r"takes too long .* run the same command again"):
            prune(plan, store, policy)
    assert len(world.assets) == before
    assert prune(plan_prune(store, policy, world.now), store, policy).files == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_an_intent_that_is_none_is_named(content: bytes, directory_project: Project) -> None:
    publish_all(directory_project, "v1", "v2")
    directory_project.place.write("releases/_intents/publish-1.json", content)
    with pytest.raises(
        CommandError, match=r"the intent _intents/publish-1\.json .* cannot be used"
    ):
        delete(directory_project, "--keep", "1")
