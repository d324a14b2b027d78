"""`lab report`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from lab import checkout
from lab.commands.options import example
from lab.errors import UnavailableError, describe
from lab.judge.verdict import EXIT_CODES
from lab.report.document import Chapter, Report, write_report
from lab.report.junit import render_junit
from lab.report.markdown import render_markdown
from lab.report.page import render_page
from lab.report.sources import count_cells, find_run, find_sources


def render_json(report: Report) -> str:
    """The report as an object."""
    document = {
        "verdict": str(report.status),
        "why": report.why,
        "runs": [chapter_to_json(each) for each in report.chapters],
    }
    return json.dumps(document, indent=1) + "\n"


def chapter_to_json(chapter: Chapter) -> dict[str, object]:
    """A run as an object."""
    return {
        "name": chapter.name,
        "title": chapter.title,
        "status": str(chapter.status),
        "cell": chapter.cell.to_json() if chapter.cell else None,
        "missing": chapter.missing,
        "verdict": chapter.verdict.to_json() if chapter.verdict else None,
        "sightings": asdict(chapter.sightings) if chapter.sightings else None,
        "serving": asdict(chapter.serving) if chapter.serving else None,
        "events": [asdict(mark) for mark in chapter.marks],
    }


FORMATS = {
    "html": render_page,
    "md": render_markdown,
    "json": render_json,
    "junit": render_junit,
}


@click.command(
    epilog=example(
        "lab report 20261123-190000",
        "lab report .lab/lab/20261123-160000-rollout.jsonl --output rollout.html",
        "lab report 20261123-190000 --format junit --output matrix.xml",
    )
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS]),
    default="html",
    show_default=True,
    help="A page to look at, or text for others to read.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it; default report.html in the folder of a run, or a history's name with "
    ".html, and stdout for other formats.",
)
def report(runs: Sequence[str], form: str, output: Path | None) -> None:
    """Write what came of a run, as one page that needs nothing else.

    RUN is a run of the matrix, a history, or a folder of them; several become one report. The page
    has the matrix, and for each run its events, fetches, latency, traffic and replicas over time,
    and the evidence. The exit code is the verdict's.
    """
    found = write_report(find_sources(runs), count_cells(runs))
    text = FORMATS[form](found)
    if output is None and form == "html":
        output = beside(runs)
    if output is None:
        click.echo(text.encode("utf-8", "replace"), nl=False)
    else:
        write(output, text)
        click.echo(output)
    sys.exit(EXIT_CODES[found.status])


def beside(runs: Sequence[str]) -> Path:
    """Where a page goes: into the run's folder, of several into that of the lab."""
    if len(runs) > 1:
        return checkout.WORK / "report.html"
    run = find_run(runs[0])
    return run / "report.html" if run.is_dir() else run.with_suffix(".html")


def write(file: Path, text: str) -> None:
    """Write it whole or not at all; what no file can hold becomes a question mark.

    Raises:
        UnavailableError: it cannot be written there.
    """
    unfinished = file.with_name(f"{file.name}.new")
    try:
        unfinished.write_text(text, encoding="utf-8", errors="replace")
        unfinished.replace(file)
    except OSError as error:
        why = describe(error)
        message = f"report {file} cannot be written: {why}; name another place by --output"
        raise UnavailableError(message) from error
