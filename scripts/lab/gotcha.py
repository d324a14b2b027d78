"""The strategies side by side, with the shared manifest as the control that must fail."""

from __future__ import annotations

from collections.abc import Mapping

from lab import session
from lab.session import Interrupted, Order
from lab.stack import STRATEGIES, Say
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


def conclude(verdicts: Mapping[str, Verdict]) -> tuple[str, str]:
    """The outcome of the comparison, and why."""
    outcomes = {strategy: verdict.outcome for strategy, verdict in verdicts.items()}
    if outcomes.get(CONTROL) != "FAIL":
        return "UNKNOWN", f"the control, {CONTROL}, did not fail: this run proves nothing"
    if outcomes.get(CURE) == "FAIL":
        return "FAIL", f"{CURE} did not hold what it promises"
    if outcomes.get(CURE) != "PASS":
        return "UNKNOWN", f"{CURE} could not be judged"
    return "PASS", f"{CURE} passed where the control, {CONTROL}, failed"
