"""What a person asked for, and the rollout that fits it: on a stack that is up, or a new one."""

from __future__ import annotations

from dataclasses import dataclass

from lab.checkout import releases, require_release
from lab.errors import LabError
from lab.runs.rollout import Rollout
from lab.runs.scenarios import RollScenario
from lab.stacks.lifecycle import DEFAULT_NAME, serving
from lab.stacks.model import RunningStack


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a person asked for; None is "whatever fits"."""

    action: str
    engine: str = "auto"
    name: str | None = DEFAULT_NAME
    """A stack that is up is used; with None the run always has one of its own."""
    strategy: str | None = None
    source: str | None = None
    target: str | None = None
    visitors: int = 4
    guard: bool = False
    """Whether every page is looked at before each step."""
    scenario: RollScenario | None = None
    """What happens meanwhile, where an orchestrator replaces the replicas."""
    rate: float | None = None
    """Pages a second that a steady load asks for meanwhile."""

    @property
    def publishes(self) -> bool:
        """Say whether the target is published first; that of a rollback has been."""
        return self.action == "rollout"


def choose_rollout(request: RunRequest) -> Rollout:
    """Return the rollout that is asked for, on a new stack; by default between the first two.

    Raises:
        LabError: that is no way.
    """
    first = releases()[0]
    source = require_release(
        request.source or (first if request.publishes else find_neighbour(first, request))
    )
    target = require_release(request.target or find_neighbour(source, request))
    if source == target:
        raise LabError(f"a {request.action} from {source} to {target} goes nowhere: name another")
    return Rollout(source, target, request.publishes)


def find_neighbour(release: str, request: RunRequest) -> str:
    """Return the next release, for a rollback the one before; at the end, the other way.

    Raises:
        LabError: it is the only one.
    """
    before, after = split_at(release)
    there = [*after, *before] if request.publishes else [*before, *after]
    if not there:
        raise LabError(f"{release} is the only release in app/releases: there is none to go to")
    return there[0]


def split_at(release: str) -> tuple[list[str], list[str]]:
    """Return the releases before one, and those after it, the nearest first."""
    known = releases()
    index = known.index(release)
    return [*known[:index][::-1]], [*known[index + 1 :]]


def fit_rollout(request: RunRequest, stack: RunningStack) -> Rollout:
    """Fit what was asked for to the stack that is up.

    Raises:
        LabError: it does not fit.
    """
    now = serving(stack)
    if len(now) != 1:
        raise LabError(
            f"stack {stack.name} serves {' and '.join(now) or 'nothing'}, but a {request.action} "
            f'begins with one release: take it down with "lab down --name {stack.name}"'
        )
    target = require_release(request.target or find_neighbour(now[0], request))
    if request.strategy not in (None, stack.strategy):
        raise LabError(
            f"stack {stack.name} has the strategy {stack.strategy}, not {request.strategy}"
        )
    if request.source not in (None, now[0]) or target == now[0]:
        source = request.source or now[0]
        raise LabError(
            f"stack {stack.name} serves {now[0]}: it cannot go from {source} to {target}"
        )
    return Rollout(now[0], target, request.publishes)
