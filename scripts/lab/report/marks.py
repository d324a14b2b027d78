"""The events of a run, in words, as marks on its charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.history import Event, Run

MOST = 60
WIDTH = 160


@dataclass(frozen=True)
class Mark:
    """An event: when, and what."""

    t: float
    text: str

    @property
    def at(self) -> str:
        """When, for reading."""
        return f"{self.t:.2f}"


def mark_events(run: Run) -> tuple[Mark, ...]:
    """The first events that say something; the last mark says how many there are beside them."""
    marks = [
        Mark(round(event.t, 2), shorten(text))
        for event in run.events
        if (text := describe_event(event))
    ]
    if len(marks) > MOST:
        left = len(marks) - MOST
        marks[MOST:] = [Mark(marks[MOST].t, f"{left} more events are in the history")]
    return tuple(marks)


def shorten(text: str) -> str:
    """One line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def describe_event(event: Event) -> str | None:
    """An event in words; None for what a chart shows, or another event says."""
    release, detail = event.release, event.detail
    routed = event.event == "weights" and detail.get("routed")
    if event.event in ("serving", "pictured") or routed:
        return None
    match event.event:
        case "step":
            return str(detail.get("what"))
        case "weights":
            no = " is not given out: not all are ready" if "routed" in detail else ""
            return f"traffic {describe_shares(detail)}{no}"
        case "publish-started":
            return f"publish of {release} begins"
        case "publish-ended":
            code = f", exit code {detail.get('exit_code')}" if detail.get("exit_code") else ""
            return f"publish of {release} ends after {detail.get('seconds')} s{code}"
        case "rewritten":
            assets = detail.get("assets")
            count = len(assets) if isinstance(assets, list) else "?"
            return f"publish of {release} rewrote or deleted {count} of {detail.get('of')} assets"
        case "recycled":
            return f"fresh workers in {detail.get('replica')}"
        case "replica-started" | "replica-stopped":
            return f"{event.event.partition('-')[2]} {detail.get('replica')}"
        case "guard-checked" | "guard-stopped":
            return describe_guard(event)
    return " ".join(filter(None, [event.event, release, *iterate_details(detail)]))


def describe_guard(event: Event) -> str:
    """What a guard found, or stopped."""
    when, why = event.detail.get("when"), event.detail.get("why")
    if event.event == "guard-stopped":
        return f"guard stops the way to {event.release} {when}: {why}"
    return f"guard finds {event.release} {event.detail.get('verdict')} {when}"


def describe_shares(detail: Mapping[str, Any]) -> str:
    """Who gets which share of the traffic."""
    weights = detail.get("weights")
    if not isinstance(weights, Mapping):
        return "?"
    return ", ".join(f"{release} {weight}%" for release, weight in weights.items())


def iterate_details(detail: Mapping[str, Any]) -> Iterator[str]:
    """Whatever else an event says."""
    return (f"{name}={value}" for name, value in detail.items() if value is not None)
