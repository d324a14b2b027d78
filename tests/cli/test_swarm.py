"""The engine swarm, as a user types it."""

from __future__ import annotations

import os

from tests.cli.checkouts import Checkout

NAME = f"swarm-{os.getpid()}"


def test_what_makes_no_sense_on_swarm_is_one_line(checkout: Checkout, port: int) -> None:
    engine = ("--engine", checkout.build("swarm"))
    for arguments, line in (
        (("rollout", "--guard", *engine), "swarm cannot pause a roll, so --guard has no moment"),
        (("matrix", *engine), "the matrix takes --engine compose or embedded: on swarm an"),
        (
            ("up", "--weights", "v1=50,v2=50", "--port", port, *engine),
            "on swarm one release serves, not v1 and v2: take --weights v1=100, then",
        ),
    ):
        done = checkout.lab(*arguments)
        assert (done.code, done.out) == (64, "")
        (complaint,) = done.complaints
        assert complaint.startswith(f"lab: {line}")


def test_a_stack_stays_up_and_a_lab_that_is_killed_leaves_nothing(
    checkout: Checkout, port: int
) -> None:
    engine = ("--engine", checkout.build("swarm"))
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
    lab.wait_for("» starting 2 replicas of v1")
    lab.kill()
    lab.end()
    checkout.wait_until_nothing_is_left()


def test_a_ctrl_c_in_the_middle_of_the_roll(checkout: Checkout) -> None:
    engine = ("--engine", checkout.build("swarm"))
    lab = checkout.start(
        "rollout", "--scenario", "never-published", "--visitors", 2, "--json", *engine
    )
    lab.wait_for("» setting the release v2")
    lab.interrupt()
    done = lab.end()
    assert (done.code, done.to_json()["verdict"]) == (2, "UNKNOWN")
    assert not checkout.left()
