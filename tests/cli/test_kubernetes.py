"""The engine kubernetes, as a user types it."""

from __future__ import annotations

import os

from tests.cli.checkouts import Checkout

NAME = f"k8s-{os.getpid()}"


def test_what_makes_no_sense_on_kubernetes_is_one_line(checkout: Checkout, port: int) -> None:
    engine = ("--engine", checkout.build("kubernetes"))
    for arguments, code, line in (
        (
            ("matrix", *engine),
            64,
            "the matrix takes --engine compose or embedded: on kubernetes an",
        ),
        (
            ("up", "--weights", "v1=50,v2=50", "--port", port, *engine),
            64,
            "on Kubernetes one release serves, not v1 and v2: take --weights v1=100, then",
        ),
        (
            ("build", "--images", "ship", *engine),
            64,
            "no way to bring images: ship; there are kind",
        ),
        (("build", "--images", "there"), 64, "--images goes with --engine kubernetes, not with"),
    ):
        done = checkout.lab(*arguments)
        assert (done.code, done.out) == (code, "")
        (complaint,) = done.complaints
        assert complaint.startswith(f"lab: {line}")


def test_without_a_context_and_without_an_api_it_is_one_line(checkout: Checkout) -> None:
    missing = checkout.lab("up", "--engine", "kubernetes", KUBECONFIG="/nowhere/kubeconfig")
    (complaint,) = missing.complaints
    assert missing.code == 69
    assert complaint.startswith("lab: no Kubernetes context in /nowhere/kubeconfig: start one")
    assert not checkout.left()


def test_a_stack_stays_up_and_a_lab_that_is_killed_leaves_nothing(
    checkout: Checkout, port: int
) -> None:
    engine = ("--engine", checkout.build("kubernetes"))
    done = checkout.lab("up", "--name", NAME, "--port", port, *engine)
    assert (done.code, done.out) == (0, f"http://127.0.0.1:{port}/\n"), done.err
    probed = checkout.lab("probe", "--name", NAME, "--json")
    assert probed.to_json()["verdict"] == "PASS"
    routed = checkout.lab("route", "v1=100", "--name", NAME)
    assert routed.code == 64
    assert "where every replica draws the same share" in routed.err
    back = checkout.lab("rollback", "--name", NAME)
    assert (back.code, back.complaints[0].partition(",")[0]) == (
        64,
        f"lab: release v2 is not published on stack {NAME}",
    )
    assert checkout.lab("down", "--name", NAME).code == 0
    assert not checkout.left()

    lab = checkout.start("up", "--name", NAME, "--port", port, *engine)
    lab.wait_for("» publishing v1")
    lab.kill()
    lab.end()
    checkout.wait_until_nothing_is_left()


def test_a_ctrl_c_in_the_middle_of_the_roll(checkout: Checkout) -> None:
    engine = ("--engine", checkout.build("kubernetes"))
    lab = checkout.start(
        "rollout", "--scenario", "never-published", "--visitors", 2, "--json", *engine
    )
    lab.wait_for("» setting the release v2")
    lab.interrupt()
    done = lab.end()
    assert done.code == 2, done.err
    assert done.to_json()["verdict"] == "UNKNOWN"
    assert checkout.histories("never-published")
    checkout.wait_until_nothing_is_left()
