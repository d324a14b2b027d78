"""The embedded engine: docker-compose.yml's topology as processes, from wheels alone."""

from __future__ import annotations

from collections.abc import Sequence

from lab.stacks.build import build_release, is_built
from lab.stacks.embedded import EmbeddedStack
from lab.stacks.model import Plan, Say
from lab.stacks.startup import start
from lab.stacks.state import State


class EmbeddedEngine:
    """Builds into .lab/build, runs under .lab/<stack>."""

    name = "embedded"

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Copy each release and do to the copy what app/Dockerfile does in its image."""
        for release in releases:
            say(f"building {release}")
            build_release(release)

    def built(self, release: str) -> bool:
        """Whether `lab build` has made the release."""
        return is_built(release)

    def up(self, plan: Plan, say: Say) -> EmbeddedStack:
        """Start the stack; what had been started is stopped when something fails."""
        state = State(plan.name, self.name, plan.strategy, plan.port)
        state.claim()
        stack = EmbeddedStack(state)
        start(stack, plan, say)
        return stack

    def attach(self, name: str) -> EmbeddedStack | None:
        """The stack that `up` wrote down."""
        state = State.load(name)
        return EmbeddedStack(state) if state and state.engine == self.name else None
