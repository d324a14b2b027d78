"""The store dies before a publish and in the middle of one; then it comes back.

What happens is one story for each engine, told once. The tests read what was written down.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from tests.engine.journeys import crawl, roll
from tests.engine.outages import kill_store, publish_until
from tests.engine.pages import PAGES, look_at, wrong_pages
from tests.engine.stacks import ON_LAST, build, running

from lab.deadline import wait_until
from lab.errors import UNAVAILABLE, UnavailableError
from lab.history import Run, read_history
from lab.judge.findings import Status
from lab.judge.verdict import Verdict, judge_history
from lab.runs.rollout import Rollout
from lab.stacks.engines import Engine
from lab.stacks.model import Publish
from lab.stacks.stack import Stack

WRITES = 34
"""Fewer than v2 has new assets, which come first: some of them arrive, and some do not."""
IN_A_ROW = 20
"""Answers, of whichever of the gateway's workers."""
STORE_FAILED = 4  # the exit code of collectstatic
DEAD, HALF, BACK = "while the store is dead", "after half a publish", "after the rollout"


@dataclass
class Story:
    """What was seen, in the order of time."""

    runs: dict[str, Run] = field(default_factory=dict)
    inventories: dict[str, dict[str, Any]] = field(default_factory=dict)
    without_store: Publish | None = None
    refusal: UnavailableError | None = None
    cut_short: Publish | None = None
    verdict: Verdict | None = None


class Teller:
    """Lets it happen on a stack that serves v1."""

    def __init__(self, stack: Stack, engine: Engine) -> None:
        self.stack, self.engine = stack, engine
        self.story = Story()

    def tell(self) -> Story:
        """Kill, publish, look, revive; kill in the middle, look, revive; roll out."""
        story = self.story
        self.look("before", "v1")
        self.list("before")
        kill_store(self.stack)
        story.without_store = self.stack.publish("v2")
        story.refusal = self.roll_in_vain()
        self.look(DEAD, "v1")
        self.stack.machine.start_store_again()
        self.list("after a publish without a store")
        story.cut_short = publish_until(self.stack, "v2", WRITES, lambda: kill_store(self.stack))
        self.look(HALF, "v1")
        self.stack.machine.start_store_again()
        self.list(HALF)
        self.await_assets()
        history = roll(self.stack, self.engine.name, "rollout", Rollout("v1", "v2"))
        story.verdict = judge_history(history)
        self.look(BACK, "v2")
        self.list(BACK)
        return story

    def await_assets(self) -> None:
        """Wait until the gateway has found the store again, which may have another address now."""
        name = min(self.stack.record("v1")["assets"])
        past_caches = {"Cache-Control": "no-cache"}

        def come() -> bool:
            url = f"{self.stack.base}static/{name}"
            answers = [requests.get(url, headers=past_caches, timeout=10) for _ in range(IN_A_ROW)]
            return all(answer.ok for answer in answers)

        wait_until(come, 60, "no assets", lambda: self.stack.logs("gateway"))

    def roll_in_vain(self) -> UnavailableError:
        """Try a rollout that cannot begin; returns what the lab says."""
        with pytest.raises(UnavailableError) as caught:
            roll(self.stack, self.engine.name, "rollout", Rollout("v1", "v2"))
        return caught.value

    def look(self, moment: str, release: str) -> None:
        """See every page, as a visitor does to whom the gateway's cache answers."""
        path = self.stack.folder / f"{moment.replace(' ', '-')}.jsonl"
        crawl(self.stack, self.engine.name, path, release, hard=False)
        self.story.runs[moment] = read_history(path)

    def list(self, moment: str) -> None:
        """List the bucket, as soon as the store can do it."""

        def listed() -> bool:
            with contextlib.suppress(UnavailableError):
                self.story.inventories[moment] = self.stack.inventory()
            return moment in self.story.inventories

        wait_until(listed, 60, "no list", lambda: self.stack.logs("gateway"))


@pytest.fixture(scope="module", params=ON_LAST)
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    engine = build(request.param)
    with running(engine, "outage", {"v1": 100}, replicas=1) as stack:
        yield Teller(stack, engine).tell()


def assert_v1_serves(story: Story, moment: str) -> None:
    """Every page of v1 came whole."""
    seen = look_at(story.runs[moment], "v1")
    record = story.runs[moment].records["v1"]
    assert set(seen) == set(PAGES)
    assert wrong_pages(seen, record) == {}


class TestAPublishWithoutAStore:
    def test_says_so_in_one_line_and_fails(self, story: Story) -> None:
        publish = story.without_store
        assert publish is not None
        assert publish.exit_code == STORE_FAILED
        (line,) = publish.log.splitlines()
        assert line.startswith("CommandError: release v2: ")
        assert "s3://skewproof at http://" in line
        assert "failed: " in line

    def test_stops_a_rollout_before_it_has_begun(self, story: Story) -> None:
        assert story.refusal is not None
        assert story.refusal.exit_code == UNAVAILABLE
        assert "the store cannot be listed: " in str(story.refusal)
        assert len(str(story.refusal).splitlines()) == 1

    def test_leaves_v1_serving_every_page(self, story: Story) -> None:
        assert_v1_serves(story, DEAD)

    def test_changes_nothing_in_the_bucket(self, story: Story) -> None:
        after = story.inventories["after a publish without a store"]
        assert after == story.inventories["before"]


class TestAStoreThatDiesInTheMiddleOfAPublish:
    def test_it_was_the_middle(self, story: Story) -> None:
        before, half, whole = (story.inventories[moment] for moment in ("before", HALF, BACK))
        new = {key for key in set(whole) - set(before) if key.startswith("static/")}
        arrived = new & set(half)
        assert arrived
        assert new - arrived

    def test_is_told_in_one_line_that_says_how_far_it_came_and_what_to_do(
        self, story: Story
    ) -> None:
        ended = story.cut_short
        assert ended is not None
        assert ended.exit_code == STORE_FAILED
        (line,) = ended.log.splitlines()
        assert line.startswith("CommandError: release v2: writing static/")
        assert "no manifest was written, and every other release is as it was" in line
        assert "run the same command again" in line

    def test_leaves_v1_serving_every_page(self, story: Story) -> None:
        assert_v1_serves(story, HALF)

    def test_leaves_every_asset_of_v1_as_it_was_and_no_manifest_of_v2(self, story: Story) -> None:
        before, half = story.inventories["before"], story.inventories[HALF]
        hashed = {f"static/{name}" for name in story.runs["before"].records["v1"].assets}
        kept = hashed | {"releases/v1/staticfiles.json"}
        assert {key: half.get(key) for key in kept} == {key: before[key] for key in kept}
        assert "releases/v2/staticfiles.json" not in half


class TestWhenTheStoreIsBack:
    def test_publishing_again_ends_well_and_v2_rolls_out(self, story: Story) -> None:
        assert story.verdict is not None
        assert story.verdict.status == Status.PASS
        assert "releases/v2/staticfiles.json" in story.inventories[BACK]

    def test_every_page_of_v2_is_right(self, story: Story) -> None:
        run = story.runs[BACK]
        seen = look_at(run, "v2")
        assert set(seen) == set(PAGES)
        assert wrong_pages(seen, run.records["v2"]) == {}
