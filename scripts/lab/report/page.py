"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from lab.judge.findings import Finding
from lab.matrix.result import Result
from lab.matrix.scenarios import SCENARIOS
from lab.report.document import Chapter, Report
from lab.report.timeline import Table

HERE = Path(__file__).parent
CHARTS = {
    "fetches": "Fetches that came as they should, by release",
    "faults": "Fetches that did not, by release and kind",
    "latency": "Milliseconds until a page answered: median and 99th percentile",
    "weights": "Share of the traffic by release, in percent",
    "replicas": "Replicas by release",
}


def render_page(report: Report) -> str:
    """Return the page.

    What histories hold is text of external sites: the template escapes all of it, and the policy
    lets no script run but the page's own.
    """
    script = read_files("charts/uPlot.iife.min.js", "report.js")
    style = read_files("charts/uPlot.min.css", "charts/colours.css", "report.css")
    policy = (
        f"default-src 'none'; script-src '{name_source(script)}'; "
        f"style-src '{name_source(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    context = {
        "report": report,
        "policy": policy,
        "script": Markup(script),  # noqa: S704 - our own
        "style": Markup(style),  # noqa: S704 - our own
        "strategies": list(dict.fromkeys(cell.strategy for cell in report.cells)),
        "matrix": arrange_matrix(report),
        "chapters": [describe_chapter(each) for each in report.chapters],
        "is_open": len(report.chapters) == 1,
    }
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, keep_trailing_newline=True
    )
    return environment.get_template("page.html").render(context)


def read_files(*names: str) -> str:
    """Return the text of files of this package, one after another."""
    return "\n".join((HERE / name).read_text("utf-8").strip() for name in names)


def name_source(text: str) -> str:
    """Return what a Content-Security-Policy calls an inline script or style."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def arrange_matrix(report: Report) -> list[tuple[str, list[Chapter | None]]]:
    """Return scenarios in rows, strategies in columns."""
    at = {(each.cell.scenario, each.cell.strategy): each for each in report.chapters if each.cell}
    strategies = dict.fromkeys(cell.strategy for cell in report.cells)
    scenarios = dict.fromkeys(cell.scenario for cell in report.cells)
    return [
        (scenario, [at.get((scenario, strategy)) for strategy in strategies])
        for scenario in scenarios
    ]


def describe_chapter(chapter: Chapter) -> dict[str, Any]:
    """Return a chapter as the template needs it."""
    shown = [(float(table.rows[0][0] or 0), find_end(table)) for table in list_tables(chapter)]
    start = min([begin for begin, _end in shown] + [mark.t for mark in chapter.marks], default=0.0)
    end = max((end for _begin, end in shown), default=0.0)
    charts = [
        {
            "name": name,
            "table": f"{chapter.name}.{number}",
            "title": CHARTS[name],
            "label": describe_chart(table, name),
        }
        for number, table in enumerate(list_tables(chapter))
        for name in table.charts()
    ]
    return {
        "run": chapter,
        "what": describe_scenario(chapter.cell),
        "charts": charts,
        "findings": list(count_findings(chapter.verdict.findings)) if chapter.verdict else [],
        "tables": list_tables(chapter),
        "start": f"{start:g}",
        "end": f"{end:g}",
    }


def count_findings(findings: Iterable[Finding]) -> Iterator[tuple[Finding, str, str]]:
    """Yield what each checker found, and its counts for reading where there are any."""
    for each in findings:
        counts = (f"{each.judged:,}", f"{each.faults:,}") if each.judged else ("", "")
        yield (each, *counts)


def list_tables(chapter: Chapter) -> list[Table]:
    """Return the tables of a chapter that are not empty."""
    return [table for table in (chapter.sightings, chapter.serving) if table and table.rows]


def find_end(table: Table) -> float:
    """Return where a table ends, in seconds."""
    return float(table.rows[-1][0] or 0) + (table.step or 0)


def describe_chart(table: Table, chart: str) -> str:
    """Return what a chart shows, for those who do not see it."""
    shown = ", ".join(column.title for column in table.columns if column.chart == chart)
    step = f", in steps of {table.step:g} s" if table.step else ""
    top = f"{table.biggest(chart):g}"
    return f"{CHARTS[chart]}{step}: {shown}; at most {top}. The numbers are in a table below."


def describe_scenario(cell: Result | None) -> str | None:
    """Return a cell's scenario as a sentence."""
    scenario = SCENARIOS.get(cell.scenario) if cell else None
    return scenario.what[:1].upper() + scenario.what[1:] if scenario else None
