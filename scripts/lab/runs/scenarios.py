"""What may happen while an orchestrator rolls: scenarios, as data.

The scenarios of the other engines are the matrix's. Here a scenario is a list of verbs of the
`OrchestratedRoller`, and each is run as `lab rollout --scenario NAME`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RollScenario:
    """What is done on the way from one release to another.

    Attributes:
        name: as it is asked for.
        what: it in a few words.
        steps: verbs of the roller, in order; each ends when all visitors have seen what it did.
        pauses: whether it needs an orchestrator that can pause a roll.
    """

    name: str
    what: str
    steps: tuple[str, ...]
    pauses: bool = False


ROLLOUT = RollScenario(
    name="replica-lost",
    what="after the publish a replica of the old release is lost, and replaced",
    steps=("publish", "lose", "roll"),
)
"""What a rollout without a scenario is."""
ROLLBACK = RollScenario(
    name="rollback",
    what="the orchestrator's own way back",
    steps=("undo",),
)
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        ROLLOUT,
        RollScenario(
            name="lost-midway",
            what="in the middle of the roll a replica of the old release is lost, and replaced",
            steps=("publish", "hold", "lose", "let go"),
            pauses=True,
        ),
        RollScenario(
            name="scaled-midway",
            what="in the middle of the roll replicas of the old release are added",
            steps=("publish", "hold", "grow", "let go"),
            pauses=True,
        ),
        RollScenario(
            name="recycled-midway",
            what="in the middle of the roll the old release gets fresh workers, as after a crash",
            steps=("publish", "hold", "recycle", "let go"),
            pauses=True,
        ),
        RollScenario(
            name="undone",
            what="the roll is undone when it has come to its end",
            steps=("publish", "roll", "turn back"),
        ),
        RollScenario(
            name="never-published",
            what="the new release was never published",
            steps=("roll",),
        ),
        RollScenario(
            name="crashing",
            what="the new release ends as soon as it starts",
            steps=("publish", "crash"),
        ),
    )
}
"""Those that can be asked for."""
