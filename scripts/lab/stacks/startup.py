"""The order in which a stack starts: that of docker-compose.yml's `depends_on`, on every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from lab.errors import UnavailableError
from lab.stacks.model import Plan, Publish, Replica, Say


class Startable(Protocol):
    """The parts of a stack that has just been claimed."""

    store: str
    """What kind of S3 server it has."""

    def start_store(self) -> None:
        """Start the S3 server, and set its bucket up."""

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""

    def add_replica(self, release: str) -> Replica:
        """Start one more replica and wait until it is ready."""

    def start_gateway(self, weights: Mapping[str, int]) -> None:
        """Start the gateway and wait until it reaches a replica."""

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""


def start(stack: Startable, plan: Plan, say: Say) -> None:
    """Start what the plan names; whatever happens on the way, nothing of it is left.

    Raises:
        UnavailableError: a part did not start; with its last words.
    """
    try:
        say(f"starting {stack.store}")
        stack.start_store()
        for release in plan.publishes:
            say(f"publishing {release}")
            require_published(stack.publish(release))
        for release in plan.weights:
            for number in range(1, plan.replicas + 1):
                say(f"starting a replica of {release} ({number} of {plan.replicas})")
                stack.add_replica(release)
        say("starting the gateway")
        stack.start_gateway(plan.weights)
    except BaseException:
        stack.down()
        raise


def require_published(publish: Publish) -> None:
    """See that a publish ended well.

    Raises:
        UnavailableError: it did not; with the last lines that it wrote.
    """
    if publish.exit_code:
        raise UnavailableError(
            f"{publish.release} could not be published (exit code {publish.exit_code}); "
            f"its last words:\n{publish.log}"
        )
