"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.template import Context, Engine
from django.utils.safestring import mark_safe

from lab.judge.findings import Finding
from lab.matrix.result import Result
from lab.matrix.scenarios import SCENARIOS
from lab.report.document import Chapter, Report
from lab.report.tables import Table

HERE = Path(__file__).parent
CHARTS = {
    "fetches": "Fetches that came as they should, by release",
    "faults": "Fetches that did not, by release and kind",
    "latency": "Milliseconds until a page answered: median and 99th percentile",
    "weights": "Share of the traffic by release, in percent",
    "replicas": "Replicas by release",
}


def render_page(report: Report) -> str:
    """Write the page.

    What histories hold is text of foreign sites: the template escapes all of it, and the policy
    lets no script run but the page's own.
    """
    script = read("uplot/uPlot.iife.min.js", "report.js")
    style = read("uplot/uPlot.min.css", "report.css")
    policy = (
        f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    context = {
        "report": report,
        "policy": policy,
        "script": mark_safe(script),  # noqa: S308 - our own
        "style": mark_safe(style),  # noqa: S308 - our own
        "strategies": list(dict.fromkeys(cell.strategy for cell in report.cells)),
        "matrix": matrix_rows(report),
        "chapters": [describe(each) for each in report.chapters],
        "is_open": len(report.chapters) == 1,
    }
    template = Engine(dirs=[str(HERE)], autoescape=True).get_template("page.html")
    return str(template.render(Context(context, use_l10n=False, use_tz=False)))


def read(*names: str) -> str:
    """Files of this package, one after another."""
    return "\n".join((HERE / name).read_text("utf-8").strip() for name in names)


def digest(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def matrix_rows(report: Report) -> list[tuple[str, list[Chapter | None]]]:
    """Scenarios in rows, strategies in columns."""
    at = {(each.cell.scenario, each.cell.strategy): each for each in report.chapters if each.cell}
    strategies = dict.fromkeys(cell.strategy for cell in report.cells)
    scenarios = dict.fromkeys(cell.scenario for cell in report.cells)
    return [
        (scenario, [at.get((scenario, strategy)) for strategy in strategies])
        for scenario in scenarios
    ]


def describe(chapter: Chapter) -> dict[str, Any]:
    """A chapter as the template needs it."""
    shown = [(float(table.rows[0][0] or 0), end_of(table)) for table in tables(chapter)]
    start = min([begin for begin, _end in shown] + [mark.t for mark in chapter.marks], default=0.0)
    end = max((end for _begin, end in shown), default=0.0)
    charts = [
        {
            "name": name,
            "table": f"{chapter.name}.{number}",
            "title": CHARTS[name],
            "label": label(table, name),
        }
        for number, table in enumerate(tables(chapter))
        for name in table.charts()
    ]
    return {
        "run": chapter,
        "what": what_happens(chapter.cell),
        "charts": charts,
        "findings": list(counted(chapter.verdict.findings)) if chapter.verdict else [],
        "tables": tables(chapter),
        "start": f"{start:g}",
        "end": f"{end:g}",
    }


def counted(findings: Iterable[Finding]) -> Iterator[tuple[Finding, str, str]]:
    """What each checker found, and its counts where there are any, for reading."""
    for each in findings:
        counts = (f"{each.judged:,}", f"{each.faults:,}") if each.judged else ("", "")
        yield (each, *counts)


def tables(chapter: Chapter) -> list[Table]:
    """The tables of a chapter in which there is something."""
    return [table for table in (chapter.sightings, chapter.serving) if table and table.rows]


def end_of(table: Table) -> float:
    """Where a table ends, in seconds."""
    return float(table.rows[-1][0] or 0) + (table.step or 0)


def label(table: Table, chart: str) -> str:
    """What a chart is, for those who do not see it."""
    shown = ", ".join(column.title for column in table.columns if column.chart == chart)
    step = f", in steps of {table.step:g} s" if table.step else ""
    top = f"{table.biggest(chart):g}"
    return f"{CHARTS[chart]}{step}: {shown}; at most {top}. The numbers are in a table below."


def what_happens(cell: Result | None) -> str | None:
    """A cell's scenario in a sentence."""
    scenario = SCENARIOS.get(cell.scenario) if cell else None
    return scenario.what if scenario else None
