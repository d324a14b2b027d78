"""The one stack: who draws which share of the traffic, whatever machine runs its parts.

Below it stand the order in which it starts, and what the engines that have a machine share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import requests

from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.stacks.machine import Environment, Machine
from lab.stacks.model import Plan, Publish, Replica, Say
from lab.stacks.state import Recorded, State
from lab.stacks.traffic import render_traffic

READY_SECONDS = 60.0


class Stack(Recorded):
    """A store, the replicas of the releases, and a gateway before them.

    Attributes:
        machine: runs the parts.
        weights: percent of the requests by release, as the gateway has them.
    """

    start_path = "/readyz"
    """What a replica must answer before it counts as started."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.state: State = machine.state
        self.weights: dict[str, int] = self.state.details.get("weights", {})
        self.told: str | None = None
        """The traffic.conf that the gateway has, as far as this process knows."""

    def environment(self, release: str, role: str) -> Environment:  # noqa: ARG002 - as a subclass
        """Return the environment of a process of a release; None for docker-compose.yml's."""
        return None

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""
        return self.machine.collect(release, self.environment(release, "PUBLISHER"))

    def replicas(self, release: str) -> list[Replica]:
        """Return the release's running replicas, oldest first."""
        return self.machine.replicas(release)

    def members(self, release: str) -> list[Replica]:
        """Return the replicas that may draw traffic: all, as each was ready when it was added."""
        return self.replicas(release)

    def add_replica(self, release: str) -> Replica:
        """Start one more replica, wait for it, and let it draw its share of the traffic."""
        replica = self.machine.start_replica(release, self.environment(release, "WEB"))
        self.wait_for(replica.name, lambda: self.machine.answers(replica, self.start_path))
        if release in self.weights and replica in self.members(release):
            self.route(self.weights)
        return replica

    def recycle(self, replica: Replica) -> None:
        """Replace the replica's worker processes gracefully, as `max_requests` does."""
        self.machine.recycle(replica)

    def drain(self, replica: Replica) -> None:
        """Take the replica out of the traffic, then let it finish and stop."""
        others = [each for each in self.members(replica.release) if each != replica]
        if others and replica.release in self.weights:
            self.tell_gateway(self.traffic(self.weights, without=replica))
        self.machine.stop_replica(replica)

    def start_gateway(self, weights: Mapping[str, int]) -> None:
        """Start the gateway, and wait until it reaches a replica."""
        self.told = self.traffic(weights)
        self.run_gateway(self.told)
        self.keep(weights)
        self.wait_for("gateway", lambda: is_ready(self.base))

    def run_gateway(self, traffic: str) -> None:
        """Start the gateway as the image has it."""
        self.machine.start_gateway(traffic)

    def route(self, weights: Mapping[str, int]) -> None:
        """Give the traffic other weights, without dropping a connection."""
        self.tell_gateway(self.traffic(weights))
        self.keep(weights)

    def tell_gateway(self, traffic: str) -> None:
        """Put another traffic.conf in place, unless it is the one that is there."""
        if traffic != self.told:
            self.machine.tell_gateway(traffic)
            self.told = traffic

    def keep(self, weights: Mapping[str, int]) -> None:
        """Write the weights down for a later lab."""
        self.weights = dict(weights)
        self.state.keep(weights=self.weights)

    def traffic(self, weights: Mapping[str, int], without: Replica | None = None) -> str:
        """Return the gateway's traffic.conf for these weights and the members of this moment."""
        members = {
            release: [each for each in self.members(release) if each != without]
            for release in weights
        }
        servers = {
            release: self.machine.find_servers(release, replicas)
            for release, replicas in members.items()
        }
        return render_traffic(weights, servers)

    def wait_for(self, part: str, holds: Callable[[], bool], problem: str = "is not ready") -> None:
        """Wait until something holds; a part that has ended is not waited for."""

        def runs_and_holds() -> bool:
            self.machine.require_running(part)
            return holds()

        wait_until(runs_and_holds, READY_SECONDS, f"{part} {problem}", lambda: self.logs(part))

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every object of the store: key -> last_modified, etag, bytes."""
        return self.machine.inventory()

    def record(self, release: str) -> dict[str, Any]:
        """Return what the release's build wrote down: manifest and digests."""
        return self.machine.record(release)

    def logs(self, service: str, lines: int = 20) -> str:
        """Return the last lines that a service or a replica wrote."""
        return self.machine.logs(service, lines)

    def find_missing(self) -> list[str]:
        """Return the parts that should run and do not."""
        return self.machine.find_missing()

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""
        self.machine.down()


def start(stack: Stack, plan: Plan, say: Say) -> Stack:
    """Start what the plan names, in the order of docker-compose.yml's `depends_on`.

    Whatever happens on the way, nothing of it is left.

    Raises:
        UnavailableError: a part did not start; with the last lines that it wrote.
    """
    try:
        say(f"starting {stack.machine.store}")
        stack.machine.start_store()
        for release in plan.publishes:
            say(f"publishing {release}")
            require_success(stack.publish(release))
        for release in plan.weights:
            for number in range(1, plan.replicas + 1):
                say(f"starting a replica of {release} ({number} of {plan.replicas})")
                stack.add_replica(release)
        say("starting the gateway")
        stack.start_gateway(plan.weights)
    except BaseException:
        stack.down()
        raise
    return stack


def require_success(publish: Publish) -> None:
    """See that a publish ended well.

    Raises:
        UnavailableError: it did not; with the last lines that it wrote.
    """
    if publish.exit_code:
        raise UnavailableError(
            f"{publish.release} could not be published (exit code {publish.exit_code}); "
            f"its last words:\n{publish.log}"
        )


def is_ready(base: str) -> bool:
    """Return whether /readyz is answered with 200."""
    try:
        return requests.get(f"{base}readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


class MachineEngine(ABC):
    """An engine on whose machine the lab itself starts, replaces and stops the replicas."""

    name: str
    pauses = True

    @abstractmethod
    def build(self, releases: Sequence[str], say: Say) -> None:
        """Build the releases, and what serves them."""

    @abstractmethod
    def is_built(self, release: str) -> bool:
        """Return whether the release can be started."""

    @abstractmethod
    def claim(self, plan: Plan) -> Machine:
        """Claim the name of a new stack, and return what will run it.

        Raises:
            LabError: the name is taken, or something that has to be built is not.
        """

    @abstractmethod
    def find(self, state: State) -> Machine:
        """Return what runs a stack that has been claimed."""

    def up(self, plan: Plan, say: Say) -> Stack:
        """Start the stack; what had been started is stopped when something fails."""
        return start(Stack(self.claim(plan)), plan, say)

    def attach(self, name: str) -> Stack | None:
        """Return the stack that `up` wrote down."""
        state = State.load(name)
        return Stack(self.find(state)) if state and state.engine == self.name else None
