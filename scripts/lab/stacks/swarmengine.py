"""The engine swarm: the images of the engine compose, and a service that Swarm rolls."""

from __future__ import annotations

from collections.abc import Sequence

from lab.deadline import wait_until
from lab.errors import LabError, UnavailableError
from lab.stacks.compose import ComposeMachine
from lab.stacks.composeengine import ComposeEngine
from lab.stacks.composeproject import COMPOSE_FILE, READY_SECONDS, answered, require_compose
from lab.stacks.model import Plan, Say
from lab.stacks.stack import is_ready, require_success
from lab.stacks.state import State
from lab.stacks.swarm import OVERLAY, SwarmStack
from lab.stacks.swarmobjects import is_manager

INIT = "docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377"


class SwarmEngine:
    """Implements the Engine protocol."""

    name = "swarm"
    pauses = False

    def __init__(self) -> None:
        self.compose = ComposeEngine()
        self.client = self.compose.client

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Build the releases' images and those of store, set-up and gateway."""
        self.compose.build(releases, say)

    def is_built(self, release: str) -> bool:
        """Return whether the release's image is there."""
        return self.compose.is_built(release)

    @answered
    def require_swarm(self) -> None:
        """See that the Docker Engine is in swarm mode; the lab does not change that by itself.

        Raises:
            UnavailableError: it is not, or it is no manager.
        """
        if not is_manager(self.client):
            raise UnavailableError(
                f'the Docker Engine is no manager of a swarm: run "{INIT}" '
                '("docker swarm leave --force" ends that), or choose another --engine'
            )

    def claim(self, plan: Plan) -> SwarmStack:
        """Claim the name of a new stack, for which every image has to be there.

        Raises:
            LabError: the name is taken, an image is missing, or two releases were to serve.
        """
        if len(plan.weights) != 1:
            raise LabError(
                f"on swarm one release serves, not {' and '.join(plan.weights)}: "
                f'take --weights {next(iter(plan.weights))}=100, then "lab rollout"'
            )
        self.require_swarm()
        require_compose()
        self.compose.require_images()
        self.compose.require_new(plan.name)
        state = State(name=plan.name, engine=self.name, strategy=plan.strategy, port=plan.port)
        state.claim()
        return self.find(state)

    def find(self, state: State) -> SwarmStack:
        """Return a stack that has been claimed."""
        # One container of each release, which never runs: the service is made like it.
        machine = ComposeMachine(self.client, state, replicas=1)
        machine.files = (COMPOSE_FILE, OVERLAY)
        return SwarmStack(self.client, machine)

    def up(self, plan: Plan, say: Say) -> SwarmStack:
        """Start the stack; what had been started is stopped when something fails."""
        stack = self.claim(plan)
        try:
            self.start(stack, plan, say)
        except BaseException:
            stack.down()
            raise
        return stack

    def start(self, stack: SwarmStack, plan: Plan, say: Say) -> None:
        """Start what the plan names; Swarm rolls from one release to the next."""
        say(f"starting {stack.machine.store}")
        stack.machine.start_store()
        for release in plan.publishes:
            say(f"publishing {release}")
            require_success(stack.publish(release))
            if stack.find_service():
                say(f"setting the release {release}")
                stack.set_release(release, {})
            else:
                say(f"starting {plan.replicas} replicas of {release}")
                stack.create_service(release, plan.replicas)
            stack.await_rolled(release)
        say("starting the gateway")
        stack.machine.run_gateway()
        wait_until(
            lambda: is_ready(stack.base),
            READY_SECONDS,
            "the gateway is not ready",
            lambda: stack.logs("gateway"),
        )

    def attach(self, name: str) -> SwarmStack | None:
        """Return the stack that `up` wrote down."""
        state = State.load(name)
        return self.find(state) if state and state.engine == self.name else None
