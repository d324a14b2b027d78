"""How far a roll is, as Kubernetes says; and what the lab asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.kubernetes.conftest import Api

from lab.errors import LabError
from lab.stacks.kubernetesapi import reach_cluster
from lab.stacks.kubernetesimages import bring
from lab.stacks.kubernetesobjects import judge_roll, read_json
from lab.stacks.kubernetesstack import KubernetesStack
from lab.stacks.model import Replica
from lab.stacks.orchestrator import Outcome, Phase
from lab.stacks.state import State

APPS = "/apis/apps/v1/namespaces/skewproof-shop"
WEB = f"{APPS}/deployments/web"
PODS = "/api/v1/namespaces/skewproof-shop/pods"
DONE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
LATE = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}


def deployment(status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metadata = {"generation": 2, "uid": "u1"}
    return {"metadata": metadata, "spec": {"replicas": 2, **spec}, "status": status}


def pod(name: str, release: str, *, ready: str = "True", **more: Any) -> dict[str, Any]:
    image = f"registry.example.com/team/skewproof-app:{release}-django5.2"
    return {
        "metadata": {"name": name, "creationTimestamp": f"2026-11-27T01:00:0{name[-1]}Z", **more},
        "spec": {"containers": [{"image": image}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.fixture
def stack(context: Api) -> KubernetesStack:
    context.tell("PATCH", WEB, {})
    context.tell("GET", "/api/v1/namespaces/skewproof-shop/events", {"items": []})
    bring("there", "kind-shop", ["skewproof-app:v1-django5.2", "skewproof-app:v2-django5.2"])
    state = State(name="shop", engine="kubernetes", strategy="skewproof", port=8080)
    return KubernetesStack(reach_cluster(), state)


@pytest.mark.parametrize(
    ("status", "spec", "outcome"),
    [
        (DONE, {}, Outcome.DONE),
        ({**DONE, "observedGeneration": 1}, {}, Outcome.ROLLING),
        ({**DONE, "replicas": 3}, {}, Outcome.ROLLING),
        ({**DONE, "updatedReplicas": 1}, {}, Outcome.ROLLING),
        ({**DONE, "availableReplicas": 1}, {}, Outcome.ROLLING),
        ({"observedGeneration": 2}, {}, Outcome.ROLLING),
        ({}, {}, Outcome.ROLLING),
        ({**DONE, "updatedReplicas": 1}, {"paused": True}, Outcome.PAUSED),
        ({**DONE, "updatedReplicas": 1, "conditions": [LATE]}, {}, Outcome.STALLED),
        ({**DONE, "conditions": [LATE]}, {}, Outcome.DONE),
        # What it says is of the roll before.
        ({**DONE, "observedGeneration": 1, "conditions": [LATE]}, {}, Outcome.ROLLING),
    ],
)
def test_a_roll_is_as_far_as_kubernetes_says(
    status: dict[str, Any], spec: dict[str, Any], outcome: Outcome
) -> None:
    assert judge_roll(deployment(status, **spec))[0] is outcome


def test_a_roll_that_stalls_says_which_deadline_and_why_no_pod_came() -> None:
    quota = {"type": "ReplicaFailure", "message": "exceeded quota: small"}
    status = {**DONE, "updatedReplicas": 1, "conditions": [LATE, quota]}
    assert judge_roll(deployment(status)) == (
        Outcome.STALLED,
        "progressDeadlineSeconds exceeded: has timed out; exceeded quota: small",
    )


def test_a_roll_shows_its_pods_the_oldest_first(context: Api, stack: KubernetesStack) -> None:
    context.tell("GET", WEB, deployment({**DONE, "updatedReplicas": 1}))
    gone = {**pod("web-0", "v1"), "status": {"phase": "Failed"}}
    pods = [
        pod("web-3", "v2", ready="False"),
        pod("web-2", "v1", deletionTimestamp="2026-11-27T01:01:00Z"),
        gone,
        pod("web-1", "v1"),
    ]
    context.tell("GET", PODS, {"items": pods})
    message = "Readiness probe failed:\nHTTP probe failed with statuscode: 503"
    events = {"items": [{"message": message}]}
    context.tell("GET", "/api/v1/namespaces/skewproof-shop/events", events)
    seen = [(each.name, each.release, each.phase, each.why) for each in stack.progress().replicas]
    assert seen == [
        ("web-1", "v1", Phase.READY, ""),
        ("web-2", "v1", Phase.LEAVING, ""),
        ("web-3", "v2", Phase.STARTING, " ".join(message.split())),
    ]
    assert stack.replicas("v1") == [Replica("v1", "web-1")]
    assert stack.replicas("v2") == []


def test_a_release_is_set_by_its_image_and_nothing_else(
    context: Api, stack: KubernetesStack
) -> None:
    stack.set_release("v2", {})
    stack.set_release("v2", {"DRAIN_SECONDS": "soon"})
    plain, told = context.bodies("PATCH")
    image = {"name": "web", "image": "skewproof-app:v2-django5.2"}
    assert plain == {"spec": {"template": {"spec": {"containers": [image]}}}}
    env = [{"name": "DRAIN_SECONDS", "value": "soon"}]
    assert told["spec"]["template"]["spec"]["containers"] == [{**image, "env": env}]


def replica_set(revision: int, image: str, owner: str = "u1") -> dict[str, Any]:
    labels = {"app": "web", "pod-template-hash": f"h{revision}"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"image": image}]}}
    notes = {"deployment.kubernetes.io/revision": str(revision)}
    owners = [{"uid": owner}]
    metadata = {"annotations": notes, "ownerReferences": owners}
    return {"metadata": metadata, "spec": {"template": template}}


def test_an_undo_goes_back_to_the_template_of_before_also_where_the_roll_is_paused(
    context: Api, stack: KubernetesStack
) -> None:
    context.tell("GET", WEB, deployment(DONE, paused=True))
    sets = [
        replica_set(10, "app:v3"),
        replica_set(9, "app:v2"),
        replica_set(2, "app:v1"),
        replica_set(99, "app:x", owner="u2"),
    ]
    context.tell("GET", f"{APPS}/replicasets", {"items": sets})
    stack.undo()
    (steps,) = context.bodies("PATCH")
    assert {step["path"]: step["value"] for step in steps} == {
        "/spec/template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"image": "app:v2"}]},
        },
        "/spec/paused": False,
    }


def test_there_is_nothing_to_undo_before_the_first_roll(
    context: Api, stack: KubernetesStack
) -> None:
    context.tell("GET", WEB, deployment(DONE))
    context.tell("GET", f"{APPS}/replicasets", {"items": [replica_set(1, "app:v1")]})
    with pytest.raises(LabError, match="has rolled nothing yet that could be undone"):
        stack.undo()
    assert context.bodies("PATCH") == []


def test_a_json_document_is_found_among_the_lines_of_a_log() -> None:
    text = 'INFO boto: hello\n{\n "a": {"b": 1}\n}\nWARNING: bye {\n'
    assert read_json(text) == {"a": {"b": 1}}


def test_where_logs_go(stack: KubernetesStack, tmp_path: Path) -> None:
    assert stack.folder == tmp_path / "lab" / "shop"
    assert stack.base == "http://127.0.0.1:8080/"
