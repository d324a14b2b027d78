"""The strategies side by side, with the shared manifest as the control that must fail."""

from __future__ import annotations

from collections.abc import Mapping

from lab import session
from lab.session import Interrupted, Order
from lab.stack import STRATEGIES, Say
from lab.findings import Status
from lab.verdict import Verdict, judge

CONTROL = "shared"
CURE = "skewproof"


def run_all(engine: str, visitors: int, say: Say) -> dict[str, Verdict]:
    """Roll out once under each strategy, each on a stack of its own; an interrupt ends it early."""
    verdicts: dict[str, Verdict] = {}
    for strategy in reversed(STRATEGIES):
        say(f"strategy {strategy}")
        order = Order("rollout", engine, name=None, strategy=strategy, visitors=visitors)
        try:
            verdicts[strategy] = judge(session.run(order, say))
        except Interrupted as stopped:
            verdicts[strategy] = judge(stopped.history)
            break
    return verdicts


def conclude(verdicts: Mapping[str, Verdict]) -> tuple[Status, str]:
    """The outcome of the comparison, and why."""
    status = {strategy: verdict.status for strategy, verdict in verdicts.items()}
    if status.get(CONTROL) != Status.FAIL:
        return Status.UNKNOWN, f"the control, {CONTROL}, did not fail: this run proves nothing"
    if status.get(CURE) == Status.FAIL:
        return Status.FAIL, f"{CURE} did not hold what it promises"
    if status.get(CURE) != Status.PASS:
        return Status.UNKNOWN, f"{CURE} could not be judged"
    return Status.PASS, f"{CURE} passed where the control, {CONTROL}, failed"
