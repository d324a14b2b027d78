"""The checker of what a guard saw before the steps of a rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .evidence import Checker, Evidence, Judged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.history import Event, Run


def guard_content(run: Run) -> Iterator[Judged]:
    """Judge every look of the guard, and every stop, also one that had another reason."""
    for event in run.events:
        verdict = event.detail.get("verdict")
        if event.event == "guard-stopped" and verdict == "FAIL":
            yield _stopped(event)
        elif event.event == "guard-stopped":
            yield Judged(doubt=str(event.detail["why"]))
        elif event.event == "guard-checked" and verdict == "PASS":
            yield Judged()


def excuse_without_guard(run: Run) -> str | None:
    """Return why there is nothing to judge: nobody stood guard."""
    guarded = any(event.event.startswith("guard-") for event in run.events)
    return None if guarded else "no guard"


def _stopped(event: Event) -> Judged:
    when, why = str(event.detail["when"]), str(event.detail["why"])
    sentence = f"at {event.t:.2f} s the guard stopped the way to {event.release} {when}"
    expected = "every page whole, before each step"
    return Judged(
        evidence=Evidence(event.t, "stopped", event.release, None, None, why, expected, sentence)
    )


GUARD = Checker(
    "guard content",
    "the guard finds every page whole before each step",
    guard_content,
    excuse_without_guard,
)
