"""What happened over time: fetches and the time that pages took, traffic and replicas, events.

All of it stands in tables, and the page draws its charts from these. A history may have a hundred
thousand fetches, and a chart some hundred points: fetches are counted by steps of time, of which
there are at most `STEPS`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.history import Event, Fetch, Run
from lab.judge.evidence import is_refused
from lab.judge.tally import find_faulty
from lab.judge.verdict import Verdict

STEPS = 100
QUANTILES = (0.5, 0.99)
LONG = 1e9
"""Milliseconds that no page takes."""
OUTCOMES = {"right": "fetches", "wrong release": "faults", "broken": "faults", "refused": "faults"}
"""What may come of a fetch, and the chart that shows it."""
NAMELESS = "no release"
TONES = 4
"""Releases that have a tone of their own."""

Number = int | float | None


@dataclass(frozen=True)
class Column:
    """What a column says, the chart that shows it, and in which tone."""

    title: str
    chart: str
    tone: str


@dataclass(frozen=True)
class Table:
    """Numbers over time.

    Attributes:
        columns: beside the first, which has the time in seconds.
        rows: one for each step of time in which something happened; None where there is no number.
        step: seconds from one row to the next; None where a row holds until the next.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Number, ...], ...]
    step: float | None = None

    @property
    def title(self) -> str:
        """Return what the table has, for those who do not see the charts."""
        if self.step is None:
            return "Traffic and replicas by time"
        return f"Fetches and latency by time, in steps of {self.step:g} s"

    def charts(self) -> tuple[str, ...]:
        """Return the names of the charts that show the table."""
        return tuple(dict.fromkeys(column.chart for column in self.columns))

    def biggest(self, chart: str) -> float:
        """Return the greatest number that a chart shows."""
        wanted = [index for index, each in enumerate(self.columns, 1) if each.chart == chart]
        return max((row[index] or 0 for row in self.rows for index in wanted), default=0)


def drop_empty(columns: Sequence[Column], rows: Sequence[Sequence[Number]]) -> Table:
    """Return a table without the columns that have nothing but zeros."""
    kept = [index for index in range(1, len(columns) + 1) if any(row[index] for row in rows)]
    return Table(
        tuple(columns[index - 1] for index in kept),
        tuple((row[0], *(row[index] for index in kept)) for row in rows),
    )


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A fetch, or a part of another page that was already there, and what came of it."""

    t: float
    release: str
    outcome: str
    ms: float | None


def count_sightings(run: Run, verdict: Verdict) -> Table:
    """Count by steps of time, and tell the median and the 99th percentile of pages in each."""
    seen = list(iterate_sightings(run, verdict))
    step = choose_step(max((each.t for each in seen), default=0.0))
    counts: defaultdict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    times: defaultdict[int, list[float]] = defaultdict(list)
    for each in seen:
        counts[int(each.t / step)][each.release, each.outcome] += 1
        if each.ms is not None:
            times[int(each.t / step)].append(each.ms)
    releases = list_releases(run)
    keys = [(release, outcome) for outcome in OUTCOMES for release in releases]
    columns = [make_column(key, releases) for key in keys]
    columns += [
        Column(f"p{quantile * 100:g} ms", "latency", f"p{quantile * 100:g}")
        for quantile in QUANTILES
    ]
    rows: list[list[Number]] = [
        [
            round(number * step, 6),
            *(counted[key] for key in keys),
            *iterate_quantiles(times[number]),
        ]
        for number, counted in sorted(counts.items())
    ]
    return replace(drop_empty(columns, rows), step=step)


def iterate_sightings(run: Run, verdict: Verdict) -> Iterator[Sighting]:
    """Yield what came of each fetch, but for requests that ask for what no release has."""
    broken, wrong = find_faulty(verdict.findings)
    for index, fetch in enumerate(run.fetches):
        if fetch.how == "absent" or fetch.t < 0:
            continue
        if is_refused(fetch):
            if fetch.cached:
                continue
            outcome = "refused"
        elif index in broken:
            outcome = "broken"
        else:
            outcome = "wrong release" if index in wrong else "right"
        yield Sighting(
            t=fetch.t, release=fetch.release or NAMELESS, outcome=outcome, ms=measure_page(fetch)
        )


def list_releases(run: Run) -> list[str]:
    """Return the releases of a run, in order; last, what names none."""
    named = {fetch.release for fetch in run.fetches if fetch.release} | {*run.records} - {""}
    for event in run.events:
        named |= {
            *read_numbers(event.detail.get("weights")),
            *read_numbers(event.detail.get("replicas")),
        }
    return [*sorted(named), NAMELESS]


def measure_page(fetch: Fetch) -> float | None:
    """Return how long a page took, if the fetch is one of a page that came."""
    answer = fetch.answer
    if fetch.role != "page" or fetch.cached or answer.status is None:
        return None
    return answer.ms if isinstance(answer.ms, int | float) and 0 <= answer.ms < LONG else None


def choose_step(seconds: float) -> float:
    """Return the shortest of 0.1 s, 0.2 s, 0.5 s, 1 s … of which `STEPS` are enough."""
    exponent = -1
    while True:
        for factor in (1, 2, 5):
            step = float(f"{factor}e{exponent}")
            if seconds / step < STEPS:
                return step
        exponent += 1


def iterate_quantiles(times: Iterable[float]) -> Iterator[Number]:
    """Yield the quantiles, by nearest rank: of a few times the 99th percentile is the longest."""
    ranked = sorted(times)
    for quantile in QUANTILES:
        yield round(ranked[math.ceil(quantile * len(ranked)) - 1], 1) if ranked else None


def make_column(key: tuple[str, str], releases: list[str]) -> Column:
    """Return the column of a release and an outcome."""
    release, outcome = key
    tone = outcome.split()[0] if OUTCOMES[outcome] == "faults" else "release"
    return Column(
        f"{release} {outcome}", OUTCOMES[outcome], f"{tone}-{choose_tone(release, releases)}"
    )


def choose_tone(release: str, releases: list[str]) -> int:
    """Return the number of a release's tone."""
    return releases.index(release) % TONES


def tabulate_serving(run: Run) -> Table:
    """Return weights and replicas by release; a row holds until the next."""
    told = [
        (
            event.t,
            read_numbers(event.detail.get("weights")),
            read_numbers(event.detail.get("replicas")),
        )
        for event in run.events
        if event.event == "serving"
    ]
    releases = list_releases(run)
    columns = [
        Column(f"{release} {title}", chart, f"release-{choose_tone(release, releases)}")
        for chart, title in (("weights", "% of the traffic"), ("replicas", "replicas"))
        for release in releases
    ]
    rows: list[list[Number]] = [
        [
            round(t, 2),
            *(each.get(release, 0) for each in (weights, replicas) for release in releases),
        ]
        for t, weights, replicas in told
    ]
    return drop_empty(columns, rows)


def read_numbers(value: object) -> dict[str, int]:
    """Return the whole numbers of an object in a history, which may hold anything."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): number for name, number in value.items() if isinstance(number, int)}


MOST_MARKS = 60
MARK_WIDTH = 160


@dataclass(frozen=True)
class Mark:
    """An event: when, and what."""

    t: float
    text: str

    @property
    def at(self) -> str:
        """Return when it was, for reading."""
        return f"{self.t:.2f}"


def mark_events(run: Run) -> tuple[Mark, ...]:
    """Return the first events that say something; the last mark counts the others."""
    marks = [
        Mark(round(event.t, 2), shorten(text))
        for event in run.events
        if (text := describe_event(event))
    ]
    if len(marks) > MOST_MARKS:
        left = len(marks) - MOST_MARKS
        marks[MOST_MARKS:] = [Mark(marks[MOST_MARKS].t, f"{left} more events are in the history")]
    return tuple(marks)


def shorten(text: str) -> str:
    """Return a text on one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= MARK_WIDTH else f"{line[: MARK_WIDTH - 1]}…"


def describe_event(event: Event) -> str | None:
    """Return an event in words; None for what a chart shows, or another event says."""
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
    kind, _, did = event.event.partition("-")
    if did in DESCRIBED.get(kind, {}):
        return DESCRIBED[kind][did](event, did)
    return " ".join(filter(None, [event.event, release, *iterate_details(detail)]))


def describe_replica(event: Event, did: str) -> str:
    """Return what has become of a replica."""
    why, name = event.detail.get("why"), event.detail.get("replica")
    return f"{did} {name}: {why}" if why else f"{did} {name}"


def describe_roll(event: Event, did: str) -> str:
    """Return what an orchestrator was told, or how its roll ended."""
    if did != "ended":
        undone = " by undo" if event.detail.get("how") == "undo" else ""
        return f"roll to {event.release} {did}{undone}"
    why = f" ({event.detail['why']})" if event.detail.get("why") else ""
    return f"roll to {event.release} ended: {event.detail.get('outcome')}{why}"


def describe_guard(event: Event, did: str) -> str:
    """Return what a guard found, or stopped."""
    when, why = event.detail.get("when"), event.detail.get("why")
    if did == "stopped":
        return f"guard stops the way to {event.release} {when}: {why}"
    return f"guard finds {event.release} {event.detail.get('verdict')} {when}"


DESCRIBED: Mapping[str, Mapping[str, Callable[[Event, str], str]]] = {
    "replica": dict.fromkeys(("started", "ready", "unready", "lost", "stopped"), describe_replica),
    "roll": dict.fromkeys(("started", "paused", "resumed", "ended"), describe_roll),
    "guard": dict.fromkeys(("checked", "stopped"), describe_guard),
}
"""Events that are told in words of their own, by both halves of their name."""


def describe_shares(detail: Mapping[str, Any]) -> str:
    """Return which release gets which share of the traffic."""
    weights = detail.get("weights")
    if not isinstance(weights, Mapping):
        return "?"
    return ", ".join(f"{release} {weight}%" for release, weight in weights.items())


def iterate_details(detail: Mapping[str, Any]) -> Iterator[str]:
    """Yield whatever else an event says."""
    return (f"{name}={value}" for name, value in detail.items() if value is not None)
