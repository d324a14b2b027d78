"""The strategies side by side, with the shared manifest as the control that must fail."""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge.verdict import Verdict, judge
from lab.runs import session
from lab.runs.recording import Interrupted
from lab.runs.request import RunRequest
from lab.stacks.model import Say
from lab.strategies import COMPARED


def run_each(engine: str, visitors: int, say: Say) -> Iterator[tuple[str, Verdict]]:
    """Roll out under each strategy, each on a stack of its own; an interrupt ends it early."""
    for strategy in reversed(COMPARED):
        say(f"strategy {strategy}")
        request = RunRequest("rollout", engine, name=None, strategy=strategy, visitors=visitors)
        try:
            verdict = judge(session.run(request, say))
        except Interrupted as stopped:
            yield strategy, judge(stopped.history)
            return
        yield strategy, verdict
