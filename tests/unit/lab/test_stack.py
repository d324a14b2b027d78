"""The one Stack: what it asks of a machine, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import UnavailableError
from lab.stacks import stack as stacks
from lab.stacks.model import Plan, Publish, Replica
from lab.stacks.stack import Stack, start
from lab.stacks.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class MachineDouble:
    """Remembers what it was asked for; a part in `broken` does not run, a verb in it fails."""

    store = "a store"

    def __init__(self, state: State) -> None:
        self.state = state
        self.asked: list[str] = []
        self.running: list[Replica] = []
        self.broken: set[str] = set()
        self.silent: set[str] = set()

    def note(self, what: str) -> None:
        self.asked.append(what)
        if what.partition(" ")[0] in self.broken:
            raise UnavailableError(f"{what} failed")

    def start_store(self) -> None:
        self.note("start_store")

    def collect(self, release: str, environment: Mapping[str, str] | None, *_: str) -> Publish:
        self.note(f"publish {release} {environment}")
        code = 1 if "exit" in self.broken else 0
        return Publish(release=release, exit_code=code, seconds=0.1, log="the end of it")

    def start_replica(self, release: str, environment: Mapping[str, str] | None) -> Replica:
        replica = Replica(release, f"{release}-{len(self.running) + 1}")
        self.note(f"start {replica.name} {environment}")
        self.running.append(replica)
        return replica

    def require_running(self, part: str) -> None:
        if part in self.broken:
            raise UnavailableError(f"{part} ended")

    def answers(self, replica: Replica, path: str) -> bool:
        self.note(f"ask {replica.name} {path}")
        return replica.name not in self.silent

    def find_servers(self, _release: str, replicas: Sequence[Replica]) -> list[str]:
        return [each.name for each in replicas]

    def replicas(self, release: str) -> list[Replica]:
        return [each for each in self.running if each.release == release]

    def stop_replica(self, replica: Replica) -> None:
        self.note(f"stop {replica.name}")
        self.running.remove(replica)

    def start_gateway(self, traffic: str) -> None:
        self.note("gateway " + servers(traffic))

    def tell_gateway(self, traffic: str) -> None:
        self.note("tell " + servers(traffic))

    def logs(self, part: str, _lines: int = 20) -> str:
        return f"what {part} wrote"

    def down(self) -> None:
        self.note("down")


def servers(traffic: str) -> str:
    """The servers in a traffic.conf, in order, and the shares."""
    words = traffic.replace(";", " ").split()
    names = [words[at + 1] for at, word in enumerate(words) if word == "server"]
    return ",".join(names + [word for word in words if word.endswith("%")])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> MachineDouble:
    monkeypatch.setattr(stacks, "is_ready", lambda _base: True)
    monkeypatch.setattr(stacks, "READY_SECONDS", 0.1)
    state = State(name="mine", engine="double", strategy="skewproof", port=1)
    state.claim()
    return MachineDouble(state)


def plan(**changes: Any) -> Plan:
    told: dict[str, Any] = {
        "name": "mine",
        "strategy": "skewproof",
        "port": 1,
        "weights": {"v1": 100},
        "publishes": ("v1",),
    }
    return Plan(**told | changes)


def begun(machine: MachineDouble, **changes: Any) -> Stack:
    """A stack that has started, whose machine has forgotten how."""
    stack = start(Stack(machine), plan(**changes), lambda _line: None)  # type: ignore[arg-type]
    machine.asked.clear()
    return stack


def test_a_stack_starts_in_the_order_of_the_compose_file(machine: MachineDouble) -> None:
    lines: list[str] = []
    stack = start(Stack(machine), plan(replicas=2), lines.append)  # type: ignore[arg-type]

    assert machine.asked == [
        "start_store",
        "publish v1 None",
        *("start v1-1 None", "ask v1-1 /readyz"),
        *("start v1-2 None", "ask v1-2 /readyz"),
        "gateway v1-1,v1-2",
    ]
    assert stack.weights == {"v1": 100}
    assert lines[0] == "starting a store"
    assert lines[-1] == "starting the gateway"


@pytest.mark.parametrize("fault", ["start_store", "publish", "exit", "start", "ask", "gateway"])
def test_a_start_that_fails_leaves_nothing(machine: MachineDouble, fault: str) -> None:
    machine.broken.add(fault)
    with pytest.raises(UnavailableError):
        start(Stack(machine), plan(), lambda _line: None)  # type: ignore[arg-type]
    assert machine.asked[-1] == "down"


def test_a_replica_that_is_ready_draws_its_share_at_once(machine: MachineDouble) -> None:
    begun(machine, replicas=1).add_replica("v1")
    assert machine.asked[-1] == "tell v1-1,v1-2"


def test_a_replica_of_a_release_without_a_share_draws_nothing(machine: MachineDouble) -> None:
    begun(machine, replicas=1).add_replica("v2")
    assert machine.asked == ["start v2-2 None", "ask v2-2 /readyz"]


def test_a_replica_leaves_the_traffic_before_it_is_stopped(machine: MachineDouble) -> None:
    stack = begun(machine)
    stack.drain(machine.running[0])
    assert machine.asked == ["tell v1-2", "stop v1-1"]


def test_the_last_replica_of_a_release_is_stopped_where_it_is(machine: MachineDouble) -> None:
    stack = begun(machine, replicas=1)
    stack.drain(machine.running[0])
    assert machine.asked == ["stop v1-1"]


def test_a_gateway_that_knows_it_already_is_not_told_again(machine: MachineDouble) -> None:
    stack = begun(machine, weights={"v1": 50, "v2": 50}, publishes=("v1", "v2"), replicas=1)
    stack.route({"v1": 50, "v2": 50})
    assert machine.asked == []
    stack.route({"v1": 10, "v2": 90})
    assert machine.asked == ["tell v1-1,v2-2,10%"]


def test_a_later_lab_knows_the_weights_and_tells_the_gateway(machine: MachineDouble) -> None:
    begun(machine, replicas=1)
    later = Stack(machine)  # type: ignore[arg-type]
    assert later.weights == {"v1": 100}
    later.add_replica("v1")
    assert machine.asked[-1] == "tell v1-1,v1-2"


def test_a_replica_that_ended_is_not_waited_for(machine: MachineDouble) -> None:
    stack = begun(machine, replicas=1)
    machine.broken.add("v1-2")
    with pytest.raises(UnavailableError, match="v1-2 ended"):
        stack.add_replica("v1")


def test_a_replica_that_is_never_ready_is_named_with_what_it_wrote(machine: MachineDouble) -> None:
    stack = begun(machine, replicas=1)
    machine.silent.add("v1-2")
    with pytest.raises(UnavailableError, match=r"v1-2 is not ready(.|\n)*what v1-2 wrote"):
        stack.add_replica("v1")
    assert not any(each.startswith("tell") for each in machine.asked)
