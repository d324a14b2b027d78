"""What a person asked for, and the rollout that fits it: on a stack that is up, or a new one."""

from __future__ import annotations

from dataclasses import dataclass

from lab.checkout import releases, require_release
from lab.errors import LabError
from lab.runs.rollout import Rollout
from lab.stacks.lifecycle import DEFAULT_NAME, serving
from lab.stacks.stack import Stack


@dataclass(frozen=True)
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
    rate: float | None = None
    """Pages a second that a steady load asks for meanwhile."""

    @property
    def publishes(self) -> bool:
        """A rollback goes to what has been published before."""
        return self.action == "rollout"


def choose_rollout(request: RunRequest) -> Rollout:
    """From where to where, when nothing serves yet: from the first release to the second, or back.

    Raises:
        LabError: that is no way.
    """
    first = releases()[0]
    source = require_release(
        request.source or (first if request.publishes else beside(first, request))
    )
    target = require_release(request.target or beside(source, request))
    if source == target:
        raise LabError(f"a {request.action} from {source} to {target} goes nowhere: name another")
    return Rollout(source, target, request.publishes)


def beside(release: str, request: RunRequest) -> str:
    """The release after it, for a rollback the one before it; at the end the one on the other side.

    Raises:
        LabError: it is the only one.
    """
    before, after = split_at(release)
    there = [*after, *before] if request.publishes else [*before, *after]
    if not there:
        raise LabError(f"{release} is the only release in app/releases: there is none to go to")
    return there[0]


def split_at(release: str) -> tuple[list[str], list[str]]:
    """The releases before one, and those after it, the nearest first."""
    known = releases()
    index = known.index(release)
    return [*known[:index][::-1]], [*known[index + 1 :]]


def fit(request: RunRequest, stack: Stack) -> Rollout:
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
    target = require_release(request.target or beside(now[0], request))
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
