"""The strategies side by side, with the shared manifest as the control that must fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab import session
from lab.findings import Status
from lab.session import Interrupted, Order
from lab.stack import STRATEGIES, Say
from lab.verdict import Verdict, judge

CONTROL = "shared"
CURE = "skewproof"


def run_each(engine: str, visitors: int, say: Say) -> Iterator[tuple[str, Verdict]]:
    """Roll out under each strategy, each on a stack of its own; an interrupt ends it early."""
    for strategy in reversed(STRATEGIES):
        say(f"strategy {strategy}")
        order = Order("rollout", engine, name=None, strategy=strategy, visitors=visitors)
        try:
            verdict = judge(session.run(order, say))
        except Interrupted as stopped:
            yield strategy, judge(stopped.history)
            return
        yield strategy, verdict


def conclude(verdicts: Mapping[str, Verdict]) -> tuple[Status, str]:
    """The outcome of the comparison, and why."""
    status = {strategy: verdict.status for strategy, verdict in verdicts.items()}
    if missing := [strategy for strategy in STRATEGIES if strategy not in status]:
        return Status.UNKNOWN, f"stopped before {' and '.join(reversed(missing))}"
    if status[CONTROL] != Status.FAIL:
        return Status.UNKNOWN, f"the control, {CONTROL}, did not fail: this run proves nothing"
    if status[CURE] == Status.FAIL:
        return Status.FAIL, f"{CURE} did not hold what it promises"
    if status[CURE] != Status.PASS:
        return Status.UNKNOWN, f"{CURE} could not be judged"
    return Status.PASS, f"{CURE} passed where the control, {CONTROL}, failed"
