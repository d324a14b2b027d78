"""The engines whose replicas an orchestrator replaces, as a user types them."""

from __future__ import annotations

import os

import pytest
from tests.cli.checkouts import Checkout
from tests.engine.stacks import on_one
from tests.machine import orchestrators

from lab.stacks.kubernetesapi import reach_cluster
from lab.stacks.kubernetesnamespace import Namespace

STARTS = {"kubernetes": "» publishing v1", "swarm": "» starting 2 replicas of v1"}
"""What a lab says when much of a stack is there, and not all of it."""

ON_EACH = pytest.mark.parametrize("name", orchestrators(), scope="session")
ON_FIRST = pytest.mark.parametrize(
    "name", on_one(orchestrators()[0], orchestrators()), scope="session"
)
"""For what is the same code on all of them."""


@pytest.fixture
def stack(name: str) -> str:
    return f"{name}-{os.getpid()}"


def assert_fetched(stack: str, registry: str) -> None:
    """See that a node has fetched what each pod runs, by its digest."""
    namespace = Namespace(reach_cluster(), stack)
    for part in ("minio", "web", "gateway"):
        pods = namespace.pods(part)
        assert pods
        for pod in pods:
            (status,) = pod["status"]["containerStatuses"]
            assert pod["spec"]["containers"][0]["image"].startswith(f"{registry}/")
            assert status["imageID"].startswith(f"{registry}/")
            assert status["imageID"].partition("@")[2].startswith("sha256:")


@ON_EACH
def test_a_stack_stays_up_and_a_lab_that_is_killed_leaves_nothing(
    checkout: Checkout,
    port: int,
    name: str,
    stack: str,
    orchestrator: str,
    images: tuple[str, ...],
) -> None:
    engine = ("--engine", orchestrator)
    done = checkout.lab("up", "--name", stack, "--port", port, *engine)
    assert (done.code, done.out) == (0, f"http://127.0.0.1:{port}/\n"), done.err
    if name == "kubernetes" and images:
        assert_fetched(stack, images[1].removeprefix("registry="))
    probed = checkout.lab("probe", "--name", stack, "--json")
    assert probed.to_json()["verdict"] == "PASS"
    routed = checkout.lab("route", "v1=100", "--name", stack)
    assert routed.code == 64
    assert "where every replica draws the same share" in routed.err
    back = checkout.lab("rollback", "--name", stack)
    assert (back.code, back.complaints[0].partition(",")[0]) == (
        64,
        f"lab: release v2 is not published on stack {stack}",
    )
    assert checkout.lab("down", "--name", stack).code == 0
    assert not checkout.left()

    lab = checkout.start("up", "--name", stack, "--port", port, *engine)
    lab.wait_for(STARTS[name])
    lab.kill()
    lab.end()
    checkout.wait_until_nothing_is_left()


@ON_FIRST
def test_a_ctrl_c_in_the_middle_of_the_roll(checkout: Checkout, orchestrator: str) -> None:
    engine = ("--engine", orchestrator)
    lab = checkout.start(
        "rollout", "--scenario", "never-published", "--visitors", 2, "--json", *engine
    )
    lab.wait_for("» setting the release v2")
    lab.interrupt()
    done = lab.end()
    assert (done.code, done.to_json()["verdict"]) == (2, "UNKNOWN"), done.err
    assert checkout.histories("never-published")
    checkout.wait_until_nothing_is_left()


SENSELESS: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "kubernetes": [
        (("build", "--images", "ship"), "no way to bring images: ship; there are kind"),
    ],
    "swarm": [
        (("rollout", "--guard"), "swarm cannot pause a roll, so --guard has no moment"),
        (
            ("rollout", "--scenario", "lost-midway"),
            "swarm cannot pause a roll, in whose middle --scenario lost-midway happens",
        ),
    ],
}


@ON_EACH
def test_what_makes_no_sense_is_one_line(
    checkout: Checkout, port: int, name: str, orchestrator: str
) -> None:
    engine = ("--engine", orchestrator)
    two = ("up", "--weights", "v1=50,v2=50", "--port", str(port))
    for arguments, line in (
        (("matrix",), f"the matrix takes --engine compose or embedded: on {name} an"),
        (two, f"on {name} one release serves, not v1 and v2: take --weights v1=100, then"),
        *SENSELESS[name],
    ):
        done = checkout.lab(*arguments, *engine)
        assert (done.code, done.out) == (64, "")
        (complaint,) = done.complaints
        assert complaint.startswith(f"lab: {line}")
