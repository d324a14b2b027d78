"""What Kubernetes refuses, or does not answer, is one line that says what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.unit.kubernetes.conftest import Api, write_context

from lab.errors import LabError, UnavailableError
from lab.stacks.kubernetesapi import reach_cluster
from lab.stacks.kubernetesengine import SERVERS, KubernetesEngine
from lab.stacks.kubernetesimages import Brought, bring, choose_way
from lab.stacks.kubernetesnamespace import LABEL, Namespace
from lab.stacks.model import Plan
from lab.stacks.state import stack_names

NAMESPACE = "/api/v1/namespaces/skewproof-shop"
IMAGES = [*SERVERS, "skewproof-app:v1-django5.2", "skewproof-app:v2-django5.2"]
PLAN = Plan(name="shop", strategy="skewproof", port=8080, weights={"v1": 100}, publishes=("v1",))


def say(_line: str) -> None:
    pass


def bring_all() -> None:
    bring("there", "kind-shop", IMAGES)


@pytest.mark.parametrize("content", [None, "", "{}", "not: [a, kubeconfig", '{"contexts": []}'])
def test_without_a_context_it_is_said_how_to_get_one(kubeconfig: Path, content: str | None) -> None:
    if content is not None:
        kubeconfig.write_text(content)
    with pytest.raises(UnavailableError) as caught:
        reach_cluster()
    line = str(caught.value)
    assert line.startswith(f"no Kubernetes context in {kubeconfig}: start one")
    assert "\n" not in line


def test_a_context_that_is_gone_is_named(context: Api) -> None:
    with pytest.raises(UnavailableError, match=r"no Kubernetes context in .*minikube"):
        reach_cluster("minikube")
    assert context.asked == []


def test_an_api_that_does_not_answer_is_named(kubeconfig: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        write_context(kubeconfig, closed.getsockname()[1])
        with pytest.raises(UnavailableError) as caught:
            reach_cluster()
    line = str(caught.value)
    assert line.startswith("Kubernetes does not answer at http://127.0.0.1:")
    assert "context kind-shop" in line
    assert "Connection refused" in line
    assert "\n" not in line


def test_what_rbac_forbids_is_said_as_kubernetes_says_it(context: Api) -> None:
    message = 'namespaces is forbidden: User "guest" cannot create resource "namespaces"'
    context.refuse("GET", NAMESPACE, 403, message)
    bring_all()
    with pytest.raises(
        UnavailableError, match=r'forbids it: .*User "guest" cannot create'
    ) as caught:
        KubernetesEngine().up(PLAN, say)
    assert "\n" not in str(caught.value)
    assert stack_names() == []


def test_who_is_not_known_is_told_to_log_in(context: Api) -> None:
    context.refuse("GET", "/version", 401, "Unauthorized")
    with pytest.raises(UnavailableError, match=r"does not know who asks \(Unauthorized\): log in"):
        reach_cluster()


def test_a_namespace_that_is_there_is_not_used(context: Api) -> None:
    context.tell("GET", NAMESPACE, {"metadata": {"name": "skewproof-shop"}})
    bring_all()
    with pytest.raises(LabError, match="has a namespace skewproof-shop, which is not this checkou"):
        KubernetesEngine().up(PLAN, say)
    assert context.bodies("POST") == []
    assert stack_names() == []


@pytest.mark.parametrize("labels", [None, {}, {LABEL: "other"}])
def test_a_namespace_without_the_label_is_not_deleted(
    context: Api, labels: dict[str, str] | None, tmp_path: Path
) -> None:
    metadata = {"name": "skewproof-shop"} | ({} if labels is None else {"labels": labels})
    context.tell("GET", NAMESPACE, {"metadata": metadata})
    with pytest.raises(LabError, match=f"no label {LABEL}=shop: the lab leaves it alone"):
        Namespace(reach_cluster(), "shop").remove(tmp_path)
    assert context.bodies("DELETE") == []


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("stack", ["shop", "a_b", "a-", "rollout-skewproof-143151-26384"])
def test_the_name_of_a_stack_makes_a_name_for_a_namespace(stack: str) -> None:
    name = Namespace(reach_cluster(), stack).name
    assert name.startswith("skewproof-")
    assert name.replace("-", "").isalnum()
    assert name[-1].isalnum()


def test_images_that_were_never_brought_are_named(context: Api) -> None:
    assert not KubernetesEngine().is_built("v1")
    bring("there", "kind-shop", IMAGES[:-1])
    assert KubernetesEngine().is_built("v1")
    with pytest.raises(LabError, match=r"was brought no image skewproof-app:v2-django5\.2: run "):
        KubernetesEngine().up(PLAN, say)
    assert context.bodies("POST") == []


@pytest.mark.usefixtures("context")
def test_what_was_brought_to_another_cluster_does_not_count() -> None:
    bring("there", "minikube", IMAGES)
    assert not KubernetesEngine().is_built("v1")
    assert len(Brought.load("minikube").images) == len(IMAGES)


def test_two_releases_at_rest_are_refused(context: Api) -> None:
    plan = Plan(
        name="shop", strategy="skewproof", port=1, weights={"v1": 50, "v2": 50}, publishes=("v1",)
    )
    with pytest.raises(LabError, match="one release serves, not v1 and v2: take --weights v1=100"):
        KubernetesEngine().up(plan, say)
    assert context.bodies("POST") == []


@pytest.mark.parametrize(
    ("context_name", "way"),
    [
        ("kind-shop", "kind=shop"),
        ("k3d-shop", "k3d=shop"),
        ("minikube", "minikube"),
        ("docker-desktop", "there"),
    ],
)
def test_the_way_of_the_images_follows_from_the_name_of_the_context(
    context_name: str, way: str
) -> None:
    assert choose_way(None, context_name) == way
    assert choose_way("registry=r.example.com", context_name) == "registry=r.example.com"


def test_a_way_that_does_not_follow_is_asked_for() -> None:
    with pytest.raises(LabError, match="how do the nodes of production get the images"):
        choose_way(None, "production")


@pytest.mark.parametrize("way", ["ship", "registry", "registry=", "there=x", "kind="])
def test_a_way_that_is_none_is_refused(way: str) -> None:
    with pytest.raises(LabError, match=f"no way to bring images: {way}; there are kind"):
        choose_way(way, "kind-shop")


def test_a_program_that_is_missing_is_named(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="there is no kind on PATH: install it, or choose"):
        bring("kind=shop", "kind-shop", IMAGES)
    assert not kubeconfig.exists()
