"""`lab report`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from lab import checkout
from lab.commands.options import example
from lab.errors import UnavailableError, describe_error
from lab.judge.verdict import EXIT_CODES
from lab.report.document import make_report
from lab.report.forms import render_json, render_junit, render_markdown
from lab.report.page import render_page
from lab.report.sources import count_cells, find_run, find_sources

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
    found = make_report(find_sources(runs), count_cells(runs))
    text = FORMATS[form](found)
    if output is None and form == "html":
        output = choose_output(runs)
    if output is None:
        click.echo(text.encode("utf-8", "replace"), nl=False)
    else:
        write(output, text)
        click.echo(output)
    sys.exit(EXIT_CODES[found.status])


def choose_output(runs: Sequence[str]) -> Path:
    """Return where a page goes: the run's folder; for several runs, the lab's."""
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
        why = describe_error(error)
        message = f"report {file} cannot be written: {why}; name another place by --output"
        raise UnavailableError(message) from error
