"""What visitors got over time: fetches by release and verdict, and how long pages took.

A history may have a hundred thousand fetches, and a chart some hundred points: they are counted by
steps of time, of which there are at most `STEPS`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lab.history import Fetch, Run
from lab.judge.evidence import is_refused
from lab.judge.tally import faults_of
from lab.judge.verdict import Verdict
from lab.report.tables import Column, Number, Table, without_empty

STEPS = 100
QUANTILES = (0.5, 0.99)
LONG = 1e9
"""Milliseconds that no page takes."""
OUTCOMES = {"right": "fetches", "wrong release": "faults", "broken": "faults", "refused": "faults"}
"""What may come of a fetch, and the chart that shows it."""
NAMELESS = "no release"
TONES = 4
"""Releases that have a tone of their own."""


@dataclass(frozen=True)
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
    releases = releases_of(run)
    keys = [(release, outcome) for outcome in OUTCOMES for release in releases]
    columns = [column(key, releases) for key in keys]
    columns += [
        Column(f"p{quantile * 100:g} ms", "latency", f"p{quantile * 100:g}")
        for quantile in QUANTILES
    ]
    rows: list[list[Number]] = [
        [round(number * step, 6), *(counted[key] for key in keys), *latencies(times[number])]
        for number, counted in sorted(counts.items())
    ]
    return replace(without_empty(columns, rows), step=step)


def iterate_sightings(run: Run, verdict: Verdict) -> Iterator[Sighting]:
    """Whatever was judged of each fetch; requests for what no release has are left out."""
    broken, wrong = faults_of(verdict.findings)
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
        yield Sighting(fetch.t, fetch.release or NAMELESS, outcome, page_time(fetch))


def releases_of(run: Run) -> list[str]:
    """The releases of a run, in order; last, what names none."""
    named = {fetch.release for fetch in run.fetches if fetch.release} | {*run.records} - {""}
    for event in run.events:
        named |= {*numbers(event.detail.get("weights")), *numbers(event.detail.get("replicas"))}
    return [*sorted(named), NAMELESS]


def page_time(fetch: Fetch) -> float | None:
    """How long a page took, if it is one that came."""
    answer = fetch.answer
    if fetch.role != "page" or fetch.cached or answer.status is None:
        return None
    return answer.ms if isinstance(answer.ms, int | float) and 0 <= answer.ms < LONG else None


def choose_step(seconds: float) -> float:
    """The shortest of 0.1 s, 0.2 s, 0.5 s, 1 s … of which no more than `STEPS` are needed."""
    exponent = -1
    while True:
        for factor in (1, 2, 5):
            step = float(f"{factor}e{exponent}")
            if seconds / step < STEPS:
                return step
        exponent += 1


def latencies(times: Iterable[float]) -> Iterator[Number]:
    """The quantiles, by nearest rank: of a few times the 99th percentile is the longest."""
    ranked = sorted(times)
    for quantile in QUANTILES:
        yield round(ranked[math.ceil(quantile * len(ranked)) - 1], 1) if ranked else None


def column(key: tuple[str, str], releases: list[str]) -> Column:
    """The column of a release and an outcome."""
    release, outcome = key
    tone = outcome.split()[0] if OUTCOMES[outcome] == "faults" else "release"
    return Column(f"{release} {outcome}", OUTCOMES[outcome], f"{tone}-{tone_of(release, releases)}")


def tone_of(release: str, releases: list[str]) -> int:
    """The number of a release's tone."""
    return releases.index(release) % TONES


def serving_over_time(run: Run) -> Table:
    """Weights and replicas by release, as the history says them; a row holds until the next."""
    told = [
        (event.t, numbers(event.detail.get("weights")), numbers(event.detail.get("replicas")))
        for event in run.events
        if event.event == "serving"
    ]
    releases = releases_of(run)
    columns = [
        Column(f"{release} {title}", chart, f"release-{tone_of(release, releases)}")
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
    return without_empty(columns, rows)


def numbers(value: object) -> dict[str, int]:
    """The whole numbers of an object in a history, which may hold anything."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): number for name, number in value.items() if isinstance(number, int)}
