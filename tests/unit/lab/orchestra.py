"""An orchestrator in a few lines: it takes one step each time that somebody looks at the roll."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.unit.lab.miniature import MiniatureEngine, MiniatureStack

from lab.errors import LabError
from lab.stacks.model import REPLICAS, Plan, Replica, Say
from lab.stacks.orchestrator import Outcome, Phase, Progress, Seen
from lab.stacks.state import State


@dataclass
class OrchestraStack(MiniatureStack):
    fate: str = "done"
    """What becomes of the next roll: done, stalled, rolled back, endless, or flapping."""
    replaces: bool = True
    """Whether a replica that was lost gets a successor."""
    tasks: list[Seen] = field(default_factory=list)
    outcome: Outcome = Outcome.DONE
    message: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """Which image was to serve, one after the other."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.numbers = itertools.count(1)
        self.script: Iterator[None] = iter(())

    def drawn(self, cookie: str) -> str:  # noqa: ARG002 - nobody can be pinned
        ready = [each.release for each in self.tasks if each.phase is Phase.READY]
        # In turns, two visitors and a guard that keep in step would each meet one replica only.
        return random.choice(ready)  # noqa: S311 - no secret

    def replicas(self, release: str) -> list[Replica]:
        return [
            Replica(release, each.name)
            for each in self.tasks
            if each.release == release and each.phase is Phase.READY
        ]

    def add(self, release: str, phase: Phase = Phase.STARTING) -> Seen:
        self.tasks.append(Seen(release=release, name=f"web.{next(self.numbers)}", phase=phase))
        return self.tasks[-1]

    def turn(self, task: Seen, phase: Phase, why: str = "") -> Seen:
        changed = replace(task, phase=phase, why=why)
        self.tasks[self.tasks.index(task)] = changed
        return changed

    def set_release(self, release: str, variables: Mapping[str, str]) -> None:
        self.tamper("set_release")
        self.told.append(release)
        self.variables = variables
        self.begin(release)

    def undo(self) -> None:
        self.tamper("undo")
        if len(self.told) < 2:
            raise LabError("there is nothing to go back to")
        self.told.append(self.told[-2])
        self.fate = "done"
        self.begin(self.told[-1])

    def begin(self, release: str) -> None:
        self.outcome, self.message = Outcome.ROLLING, ""
        self.script = {
            "done": self.roll,
            "flapping": self.flap,
            "stalled": self.stall,
            "rolled back": self.give_up,
            "endless": self.dither,
        }[self.fate](release)

    def roll(self, release: str) -> Iterator[None]:
        for old in [each for each in self.tasks if each.release != release]:
            if old.phase is Phase.READY:
                if len(self.replicas(release)) < REPLICAS:
                    new = self.add(release)
                    yield
                    self.turn(new, Phase.READY)
                    yield
                old = self.turn(old, Phase.LEAVING)
                yield
            self.tasks.remove(old)
            yield
        self.outcome = Outcome.DONE

    def flap(self, release: str) -> Iterator[None]:
        new = self.turn(self.add(release), Phase.READY)
        yield
        new = self.turn(new, Phase.STARTING)
        yield
        self.turn(new, Phase.LEAVING)
        yield from self.roll(release)
        self.tasks = [each for each in self.tasks if each.phase is Phase.READY]

    def stall(self, release: str) -> Iterator[None]:
        new = self.add(release)
        yield
        self.turn(new, Phase.STARTING, "readiness probe failed")
        yield
        self.outcome, self.message = Outcome.STALLED, "the deadline was exceeded"

    def give_up(self, release: str) -> Iterator[None]:
        new = self.add(release)
        yield
        self.tasks.remove(new)
        self.outcome, self.message = Outcome.ROLLED_BACK, "task: non-zero exit (78)"

    def dither(self, release: str) -> Iterator[None]:
        for number in itertools.count():
            new = self.turn(self.add(release), Phase.STARTING, f"attempt {number}")
            yield
            self.tasks.remove(new)
            yield

    def pause(self) -> None:
        self.tamper("pause")
        self.outcome = Outcome.PAUSED

    def resume(self) -> None:
        self.tamper("resume")
        self.outcome = Outcome.ROLLING

    def lose(self, replica: Replica) -> None:
        self.tamper("lose")
        self.script = self.succeed(replica)

    def recycle(self, replica: Replica) -> None:
        assert replica.name in [each.name for each in self.tasks]
        self.tamper("recycle")

    def succeed(self, replica: Replica) -> Iterator[None]:
        (old,) = [each for each in self.tasks if each.name == replica.name]
        self.tasks.remove(old)
        yield
        if self.replaces:
            new = self.add(old.release)
            yield
            self.turn(new, Phase.READY)

    def progress(self) -> Progress:
        self.tamper("progress")
        if self.outcome is not Outcome.PAUSED:
            next(self.script, None)
        return Progress(replicas=(*self.tasks,), outcome=self.outcome, message=self.message)


class OrchestraEngine(MiniatureEngine):
    """Goes by the name of one whose scenarios can be asked for."""

    name = "swarm"
    fate = "done"
    replaces = True

    def up(self, plan: Plan, say: Say) -> OrchestraStack:  # noqa: ARG002 - a step is as good as none
        state = State(name=plan.name, engine=self.name, strategy=plan.strategy, port=plan.port)
        state.claim()
        stack = self.stacks[state.name] = OrchestraStack(
            state, self.tamper, fate=self.fate, replaces=self.replaces, forgotten=self.forgotten
        )
        (serves,) = plan.weights
        for release in plan.publishes:
            stack.publish(release)
            stack.told.append(release)
        for _ in range(REPLICAS):
            stack.add(serves, Phase.READY)
        stack.start_gateway(plan.weights)
        return stack
