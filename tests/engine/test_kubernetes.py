"""A Deployment that Kubernetes rolls, with visitors looking: what happens, and what they see."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
import requests
import yaml
from tests.docs.project import ROOT, read_document
from tests.engine.rolls import BACK, FORWARD, REACHES, Roll, roll
from tests.engine.stacks import build, orchestrated, say

from lab.deadline import wait_until
from lab.errors import LabError, UnavailableError
from lab.judge.findings import Status
from lab.runs.scenarios import SCENARIOS, RollScenario
from lab.stacks.build import image_of
from lab.stacks.kubernetesapi import (
    Cluster,
    Object,
    RefusedError,
    path_of,
    reach_cluster,
)
from lab.stacks.kubernetesimages import Brought
from lab.stacks.kubernetesmanifests import FOLDER, render
from lab.stacks.kubernetesnamespace import APPS, Namespace
from lab.stacks.kubernetesstack import KubernetesStack
from lab.stacks.model import Plan
from lab.stacks.orchestrator import Orchestrator, Outcome, Phase
from lab.stacks.ports import free_port

MIDWAY = RollScenario(
    name="all-midway",
    what="in the middle of one roll, all that a scenario has happen there",
    steps=("publish", "hold", "lose", "grow", "recycle", "let go"),
    pauses=True,
)
"""Each of them is a scenario of its own as well: the table in docs/lab.md is of those."""


def go_back(stack: Orchestrator) -> None:
    """Undo a roll, and wait until v1 alone serves."""
    stack.undo()

    def is_back() -> bool:
        seen = stack.progress()
        return seen.outcome is Outcome.DONE and {
            (each.release, each.phase) for each in seen.replicas
        } == {("v1", Phase.READY)}

    wait_until(is_back, 120, "v1 is not back", lambda: str(stack.progress()))


@pytest.fixture(scope="module")
def stack() -> Iterator[KubernetesStack]:
    with orchestrated(build("kubernetes"), "k8s") as stack:
        assert isinstance(stack, KubernetesStack)
        yield stack
    place = stack.namespace.place
    assert stack.cluster.find(place) is None


@pytest.fixture(scope="module")
def rolls(stack: KubernetesStack) -> Mapping[str, Roll]:
    """One roll after the other, from v1 to v1: the last one goes back from where it is."""
    engine, made = build("kubernetes"), {}
    made["never-published"] = roll(engine, stack, FORWARD, SCENARIOS["never-published"])
    go_back(stack)
    made["midway"] = roll(engine, stack, FORWARD, MIDWAY)
    stack.cluster.set(stack.deployment, replicas=2)  # MIDWAY has added some
    made["rollback"] = roll(engine, stack, BACK, guard=True)
    return made


def assert_paused_and_looked_at(guarded: Roll) -> None:
    """See that the guard has held a roll, and has looked at both releases."""
    assert guarded.verdict.status is Status.PASS, guarded.verdict
    assert guarded.verdict.finding(REACHES).judged == 1
    assert guarded.releases == {"v1", "v2"}
    paused, resumed = (
        next(each.t for each in guarded.run.events if each.event == event)
        for event in ("roll-paused", "roll-resumed")
    )
    looks = [each for each in guarded.run.events if each.event == "guard-checked"]
    between = [each for each in looks if paused < each.t < resumed]
    assert {each.release for each in between} == {"v1", "v2"}
    assert {each.detail["when"] for each in between} == {"before letting the roll go on"}


def test_a_guarded_rollback_is_kubernetes_own_undo_and_hurts_no_visitor(
    rolls: Mapping[str, Roll],
) -> None:
    assert_paused_and_looked_at(rolls["rollback"])


@pytest.mark.thorough
@pytest.mark.usefixtures("rolls")
def test_a_rollout_is_guarded_as_a_rollback_is(stack: KubernetesStack) -> None:
    try:
        assert_paused_and_looked_at(roll(build("kubernetes"), stack, FORWARD, guard=True))
    finally:
        go_back(stack)


def test_what_happens_in_the_middle_of_a_roll_hurts_no_visitor(rolls: Mapping[str, Roll]) -> None:
    midway = rolls["midway"]
    assert midway.verdict.status is Status.PASS, midway.verdict
    assert midway.releases == {"v1", "v2"}
    assert midway.events("replica-lost")
    assert midway.events("recycled")
    # Of two releases that share what was added, the old one has more than before.
    assert max(each["replicas"]["v1"] for each in midway.events("serving")) > 2


def test_a_release_that_was_not_published_stalls_and_no_visitor_sees_it(
    rolls: Mapping[str, Roll],
) -> None:
    stalled = rolls["never-published"]
    assert stalled.whole, stalled.verdict
    assert stalled.releases == {"v1"}
    finding = stalled.verdict.finding(REACHES)
    assert (finding.status, finding.kinds) == (Status.FAIL, {"stalled": 1})
    assert finding.first
    assert "progressDeadlineSeconds exceeded" in finding.first.sentence


def test_under_the_shared_manifest_a_pod_lost_midway_breaks_pages() -> None:
    engine = build("kubernetes")
    with orchestrated(engine, "shared", strategy="shared") as stack:
        control = roll(engine, stack, FORWARD, SCENARIOS["lost-midway"])
    assert not control.whole
    wrong = [control.verdict.finding(name) for name in ("page answers", "asset of its release")]
    assert Status.FAIL in {finding.status for finding in wrong}


@pytest.mark.usefixtures("rolls")
def test_a_replica_calls_itself_as_the_history_does(stack: KubernetesStack) -> None:
    names = {each.name for each in stack.replicas("v1")}
    seen = {requests.get(stack.base, timeout=5).headers["X-Replica"] for _ in range(20)}
    assert seen == names


def test_the_headers_of_a_replica_come_through(stack: KubernetesStack) -> None:
    answer = requests.get(stack.base, timeout=5)
    assert (answer.status_code, answer.headers["X-Release"]) == (200, "v1")
    assert f"http://127.0.0.1:{stack.state.port}/static/" in answer.text


def test_a_roll_cannot_be_left_to_an_image_that_the_node_has_not(stack: KubernetesStack) -> None:
    brought = Brought.load(stack.cluster.context)
    try:
        wrong = {**brought.images, image_of("v2"): "skewproof-app:nowhere-django5.2"}
        replace(brought, images=wrong).save()
        stack.set_release("v2", {})
        with pytest.raises(
            UnavailableError, match=r"an image \(ErrImageNeverPull: Container image"
        ):
            stack.await_roll("v2")
    finally:
        brought.save()
        go_back(stack)


def test_a_quota_that_refuses_is_said_at_once(stack: KubernetesStack) -> None:
    cluster, name = stack.cluster, f"quota-{time.monotonic_ns()}"
    namespace = Namespace(cluster, name)
    labels = {"skewproof-lab/stack": name}
    made = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace.name, "labels": labels},
    }
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": "0"}},
    }
    namespace.create(made)
    try:
        namespace.create(quota)
        for thing in render(FOLDER / "overlays" / "shared"):
            if (
                thing["metadata"]["name"] in ("web", "settings")
                and thing["kind"] != "NetworkPolicy"
            ):
                thing["metadata"].pop("namespace")
                namespace.create(thing)
        with pytest.raises(
            UnavailableError, match=r"does not let web start: .*exceeded quota: small"
        ):
            namespace.await_part("web")
    finally:
        namespace.remove(stack.folder / "logs")


def test_a_pod_that_never_gets_ready_is_shown_with_its_last_words(stack: KubernetesStack) -> None:
    stack.set_release("v1", {"DRAIN_SECONDS": "soon"})
    try:
        with pytest.raises(UnavailableError) as caught:
            stack.namespace.await_pods("web", lambda: False, "web does not get ready", 10)
        assert "the environment variable DRAIN_SECONDS is 'soon'" in str(caught.value)
    finally:
        go_back(stack)


def test_a_stack_whose_name_is_taken_in_the_cluster_is_refused(stack: KubernetesStack) -> None:
    port = free_port()
    other = stack.name.replace("-", "_")  # another name, and the same namespace
    plan = Plan(name=other, strategy="shared", port=port, weights={"v1": 100}, publishes=("v1",))
    with pytest.raises(LabError, match="which is not this checkout's: choose another --name"):
        build("kubernetes").up(plan, say)
    assert stack.cluster.find(stack.namespace.place)


def dry_run(cluster: Cluster, thing: Object, namespace: str) -> None:
    """See that the API takes an object, or a change of the one that is there; nothing is made."""
    path = path_of(thing["apiVersion"], thing["kind"], namespace)
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    try:
        cluster.ask("POST", path, thing, query=query)
    except RefusedError as error:
        if error.status != 409:
            raise
        change = {**query, "fieldManager": "tests", "force": "true"}
        place = f"{path}/{thing['metadata']['name']}"
        cluster.ask("PATCH", place, thing, kind=APPLY, query=change)


APPLY = "application/apply-patch+yaml"


@pytest.mark.parametrize("overlay", ["skewproof", "versioned", "shared"])
def test_the_api_takes_the_manifests_as_they_are(stack: KubernetesStack, overlay: str) -> None:
    things = [*render(FOLDER / "overlays" / overlay), *render(FOLDER / "publish")]
    for thing in things:
        thing["metadata"].pop("namespace", None)
        name = None if thing["kind"] == "Namespace" else stack.namespace.name
        if name and (thing["kind"], thing["metadata"]["name"]) not in FIXED:
            dry_run(stack.cluster, thing, name)


FIXED = {("Job", "setup"), ("Job", "publish-v1"), ("StatefulSet", "minio")}
"""What cannot be changed where it is there, and is there as the lab has started it."""


def examples() -> list[Object]:
    """The Jobs that docs/kubernetes.md shows, with values where a template has names."""
    fences = read_document("docs/kubernetes.md").fences
    texts = [each.content for each in fences if each.language == "yaml"]
    values = {"{{ .Values.release }}": "v2", "{{ .Values.image }}": "skewproof-app:v2-django5.2"}
    found: list[Object] = []
    for text in texts:
        for name, value in values.items():
            text = text.replace(name, value)
        found += [each for each in yaml.safe_load_all(text) if each.get("kind") == "Job"]
    return found


def test_the_api_takes_the_hooks_of_the_documents(stack: KubernetesStack) -> None:
    jobs = examples()
    assert len(jobs) == 2
    for job in jobs:
        job["metadata"]["name"] += "-of-the-documents"
        dry_run(stack.cluster, job, stack.namespace.name)


def test_a_mistake_in_a_manifest_is_seen(stack: KubernetesStack) -> None:
    (job,) = render(FOLDER / "publish")
    job["metadata"] = {"name": "wrong"}
    job["spec"]["backofLimit"] = 1
    with pytest.raises(RefusedError, match="unknown field"):
        dry_run(stack.cluster, job, stack.namespace.name)


def test_the_pods_are_restricted_and_the_namespace_enforces_it(stack: KubernetesStack) -> None:
    labels = stack.cluster.get(stack.namespace.place)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bold"},
        "spec": {"containers": [{"name": "bold", "image": image_of("v1")}]},
    }
    with pytest.raises(RefusedError, match="violates PodSecurity"):
        stack.namespace.create(pod)


def test_a_deployment_keeps_what_the_team_copies(stack: KubernetesStack) -> None:
    web = stack.cluster.get(stack.namespace.path("Deployment", "web", APPS))
    written = cast(
        "list[Object]", [*yaml.safe_load_all((FOLDER / "base" / "web.yaml").read_text())]
    )
    wanted = written[0]["spec"]
    assert web["spec"]["strategy"] == wanted["strategy"]
    assert web["spec"]["minReadySeconds"] == wanted["minReadySeconds"]
    assert ROOT in FOLDER.parents


def test_a_guest_is_told_what_is_forbidden(
    stack: KubernetesStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "guest"}}
    stack.namespace.create(account)
    ask = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = stack.namespace.path("ServiceAccount", "guest") + "/token"
    token = yaml.safe_load(stack.cluster.ask("POST", path, ask))["status"]["token"]
    config = stack.cluster.client.configuration
    kubeconfig = {
        "current-context": "guest",
        "contexts": [{"name": "guest", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {
                "name": "c",
                "cluster": {"server": config.host, "certificate-authority": config.ssl_ca_cert},
            }
        ],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    guest = reach_cluster()
    with pytest.raises(
        UnavailableError, match="Kubernetes forbids it: namespaces is forbidden: User"
    ):
        Namespace(guest, "guest").create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "skewproof-guest"}}
        )
