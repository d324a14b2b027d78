"""A service that Swarm rolls, with visitors looking: what it does by itself, and what they see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from docker.models.containers import Container
from tests.engine.projects import client
from tests.engine.rolls import BACK, FORWARD, REACHES, Roll, roll
from tests.engine.stacks import build, orchestrated, say

from lab.errors import LabError
from lab.judge.findings import Status
from lab.runs.scenarios import SCENARIOS
from lab.stacks import lifecycle
from lab.stacks.composeproject import list_workers
from lab.stacks.orchestrator import Orchestrator


@pytest.fixture(scope="module")
def stack() -> Iterator[Orchestrator]:
    with orchestrated(build("swarm"), "swarm") as stack:
        yield stack
    assert not list_parts(stack.name)


@pytest.fixture(scope="module")
def rolls(stack: Orchestrator) -> Mapping[str, Roll]:
    """One roll after the other: the first of them is to end where it began."""
    engine = build("swarm")
    return {
        "never published": roll(engine, stack, FORWARD, SCENARIOS["never-published"]),
        "rollout": roll(engine, stack, FORWARD),
        "rollback": roll(engine, stack, BACK),
    }


def list_parts(name: str) -> list[str]:
    """Everything that Docker has of a stack."""
    label = {"label": f"com.docker.compose.project=skewproof-{name}"}
    docker = client()
    kinds = (docker.services, docker.volumes, docker.networks)
    found = [str(each.id) for kind in kinds for each in kind.list(filters=label)]
    return found + [str(each.id) for each in docker.containers.list(all=True, filters=label)]


def tasks(stack: Orchestrator) -> list[Container]:
    """The containers of the service's tasks that run."""
    label = f"com.docker.swarm.service.name=skewproof-{stack.name}-web"
    return client().containers.list(filters={"label": label})


def test_a_rollout_that_swarm_carries_out_hurts_no_visitor(rolls: Mapping[str, Roll]) -> None:
    rollout = rolls["rollout"]
    assert rollout.verdict.status is Status.PASS
    assert rollout.releases == {"v1", "v2"}
    # One that was lost, and two of each release that were replaced.
    assert (len(rollout.events("replica-ready")), len(rollout.events("replica-stopped"))) == (3, 3)


def test_a_rollback_is_swarms_own_and_hurts_no_visitor(rolls: Mapping[str, Roll]) -> None:
    rollback = rolls["rollback"]
    assert rollback.verdict.status is Status.PASS
    assert rollback.verdict.finding(REACHES).judged == 1
    assert rollback.releases == {"v1", "v2"}


def assert_rolled_back_unseen(failed: Roll, why: str) -> None:
    """See that Swarm has gone back at the first failure, and that no visitor has seen it."""
    assert failed.whole
    assert failed.releases == {"v1"}
    finding = failed.verdict.finding(REACHES)
    assert (finding.status, finding.kinds) == (Status.FAIL, {"rolled back": 1})
    assert finding.first
    assert why in finding.first.sentence
    # Swarm has seen the first failure, and has not tried to replace the other replica as well.
    started = [each for each in failed.run.events if each.event == "replica-started"]
    tried = {each.detail["replica"].rpartition(".")[0] for each in started if each.release == "v2"}
    assert len(tried) == 1


def test_a_release_that_never_gets_ready_is_rolled_back_and_no_visitor_sees_it(
    rolls: Mapping[str, Roll],
) -> None:
    assert_rolled_back_unseen(rolls["never published"], "task: unhealthy container")


@pytest.mark.thorough
@pytest.mark.usefixtures("rolls")
def test_a_release_that_crashes_is_rolled_back_and_no_visitor_sees_it(stack: Orchestrator) -> None:
    crashing = roll(build("swarm"), stack, FORWARD, SCENARIOS["crashing"])
    assert_rolled_back_unseen(crashing, "the environment variable DRAIN_SECONDS is 'soon'")


def test_the_replicas_are_bands_of_the_report(rolls: Mapping[str, Roll]) -> None:
    told = rolls["rollout"].events("serving")
    mixed = [each for each in told if 0 < each["weights"]["v2"] < 100]
    assert mixed
    assert told[-1] == {"weights": {"v1": 0, "v2": 100}, "replicas": {"v1": 0, "v2": 2}}


@pytest.mark.usefixtures("rolls")
def test_a_task_is_as_hardened_as_a_container_of_compose(stack: Orchestrator) -> None:
    found = tasks(stack)
    assert len(found) == 2
    for each in found:
        host, config = each.attrs["HostConfig"], each.attrs["Config"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] in (["ALL"], ["CAP_ALL"])
        assert (host["Memory"], host["PidsLimit"]) == (256 * 2**20, 256)
        assert config["User"] == "10001:10001"
        secrets = [line for line in config["Env"] if line.startswith("AWS_ACCESS_KEY_ID=")]
        assert secrets == ["AWS_ACCESS_KEY_ID=web"]


@pytest.mark.usefixtures("rolls")
def test_a_replica_calls_itself_as_the_history_does(stack: Orchestrator) -> None:
    names = {each.name for each in stack.replicas("v1")}
    seen = {requests.get(stack.base, timeout=5).headers["X-Replica"] for _ in range(20)}
    assert seen == names


@pytest.mark.usefixtures("rolls")
def test_every_task_gets_fresh_workers_and_none_is_replaced(stack: Orchestrator) -> None:
    before = {str(each.id): list_workers(each) for each in tasks(stack)}
    lifecycle.recycle_replicas(stack, lifecycle.serving(stack), say)
    after = {str(each.id): list_workers(each) for each in tasks(stack)}
    assert after.keys() == before.keys()
    assert all(after[task].isdisjoint(workers) for task, workers in before.items())


def test_swarm_cannot_pause_and_says_so(stack: Orchestrator) -> None:
    with pytest.raises(LabError, match="Swarm cannot pause"):
        stack.pause()


def test_under_the_shared_manifest_a_replica_that_swarm_replaced_breaks_pages() -> None:
    with orchestrated(build("swarm"), "shared", strategy="shared") as stack:
        rollout = roll(build("swarm"), stack, FORWARD)
    assert not rollout.whole
    assert rollout.verdict.finding(REACHES).status is Status.PASS
    wrong = [rollout.verdict.finding(name) for name in ("page answers", "asset of its release")]
    lost = next(each.t for each in rollout.run.events if each.event == "replica-lost")
    for finding in wrong:
        assert finding.status is Status.FAIL
        assert finding.first
        assert finding.first.t > lost
        assert {subject.partition(" ")[0] for subject in finding.subjects} == {"v1"}


def test_a_history_of_swarm_is_kept(stack: Orchestrator, rolls: Mapping[str, Roll]) -> None:
    assert rolls["rollout"].run.ended
    kept = {path.name for path in Path(stack.folder).glob("*.jsonl")}
    assert len({name for name in kept if "crashing" not in name}) == len(rolls)
