"""Signals in the middle: everything stopped, the history kept, UNKNOWN.

Each kind of signal is sent on every engine; each verb of a stack is interrupted in the unit tests.
"""

from __future__ import annotations

import os

import pytest
from tests.cli.checkouts import Checkout, Done

from lab.history import read_history

HALF = f"half-{os.getpid()}"


def assert_unknown_and_clean(checkout: Checkout, done: Done) -> None:
    """The run shows its verdict as JSON, its history has no end, and nothing is left."""
    assert done.code == 2, done.err
    assert done.complaints == []
    verdict = done.to_json()
    assert verdict["verdict"] == "UNKNOWN"
    assert not checkout.left()
    (path,) = [path for path in checkout.histories("") if str(path) == verdict["history"]]
    history = read_history(path)
    assert history.header
    assert not history.ended
    assert not history.damage


def test_a_sigterm_in_the_middle_of_a_publish(checkout: Checkout, engine: str) -> None:
    lab = checkout.start("rollout", "--engine", engine, "--visitors", 2, "--json")
    lab.wait_for("» publishing v2")
    lab.terminate()
    assert_unknown_and_clean(checkout, lab.end())


def test_a_ctrl_c_in_the_middle_of_the_roll(checkout: Checkout, one_engine: str) -> None:
    lab = checkout.start("rollout", "--engine", one_engine, "--visitors", 2, "--json")
    lab.wait_for("» starting a replica of v2")
    lab.interrupt()
    assert_unknown_and_clean(checkout, lab.end())


def test_a_second_ctrl_c_in_the_clean_up_leaves_the_rest_to_the_watchdog(
    checkout: Checkout, engine: str
) -> None:
    lab = checkout.start("rollout", "--engine", engine, "--visitors", 2, "--json")
    lab.wait_for("» visitors look at v1")
    lab.interrupt()
    lab.wait_for("» taking the stack down")
    lab.interrupt()
    assert_unknown_and_clean(checkout, lab.end())


@pytest.mark.thorough  # "make test" sees a Ctrl-C in the clean-up after another one
def test_a_ctrl_c_when_only_the_clean_up_is_to_be_done(checkout: Checkout, one_engine: str) -> None:
    lab = checkout.start("rollout", "--engine", one_engine, "--visitors", 2, "--json")
    lab.wait_for("» taking the stack down")
    lab.interrupt()
    done = lab.end()
    assert_unknown_and_clean(checkout, done)
    assert done.to_json()["total"]["refused"] == 0


def test_a_killed_lab_is_cleaned_up_after(checkout: Checkout, engine: str) -> None:
    lab = checkout.start("rollout", "--engine", engine, "--visitors", 2)
    lab.wait_for("» publishing v2")
    lab.kill()
    lab.end()
    checkout.wait_until_nothing_is_left()
    again = checkout.lab("check", checkout.histories("rollout")[-1])
    assert again.code == 2
    assert "UNKNOWN rollout" in again.out


def test_an_up_that_is_killed_half_way_is_cleaned_up_after(
    checkout: Checkout, one_engine: str, port: int
) -> None:
    lab = checkout.start("up", "--engine", one_engine, "--name", HALF, "--port", port)
    lab.wait_for("» publishing v1")
    lab.kill()
    lab.end()
    checkout.wait_until_nothing_is_left()


def test_an_interrupted_up_leaves_nothing(checkout: Checkout, one_engine: str, port: int) -> None:
    lab = checkout.start("up", "--engine", one_engine, "--name", HALF, "--port", port)
    lab.wait_for("» starting minio" if one_engine == "compose" else "» starting a replica of v1")
    lab.interrupt()
    done = lab.end()
    assert (done.code, done.out) == (2, "")
    assert done.complaints == ["lab: interrupted; nothing is left running"]
    assert not checkout.left()


def test_an_interrupted_comparison_shows_what_it_has(checkout: Checkout, one_engine: str) -> None:
    lab = checkout.start("gotcha", "--engine", one_engine, "--visitors", 2)
    lab.wait_for("» publishing v1")
    lab.interrupt()
    done = lab.end()
    assert done.code == 2
    assert "UNKNOWN: stopped before versioned and skewproof" in done.out
    assert "shared" in done.out
    assert not checkout.left()
