"""Stacks that stay up: two at once, used by one command after another, half up, and gone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from tests.cli.checkouts import Checkout, Done
from tests.engine.stacks import ON_FIRST

from lab.stacks.ports import free_port
from lab.stacks.processes import Processes

FEW = ("--visitors", 2)
ONE, TWO, THREE = (f"{name}-{os.getpid()}" for name in ("one", "two", "three"))
"""Docker is one for all checkouts, and so are the names of its projects."""


@dataclass(frozen=True)
class Pair:
    """Two stacks that were started by name and port."""

    checkout: Checkout
    engine: str
    ports: tuple[int, int]

    def up(self, name: str, port: int) -> Done:
        place = ("--name", name, "--port", port)
        return self.checkout.lab("up", "--engine", self.engine, *place, "--replicas", 1)

    def lab(self, *arguments: object) -> Done:
        return self.checkout.lab(*arguments)


@pytest.fixture
def pair(checkout: Checkout, engine: str) -> Iterator[Pair]:
    yield Pair(checkout, engine, (free_port(), free_port()))
    checkout.lab("down", "--all")


def release_at(port: int) -> str | None:
    answer = requests.get(f"http://127.0.0.1:{port}/", timeout=10)
    return answer.headers.get("X-Release") if answer.ok else None


def verdict_of(done: Done) -> str:
    assert all(line.startswith("» ") for line in done.err.splitlines()), done.err
    return str(json.loads(done.out)["verdict"])


def refusal(done: Done, code: int = 64) -> str:
    """The one line that a command refuses with."""
    assert done.code == code, done
    assert done.out == ""
    (line,) = done.complaints
    return line.removeprefix("lab: ")


def kill_gateway(checkout: Checkout, engine: str, name: str) -> None:
    """As a crash does."""
    if engine == "compose":
        command = ["docker", "kill", f"skewproof-{name}-gateway-1"]
        subprocess.run(command, check=True, capture_output=True)
    else:
        Processes(checkout.work / name).send("gateway", signal.SIGKILL)


@pytest.mark.parametrize("engine", ON_FIRST, indirect=True)
def test_two_stacks_stay_up_and_are_rolled_probed_routed_and_taken_down(pair: Pair) -> None:
    one, two = pair.ports
    for name, port in ((ONE, one), (TWO, two)):
        done = pair.up(name, port)
        assert (done.code, done.out) == (0, f"http://127.0.0.1:{port}/\n"), done.err
        assert done.err.endswith(f"» explore it: http://127.0.0.1:{port}/lab/\n")
    assert pair.checkout.stacks() == [ONE, TWO]

    assert f"stack {ONE} is already up: choose another --name" in refusal(pair.up(ONE, two))
    assert refusal(pair.up(THREE, one), 69).startswith(f"port {one} of 127.0.0.1 is in use")
    again = refusal(pair.lab("rollback", "--name", ONE))
    assert again.startswith(f"release v2 is not published on stack {ONE}, ")
    nobody = refusal(pair.lab("route", "--name", ONE, "v1=50,v2=50"))
    assert nobody == f"stack {ONE} has no replica of v2 that could serve (there is: v1)"

    assert verdict_of(pair.lab("rollout", "--name", ONE, *FEW, "--json")) == "PASS"
    assert (release_at(one), release_at(two)) == ("v2", "v1")
    assert verdict_of(pair.lab("rollback", "--name", ONE, *FEW, "--json")) == "PASS"
    assert (release_at(one), release_at(two)) == ("v1", "v1")
    assert verdict_of(pair.lab("probe", "--name", ONE, "--json")) == "PASS"
    assert pair.lab("route", "--name", ONE, "v1=100").code == 0
    recycled = pair.lab("recycle", "v1", "--name", ONE)
    assert (recycled.code, recycled.out) == (0, "")
    assert re.fullmatch(r"» recycling the workers of \S*web-v1-\d+\n", recycled.err)
    nobody = refusal(pair.lab("recycle", "v2", "--name", ONE))
    assert nobody == f"stack {ONE} has no replica of v2 that could serve (there is: v1)"

    kill_gateway(pair.checkout, pair.engine, TWO)
    for command in (["rollout"], ["probe"], ["route", "v1=100"], ["recycle"]):
        half = refusal(pair.lab(*command, "--name", TWO))
        assert half.startswith(f"stack {TWO} is half up (")
        assert "gateway" in half
        assert half.endswith(f'take it down with "lab down --name {TWO}"')

    assert pair.lab("down", "--all").code == 0
    assert not pair.checkout.left()
    assert pair.lab("down", "--name", ONE).err == f"» no stack {ONE} is up (there is: none)\n"


def test_a_stack_outlives_an_interrupted_rollout_and_not_an_interrupted_down(
    checkout: Checkout, one_engine: str, port: int, tmp_path: Path
) -> None:
    pair = Pair(checkout, one_engine, [port])
    assert pair.up(ONE, port).code == 0
    lab = pair.checkout.start("rollout", "--name", ONE, *FEW, "--json")
    lab.wait_for("» publishing v2")
    lab.interrupt()
    done = lab.end()
    assert (done.code, done.to_json()["verdict"]) == (2, "UNKNOWN")
    assert pair.checkout.stacks() == [ONE]

    foreign = pair.lab("probe", f"http://127.0.0.1:{port}/", "--json")
    assert verdict_of(foreign) == "PASS"
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(Path(foreign.to_json()["history"]).read_bytes()[:-100])
    assert pair.lab("check", torn).code == 2

    lab = pair.checkout.start("down", "--name", ONE)
    lab.wait_for(f"» taking {ONE} down")
    lab.interrupt()
    assert lab.end().code in (0, 2)  # it may have been through when the signal came
    assert not pair.checkout.left()


def test_what_was_never_started_cannot_be_used(checkout: Checkout) -> None:
    line = refusal(checkout.lab("route", "--name", "nobody", "v1=100"))
    assert line == 'no stack nobody is up (there is: none); start one with "lab up"'
