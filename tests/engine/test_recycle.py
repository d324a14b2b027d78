"""`lab recycle` on a stack: fresh workers, which answer."""

from __future__ import annotations

import pytest
import requests
from tests.engine.projects import client
from tests.engine.stacks import is_embedded, processes_of, say

from lab.stacks import lifecycle
from lab.stacks.composeproject import list_workers
from lab.stacks.embedded import worker_pids
from lab.stacks.stack import Stack

RELEASES = ("v1", "v2")


def workers(stack: Stack, release: str) -> set[str]:
    """The ids of a release's workers; it answers."""
    pin = {"release": release}
    assert requests.get(stack.base, cookies=pin, timeout=10).headers["X-Release"] == release
    found: set[str] = set()
    for replica in stack.replicas(release):
        if is_embedded(stack):
            found |= set(map(str, worker_pids(processes_of(stack), replica.name)))
        else:
            found |= list_workers(client().containers.get(replica.name))
    assert len(found) == 2 * len(stack.replicas(release))
    return found


def test_the_release_that_is_named_gets_fresh_workers_and_the_other_keeps_its_own(
    both: Stack,
) -> None:
    before = {release: workers(both, release) for release in RELEASES}
    lifecycle.recycle_replicas(both, ["v1"], say)
    assert workers(both, "v1").isdisjoint(before["v1"])
    assert workers(both, "v2") == before["v2"]


def test_every_release_that_serves_gets_fresh_workers(both: Stack) -> None:
    before = {release: workers(both, release) for release in RELEASES}
    lines: list[str] = []
    lifecycle.recycle_replicas(both, lifecycle.serving(both), lines.append)
    for release, old in before.items():
        assert workers(both, release).isdisjoint(old)
    names = [replica.name for release in RELEASES for replica in both.replicas(release)]
    assert lines == [f"recycling the workers of {name}" for name in names]


@pytest.mark.parametrize("both", ["embedded"], indirect=True)
def test_a_replica_that_was_drained_leaves_nothing_for_which_the_end_of_all_would_wait(
    both: Stack,
) -> None:
    both.drain(both.add_replica("v2"))
    processes = processes_of(both)
    assert {path.name for path in processes.pids.iterdir()} == set(processes.names())
