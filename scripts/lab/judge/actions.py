"""The checker of what a publish did to what was being served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.judge.evidence import Checker, Evidence, Judgement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.history import Event, Run


PUBLISHING_ACTIONS = ("rollout",)
"""Actions that publish: where a history of one has no publish, something is missing."""


def judge_publishes(run: Run) -> Iterator[Judgement]:
    """Judge every publish: it may add, but neither rewrite nor delete what was there.

    Each has to have a `rewritten` event, with no assets in it when it touched none.
    """
    compared = {event.release for event in run.events if event.event == "rewritten"}
    for event in run.events:
        if event.event == "rewritten":
            touched = event.detail["assets"]
            yield from [judge_rewritten(event, asset) for asset in touched] or [Judgement()]
        elif event.event == "publish-started" and event.release not in compared:
            yield Judgement(doubt=f"nobody compared what the publish of {event.release} touched")


def excuse_without_publish(run: Run) -> str | None:
    """Return why there is nothing to judge: nothing was published, and nothing had to be."""
    published = any(event.event in ("publish-started", "rewritten") for event in run.events)
    if published or not run.header or run.header.action in PUBLISHING_ACTIONS:
        return None
    return "nothing was published"


def judge_rewritten(event: Event, touched: Mapping[str, Any]) -> Judgement:
    """Return the fault of an asset that a publish rewrote or deleted."""
    name, before, after = touched["asset"], touched["before"], touched["after"]
    did = f"rewrote {name} (of {before}, now of {after})" if after else f"deleted {name}"
    publish = f"the publish of {event.release}"
    sentence = f"by {event.t:.2f} s {publish} {did}; it should have left it alone"
    came = f"written again at {after}" if after else "deleted"
    kind = "rewritten" if after else "deleted"
    expected = f"as of {before}"
    return Judgement(
        evidence=Evidence(
            t=event.t,
            kind=kind,
            release=event.release,
            page=None,
            asset=name,
            came=came,
            expected=expected,
            sentence=sentence,
        )
    )


def judge_guard(run: Run) -> Iterator[Judgement]:
    """Judge each time that the guard looked or stopped the rollout, for whatever reason."""
    for event in run.events:
        verdict = event.detail.get("verdict")
        if event.event == "guard-stopped" and verdict == "FAIL":
            yield judge_stop(event)
        elif event.event == "guard-stopped":
            yield Judgement(doubt=str(event.detail["why"]))
        elif event.event == "guard-checked" and verdict == "PASS":
            yield Judgement()


def excuse_without_guard(run: Run) -> str | None:
    """Return why there is nothing to judge: the run had no guard."""
    guarded = any(event.event.startswith("guard-") for event in run.events)
    return None if guarded else "no guard"


def judge_stop(event: Event) -> Judgement:
    """Return the fault for which the guard stopped the rollout."""
    when, why = str(event.detail["when"]), str(event.detail["why"])
    sentence = f"at {event.t:.2f} s the guard stopped the way to {event.release} {when}"
    expected = "every page whole, before each step"
    return Judgement(
        evidence=Evidence(
            t=event.t,
            kind="stopped",
            release=event.release,
            page=None,
            asset=None,
            came=why,
            expected=expected,
            sentence=sentence,
        )
    )


def judge_rolls(run: Run) -> Iterator[Judgement]:
    """Judge each roll that an orchestrator carried out: where it ended, and how."""
    begun: Event | None = None
    for event in run.events:
        if event.event == "roll-ended" and begun:
            yield judge_end(event)
            begun = None
        elif event.event == "roll-started":
            if begun:
                yield Judgement(doubt=f"nobody saw the roll to {begun.release} end")
            begun = event
    if begun:
        yield Judgement(doubt=f"nobody saw the roll to {begun.release} end")


def excuse_without_roll(run: Run) -> str | None:
    """Return why there is nothing to judge: no orchestrator rolled, or the guard called it back."""
    if any(event.event == "guard-stopped" for event in run.events):
        return "the guard stopped the roll"
    rolled = any(event.event == "roll-started" for event in run.events)
    return None if rolled else "no orchestrator rolled"


def judge_end(event: Event) -> Judgement:
    """Return the fault of a roll that ended anywhere but at its target."""
    detail, target = event.detail, str(event.release)
    serves = detail["serves"]
    if detail["outcome"] == "done" and [*serves] == [target]:
        return Judgement()
    there = " and ".join(serves) or "nothing"
    why = f" ({detail['why']})" if detail.get("why") else ""
    sentence = (
        f"at {event.t:.2f} s the roll to {target} had ended, {detail['outcome']}{why}: "
        f"{there} served; it should have been {target}"
    )
    return Judgement(
        evidence=Evidence(
            t=event.t,
            kind=str(detail["outcome"]),
            release=event.release,
            page=None,
            asset=None,
            came=there,
            expected=target,
            sentence=sentence,
        )
    )


ROLL = Checker(
    name="reaches its target",
    promise="a roll ends where it was to go, and nothing else serves then",
    judge=judge_rolls,
    excuse=excuse_without_roll,
)
GUARD = Checker(
    name="guard content",
    promise="the guard finds every page whole before each step",
    judge=judge_guard,
    excuse=excuse_without_guard,
)
