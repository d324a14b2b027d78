"""The report as Markdown, for an issue or a summary of a CI run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lab.report.document import Chapter, Report
from lab.report.page import arrange_matrix, count_findings

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#|~&!])")


def render_markdown(report: Report) -> str:
    """Write the document."""
    return "\n".join(iterate_lines(report)) + "\n"


def iterate_lines(report: Report) -> Iterator[str]:
    """Write it line by line."""
    yield from ("# Skewproof report", "", f"**{report.status}**: {escape(report.why)}", "")
    if rows := arrange_matrix(report):
        yield from write_table(
            ["", *dict.fromkeys(cell.strategy for cell in report.cells)],
            ([scenario, *map(summarise_cell, row)] for scenario, row in rows),
        )
    for chapter in report.chapters:
        yield from iterate_chapter_lines(chapter)


def iterate_chapter_lines(chapter: Chapter) -> Iterator[str]:
    """One run."""
    yield from (f"## {escape(chapter.title)}: {chapter.status}", "")
    if chapter.cell and chapter.cell.reason:
        yield from (escape(chapter.cell.reason), "")
    if chapter.missing:
        yield from (escape(chapter.missing), "")
    if chapter.verdict is None:
        return
    yield from write_table(
        ["promise", "verdict", "judged", "faults", ""],
        (
            [each.promise, each.status, judged, faults, each.reason or ""]
            for each, judged, faults in count_findings(chapter.verdict.findings)
        ),
    )
    for title, lines in (
        ("Events", [f"{mark.t} s: {mark.text}" for mark in chapter.marks]),
        (
            "Evidence",
            [f"{each.times:,} times: {each.evidence.sentence}" for each in chapter.proofs],
        ),
    ):
        if lines:
            yield from (f"### {title}", "", *(f"- {escape(line)}" for line in lines), "")


def summarise_cell(chapter: Chapter | None) -> str:
    """A cell of the matrix; one that is a surprise has a mark."""
    if chapter is None:
        return ""
    return f"{chapter.status} !" if chapter.cell and chapter.cell.surprises else chapter.status


def write_table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """A table, and an empty line."""
    for number, row in enumerate([head, *rows]):
        yield f"| {' | '.join(map(escape, row))} |"
        if number == 0:
            yield f"|{' --- |' * len(head)}"
    yield ""


def escape(text: str) -> str:
    """A text that says in Markdown what it says, on one line: it may be of a foreign site."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))
