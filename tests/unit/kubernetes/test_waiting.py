"""Who waits for pods is told at once what can never come, and what was seen when time is up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.kubernetes.conftest import Api

from lab.errors import UnavailableError
from lab.stacks.kubernetesapi import reach_cluster
from lab.stacks.kubernetesnamespace import Namespace

PLACE = "/api/v1/namespaces/skewproof-shop"


def pod(name: str = "web-1", *, phase: str = "Pending", **state: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": "2026-11-27T01:00:00Z"},
        "status": {"phase": phase, "containerStatuses": [{"state": state}] if state else []},
    }


def event(reason: str, message: str, at: str = "2026-11-27T01:00:00Z") -> dict[str, Any]:
    about = {"name": "web-6d4f"}
    return {"involvedObject": about, "reason": reason, "message": message, "lastTimestamp": at}


@pytest.fixture
def namespace(context: Api) -> Namespace:
    context.tell("GET", f"{PLACE}/pods", {"items": []})
    context.tell("GET", f"{PLACE}/events", {"items": []})
    return Namespace(reach_cluster(), "shop")


@pytest.mark.parametrize("reason", ["ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff"])
def test_an_image_that_the_node_has_not_is_said_at_once(
    context: Api, namespace: Namespace, reason: str
) -> None:
    waiting = {"reason": reason, "message": "Container image x\nis not present"}
    context.tell("GET", f"{PLACE}/pods", {"items": [pod(waiting=waiting)]})
    with pytest.raises(UnavailableError) as caught:
        namespace.await_pods("web", lambda: False, "web does not get ready", 60)
    line = str(caught.value)
    assert f"does not get an image ({reason}: Container image x is not present): run" in line
    assert "lab build --engine kubernetes" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "message",
    [
        'pods "web-1" is forbidden: exceeded quota: small, requested: cpu=100m, limited: cpu=0',
        'pods "web-1" is forbidden: violates PodSecurity "restricted:latest"',
    ],
)
def test_a_pod_that_may_not_be_is_said_at_once(
    context: Api, namespace: Namespace, message: str
) -> None:
    context.tell("GET", f"{PLACE}/events", {"items": [event("FailedCreate", message)]})
    with pytest.raises(UnavailableError, match="does not let web start: web-6d4f: FailedCreate: "):
        namespace.await_pods("web", lambda: False, "web does not get ready", 60)


def test_a_warning_that_passes_is_no_reason_to_give_up(context: Api, namespace: Namespace) -> None:
    message = "error looking up service account skewproof-shop/default: not found"
    context.tell("GET", f"{PLACE}/events", {"items": [event("FailedCreate", message)]})
    looks: list[int] = []
    namespace.await_pods("web", lambda: bool(looks.append(1)) or len(looks) > 1, "web", 60)
    assert len(looks) == 2


def test_what_never_gets_ready_is_shown_with_its_last_lines_and_events(
    context: Api, namespace: Namespace
) -> None:
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
    context.tell("GET", f"{PLACE}/pods", {"items": [pod(waiting=waiting)]})
    context.tell("GET", f"{PLACE}/pods/web-1/log", "gunicorn: DRAIN_SECONDS is 'soon'")
    late = event("Unhealthy", "Readiness probe failed: 503", "2026-11-27T01:00:09Z")
    early = event("BackOff", "Back-off restarting")
    context.tell("GET", f"{PLACE}/events", {"items": [late, early]})
    with pytest.raises(UnavailableError) as caught:
        namespace.await_pods("web", lambda: False, "web does not get ready", 0.1)
    assert str(caught.value).splitlines() == [
        "web does not get ready after 0 s; its last words:",
        "web-6d4f: BackOff: Back-off restarting",
        "web-6d4f: Unhealthy: Readiness probe failed: 503",
        "web-1: CrashLoopBackOff back-off 10s",
        "gunicorn: DRAIN_SECONDS is 'soon'",
    ]


def test_a_namespace_that_stays_is_named(
    context: Api, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.stacks.kubernetesnamespace.DOWN_SECONDS", 0.1)
    context.tell("GET", PLACE, {"metadata": {"labels": {"skewproof-lab/stack": "shop"}}})
    context.tell("GET", f"{PLACE}/pods", {"items": [pod(phase="Running")]})
    context.tell("GET", f"{PLACE}/pods/web-1/log", "its words")
    context.tell("DELETE", PLACE, {})
    context.tell("DELETE", f"{PLACE}/pods/web-1", {})
    with pytest.raises(UnavailableError, match="namespace skewproof-shop is still being deleted"):
        namespace.remove(tmp_path / "logs")
    assert [body.get("gracePeriodSeconds") for body in context.bodies("DELETE")] == [None, 1]
    assert (tmp_path / "logs" / "web-1.log").read_text() == "its words"
