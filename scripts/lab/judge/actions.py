"""The checker of what a publish did to what was being served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.judge.evidence import Checker, Evidence, Judged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.history import Event, Run


PUBLISHING_ACTIONS = ("rollout",)
"""Actions that publish, so that a history of one in which nobody does lacks something."""


def append_only(run: Run) -> Iterator[Judged]:
    """Judge every publish: it may add, but neither rewrite nor delete what was there.

    Each has to have a `rewritten` event, with no assets in it when it touched none.
    """
    compared = {event.release for event in run.events if event.event == "rewritten"}
    for event in run.events:
        if event.event == "rewritten":
            touched = event.detail["assets"]
            yield from [_rewritten(event, asset) for asset in touched] or [Judged()]
        elif event.event == "publish-started" and event.release not in compared:
            yield Judged(doubt=f"nobody compared what the publish of {event.release} touched")


def excuse_without_publish(run: Run) -> str | None:
    """Return why there is nothing to judge: nothing was published, nor had to be."""
    published = any(event.event in ("publish-started", "rewritten") for event in run.events)
    if published or not run.header or run.header.action in PUBLISHING_ACTIONS:
        return None
    return "nothing was published"


def _rewritten(event: Event, touched: Mapping[str, Any]) -> Judged:
    name, before, after = touched["asset"], touched["before"], touched["after"]
    did = f"rewrote {name} (of {before}, now of {after})" if after else f"deleted {name}"
    publish = f"the publish of {event.release}"
    sentence = f"by {event.t:.2f} s {publish} {did}; it should have left it alone"
    came = f"written again at {after}" if after else "deleted"
    kind = "rewritten" if after else "deleted"
    expected = f"as of {before}"
    return Judged(
        evidence=Evidence(event.t, kind, event.release, None, name, came, expected, sentence)
    )


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
