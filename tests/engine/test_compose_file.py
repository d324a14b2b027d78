"""`docker compose up -d --wait`, once and again, down and up: with nothing but the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.engine.composefile import ComposeFile, Snapshot
from tests.engine.pages import PAGES, SHARED, Broken, Disguised, faults, look_at, wrong_pages
from tests.engine.projects import Project, client
from tests.engine.stacks import build

from lab.history import Run
from lab.stacks import composeproject
from lab.stacks.composeup import ComposeUp
from lab.stacks.lifecycle import recycle_replicas
from lab.stacks.ports import free_port

FIRST, AGAIN, KEPT, FRESH = "up", "up again", "down and up", "down with its volume, and up"
SHARED_MANIFEST = "up with the shared manifest"


@dataclass
class Story:
    """What was seen, in the order of time."""

    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    left: dict[str, dict[str, int]] = field(default_factory=dict)
    workers: list[set[tuple[str, str]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def tell(file: ComposeFile) -> Story:
    """Let it happen."""
    story = Story()

    def up(moment: str, **variables: str) -> None:
        story.snapshots[moment] = file.up(**variables)
        story.runs[moment] = file.crawl(moment)

    up(FIRST)
    story.snapshots[AGAIN] = file.up()
    file.run("down")
    story.left["down"] = file.left()
    up(KEPT)
    file.run("down", "-v")
    story.left["down -v"] = file.left()
    story.snapshots[FRESH] = file.up()
    up(SHARED_MANIFEST, STATICFILES_STRATEGY="shared")
    composed = ComposeUp(composeproject.Project(client(), file.project.name))
    story.workers.append(file.workers("v1"))
    recycle_replicas(composed, ["v1"], story.said.append)
    story.workers.append(file.workers("v1"))
    return story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    build("compose")
    port = free_port()
    project = Project(f"skewproof-test-file-{os.getpid()}")
    file = ComposeFile(project, port, tmp_path_factory.mktemp("composefile"))
    try:
        yield tell(file)
    finally:
        file.run("down", "-v", "--timeout", "1")


@pytest.mark.parametrize("release", ["v1", "v2"])
@pytest.mark.parametrize("moment", [FIRST, KEPT])
def test_the_site_answers_with_every_page_of_both_releases(
    story: Story, moment: str, release: str
) -> None:
    run = story.runs[moment]
    seen, record = look_at(run, release), run.records[release]
    assert set(seen) == set(PAGES)
    assert wrong_pages(seen, record) == {}


def without_renewals(inventory: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored, but for what a publish that changes nothing writes."""
    return {key: each for key, each in inventory.items() if "_intents/renew-" not in key}


class TestASecondUp:
    def test_recreates_and_restarts_nothing_that_serves(self, story: Story) -> None:
        assert len(story.snapshots[FIRST].containers) == 6
        assert story.snapshots[AGAIN].containers == story.snapshots[FIRST].containers

    def test_publishes_nothing_anew(self, story: Story) -> None:
        again, first = (story.snapshots[moment].inventory for moment in (AGAIN, FIRST))
        assert without_renewals(again) == first


class TestDownAndUp:
    def test_down_leaves_the_volume_alone(self, story: Story) -> None:
        assert story.left["down"] == {"containers": 0, "volumes": 1, "networks": 0}

    def test_up_finds_the_bucket_as_it_was(self, story: Story) -> None:
        assert without_renewals(story.snapshots[KEPT].inventory) == story.snapshots[FIRST].inventory
        first, kept = (story.snapshots[moment].containers for moment in (FIRST, KEPT))
        assert not {each for each, _started in first.values()} & {
            each for each, _started in kept.values()
        }

    def test_down_with_its_volume_leaves_nothing(self, story: Story) -> None:
        assert story.left["down -v"] == {"containers": 0, "volumes": 0, "networks": 0}

    def test_up_fills_a_new_bucket_with_the_same_files(self, story: Story) -> None:
        kept, after = (story.snapshots[moment].inventory for moment in (KEPT, FRESH))
        before = without_renewals(kept)
        files = [key for key in before if key.startswith("static/")]
        assert set(after) == set(before)
        assert [after[key]["etag"] for key in files] == [before[key]["etag"] for key in files]
        assert not [key for key in files if after[key] == before[key]]


class TestWithTheSharedManifest:
    def test_pages_of_v1_break_for_all_to_see(self, story: Story) -> None:
        run = story.runs[SHARED_MANIFEST]
        seen = look_at(run, "v1")
        for page, what in SHARED.items():
            if isinstance(what, Broken):
                (fetch,) = seen[page].pages
                answer = fetch.answer
                assert answer.status == 500
                assert f"entry for '{what.missing}'" in str(answer.excerpt)
                assert fetch.release == "v1"
                assert answer.replica
                assert answer.pid
            elif isinstance(what, Disguised):
                foreign = run.records["v2"].paths[what.stylesheet]
                assert f"{foreign} is not of v1" in faults(seen[page], run.records["v1"])

    def test_pages_of_v2_are_right(self, story: Story) -> None:
        run = story.runs[SHARED_MANIFEST]
        seen, record = look_at(run, "v2"), run.records["v2"]
        assert wrong_pages(seen, record) == {}


def test_a_lab_gives_its_replicas_fresh_workers(story: Story) -> None:
    before, after = story.workers
    replicas = {name for name, _pid in before}
    assert len(replicas) == 2
    assert {name for name, _pid in after} == replicas
    assert after.isdisjoint(before)
    assert len(story.said) == 2
    assert all(line.startswith("recycling the workers of skewproof-test-") for line in story.said)
