"""A scenario: what happens in a deployment, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One verb of `lab.matrix.cell.Cell`, and what it is told."""

    verb: str
    release: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        told = [
            name if value is True else f"{name}={value}" for name, value in self.options.items()
        ]
        return " ".join(filter(None, [self.verb, self.release, *told])).replace("_", " ")


def step(verb: str, release: str | None = None, **options: object) -> Step:
    """A step, as one writes it down."""
    return Step(verb, release, options)


@dataclass(frozen=True)
class Scenario:
    """A sequence of steps, and what each strategy is expected to come to.

    Attributes:
        name: as one types it.
        what: it in a sentence.
        steps: what happens.
        fails: why a strategy fails, for those that do; the others are expected to pass.
        without: why a strategy has no such scenario.
        keeps_misses: whether the gateway's cache keeps a 404.
    """

    name: str
    what: str
    steps: tuple[Step, ...]
    fails: Mapping[str, str]
    without: Mapping[str, str] = field(default_factory=dict)
    keeps_misses: bool = False

    def expected(self, strategy: str) -> str:
        """PASS, FAIL or n/a."""
        if strategy in self.without:
            return "n/a"
        return "FAIL" if strategy in self.fails else "PASS"
