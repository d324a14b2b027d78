"""Verdicts as tables for a terminal: by release, by checker, side by side, and the matrix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lab.judge.findings import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import RenderableType

    from lab.history import Event
    from lab.judge.findings import Finding
    from lab.judge.latency import LoadPhase
    from lab.judge.tally import Tally
    from lab.judge.verdict import Verdict
    from lab.matrix.result import Result

STYLES: Mapping[Status, str] = {
    Status.PASS: "bold green",
    Status.FAIL: "bold red",
    Status.UNKNOWN: "bold yellow",
    Status.NOT_APPLICABLE: "dim",
}


def render_verdict(verdict: Verdict) -> Group:
    """Return a whole verdict: both tables, the evidence, the conclusion, the history."""
    parts: list[RenderableType] = [render_releases(verdict)]
    parts += [render_load(verdict.load)] if verdict.load else []
    parts += [render_guard(verdict.guard)] if verdict.guard else []
    parts.append(render_checkers(verdict))
    parts += [Padding(render_evidence(verdict), (0, 1))] if list_faulty(verdict) else []
    parts.append(render_conclusion(verdict))
    return Group(*parts)


def render_releases(verdict: Verdict) -> Table:
    """Return what the pages of each release met."""
    table = make_table("By release")
    table.add_column("release", no_wrap=True)
    columns = choose_columns(verdict.total)
    for title, _cell in columns:
        table.add_column(title, justify="right", no_wrap=True)
    shown = {release: tally for release, tally in verdict.releases.items() if says_something(tally)}
    for release, tally in shown.items():
        table.add_row(Text(release or "none named"), *(cell(tally) for _title, cell in columns))
    if len(shown) > 1:
        total = (cell(verdict.total) for _title, cell in columns)
        table.add_section()
        table.add_row("all", *total, style="bold")
    return table


def render_checkers(verdict: Verdict) -> Table:
    """Return what each checker concluded, and what was wrong by kind."""
    table = make_table("By checker")
    table.add_column("checker", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("judged", justify="right")
    table.add_column("faults", justify="right")
    table.add_column("what", ratio=1, overflow="fold")
    for finding in verdict.findings:
        counted = finding.judged > 0
        table.add_row(
            finding.checker,
            render_status(finding.status),
            f"{finding.judged:,}" if counted else "",
            render_bad(finding.faults) if counted else "",
            Text(finding.reason or list_kinds(finding)),
        )
    return table


def render_load(phases: Sequence[LoadPhase]) -> Table:
    """Return what a steady load met, at rest and while the stack rolled."""
    table = make_table("Under load")
    table.add_column("", no_wrap=True)
    for title in ("pages", "a second", "p50 ms", "p99 ms", "longest ms", "refused", "5xx"):
        table.add_column(title, justify="right", no_wrap=True)
    for phase in phases:
        times = (phase.p50, phase.p99, phase.longest)
        shown = ("" if each is None else f"{each:,.1f}" for each in times)
        faults = render_bad(phase.refused), render_bad(phase.errors)
        table.add_row(phase.name, f"{phase.pages:,}", f"{phase.rate:,.1f}", *shown, *faults)
    return table


def render_guard(events: Sequence[Event]) -> Table:
    """Return what a guard saw before each step, the moment at which it stopped, the way back."""
    table = make_table("Guard")
    table.add_column("at s", justify="right", no_wrap=True)
    table.add_column("release", no_wrap=True)
    table.add_column("pages", justify="right")
    table.add_column("assets", justify="right")
    table.add_column("", no_wrap=True)
    table.add_column("when", ratio=1, overflow="fold")
    for event in events:
        detail = event.detail
        counts = (f"{detail[name]:,}" if name in detail else "" for name in ("pages", "assets"))
        done = "" if event.event == "guard-checked" else event.event.removeprefix("guard-")
        what = " ".join(filter(None, (done.replace("-", " "), detail.get("when"))))
        status = render_status(Status(detail["verdict"]))
        table.add_row(f"{event.t:.2f}", Text(event.release or ""), *counts, status, Text(what))
    return table


def render_side_by_side(verdicts: Mapping[str, Verdict]) -> Group:
    """Return several runs, a column each, and below it the first evidence of each."""
    table = make_table("Side by side")
    table.add_column("", no_wrap=True)
    for title in verdicts:
        table.add_column(title, justify="right")
    for title, cell in choose_columns(sum_tallies(verdicts)):
        table.add_row(
            title.replace("\n", " "), *(cell(verdict.total) for verdict in verdicts.values())
        )
    table.add_section()
    names = dict.fromkeys(
        finding.checker for verdict in verdicts.values() for finding in verdict.findings
    )
    for name in names:
        table.add_row(name, *(render_brief(verdict.finding(name)) for verdict in verdicts.values()))
    table.add_section()
    table.add_row("verdict", *(render_status(verdict.status) for verdict in verdicts.values()))
    evidence = [
        Group(Text(title, style="bold"), Padding(render_evidence(verdict), (0, 0, 0, 2)))
        for title, verdict in verdicts.items()
        if list_faulty(verdict)
    ]
    return Group(table, *evidence)


def make_table(title: str) -> Table:
    """Return an empty table with a title, in the one form that all have."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
    )


def choose_columns(total: Tally) -> list[tuple[str, Callable[[Tally], RenderableType]]]:
    """Return the counts worth a column; watched assets only where some were watched."""
    columns: list[tuple[str, Callable[[Tally], RenderableType]]] = [
        ("pages", lambda tally: f"{tally.pages:,}"),
        ("broken\npages", lambda tally: render_bad(tally.broken_pages)),
        ("assets", lambda tally: f"{tally.assets:,}"),
        ("broken\nassets", lambda tally: render_bad(tally.broken_assets)),
        ("wrong\nrelease", lambda tally: render_bad(tally.wrong)),
        ("refused", lambda tally: render_bad(tally.refused)),
    ]
    if total.polls:
        columns.append(("polls", lambda tally: f"{tally.polls:,}"))
        columns.append(("failed\npolls", lambda tally: render_bad(tally.broken_polls)))
    return columns


def says_something(tally: Tally) -> bool:
    """Say whether a release met anything at all."""
    return bool(tally.pages or tally.assets or tally.polls or tally.refused)


def sum_tallies(verdicts: Mapping[str, Verdict]) -> Tally:
    """Return the sum over several runs."""
    totals = [verdict.total for verdict in verdicts.values()]
    return sum(totals[1:], totals[0])


def render_bad(count: int) -> Text:
    """Return a count of faults, red unless it is zero."""
    return Text(f"{count:,}", style="bold red" if count else "")


def render_status(status: Status) -> Text:
    """Return a status in its colour."""
    return Text(str(status), style=STYLES[status])


def list_kinds(finding: Finding) -> str:
    """Return the three commonest kinds of fault with their counts."""
    commonest = sorted(finding.kinds.items(), key=lambda item: -item[1])
    shown = [f"{count:,} x {kind}" for kind, count in commonest[:3]]
    return ", ".join(shown + ([f"{len(commonest) - 3} more kinds"] if len(commonest) > 3 else []))


def render_brief(finding: Finding) -> Text:
    """Return a checker's status and its count of faults."""
    text = render_status(finding.status)
    if finding.faults:
        text.append(f" {finding.faults:,}")
    return text


def list_faulty(verdict: Verdict) -> list[Finding]:
    """Return the findings that have evidence."""
    return [finding for finding in verdict.findings if finding.samples]


def render_evidence(verdict: Verdict, kinds: int = 2) -> Table:
    """Return for each checker the first evidence of the commonest kinds, and the last of all."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="red", no_wrap=True)
    table.add_column(overflow="fold")
    for finding in list_faulty(verdict):
        # A stylesheet of another release is what a person would see first.
        first = sorted(finding.samples, key=lambda kind: not kind.endswith("stylesheet"))
        shown = [finding.samples[kind] for kind in first[:kinds]]
        for number, evidence in enumerate(shown):
            table.add_row("" if number else finding.checker, Text(evidence.sentence))
        if finding.last and finding.last not in shown:
            table.add_row("", Text(f"last {finding.last.sentence}", style="dim"))
    return table


def render_conclusion(verdict: Verdict) -> Text:
    """Return the verdict, what ran and where its history is."""
    run, counts = verdict.header, verdict.total
    what = ""
    if run:
        what = f" {run.action} {f'with {run.strategy}' if run.strategy else f'of {run.base}'}"
    text = Text("\n").append_text(render_status(verdict.status))
    text.append(f"{what}: {counts.requests:,} requests, {counts.pages:,} pages")
    if verdict.history:
        text.append(f"\nhistory: {shorten_path(verdict.history)}", style="dim")
    return text


def shorten_path(file: str) -> str:
    """Return a path as one would type it here: a long one is broken over two lines."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def render_cells(results: Sequence[Result]) -> Group:
    """Return the evidence of what failed, and below it strategies in columns, scenarios in rows."""
    strategies = list(dict.fromkeys(each.strategy for each in results))
    scenarios = list(dict.fromkeys(each.scenario for each in results))
    cells = {(each.scenario, each.strategy): each for each in results}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    table.add_column("", no_wrap=True)
    for strategy in strategies:
        table.add_column(strategy.replace("-", "-\n"), justify="right")
    for scenario in scenarios:
        row = (cells.get((scenario, strategy)) for strategy in strategies)
        table.add_row(scenario, *(render_cell(each) if each else Text("") for each in row))
    return Group(*render_cell_evidence(results), table)


def render_cell(result: Result) -> Text:
    """Return a cell's status, with a mark where it is not what is expected."""
    text = Text(str(result.status), style=STYLES[result.status])
    return text.append(" !") if result.surprises else text


def render_cell_evidence(results: Sequence[Result]) -> list[RenderableType]:
    """Return the evidence at both ends of each cell that did not pass, and how much there is."""
    parts: list[RenderableType] = []
    for each in results:
        if each.status in (Status.FAIL, Status.UNKNOWN):
            lines = [f"seed {each.seed}, {describe_counts(each)}, {each.history or 'no history'}"]
            if each.surprises:
                lines.append(f"expected {each.expected}")
            lines += filter(None, dict.fromkeys((each.reason, each.first, each.last)))
            parts.append(Text(f"{each.strategy} x {each.scenario}", style="bold"))
            parts.append(Padding(Text("\n".join(lines)), (0, 0, 0, 2)))
    return parts


def describe_counts(result: Result) -> str:
    """Return how much a cell fetched, and how much of it was broken, by kind."""
    seen = f"{result.counts.get('pages', 0):,} pages, {result.counts.get('assets', 0):,} assets"
    kinds = (
        f"{checker}: {', '.join(f'{count:,} x {kind}' for kind, count in [*kinds.items()][:3])}"
        for checker, kinds in result.faults.items()
    )
    return "; ".join([seen, *kinds])
