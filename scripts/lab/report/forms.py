"""The report as text that others read: JSON, Markdown and JUnit's XML.

Markdown is for an issue or the summary of a CI run, JUnit's XML for a CI system: it has a suite for
each strategy and a case for each scenario. A cell of a matrix is a failure when it is not what is
expected of it; of any other run, FAIL is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from xml.etree import ElementTree as Tree

from lab.history import show_plainly
from lab.judge.findings import Status
from lab.report.document import Chapter, Report
from lab.report.page import arrange_matrix, count_findings


def render_json(report: Report) -> str:
    """Return the report as JSON."""
    document = {
        "verdict": str(report.status),
        "why": report.why,
        "runs": [chapter_to_json(each) for each in report.chapters],
    }
    return json.dumps(document, indent=1) + "\n"


def chapter_to_json(chapter: Chapter) -> dict[str, object]:
    """Return a run as an object that `json.dumps` takes."""
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


SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#|~&!])")


def render_markdown(report: Report) -> str:
    """Return the report as Markdown."""
    return "\n".join(iterate_lines(report)) + "\n"


def iterate_lines(report: Report) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from ("# Skewproof report", "", f"**{report.status}**: {escape(report.why)}", "")
    if rows := arrange_matrix(report):
        yield from write_table(
            ["", *dict.fromkeys(cell.strategy for cell in report.cells)],
            ([scenario, *map(summarise_cell, row)] for scenario, row in rows),
        )
    for chapter in report.chapters:
        yield from iterate_chapter_lines(chapter)


def iterate_chapter_lines(chapter: Chapter) -> Iterator[str]:
    """Yield the lines of one run."""
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
    """Return a cell's status, with a mark where it is not what is expected."""
    if chapter is None:
        return ""
    return f"{chapter.status} !" if chapter.cell and chapter.cell.surprises else chapter.status


def write_table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """Yield the lines of a table, and an empty one."""
    for number, row in enumerate([head, *rows]):
        yield f"| {' | '.join(map(escape, row))} |"
        if number == 0:
            yield f"|{' --- |' * len(head)}"
    yield ""


def escape(text: str) -> str:
    """Return a text on one line, with what Markdown would take for markup escaped."""
    return SPECIAL.sub(r"\\\1", show_plainly(" ".join(text.split())))


def render_junit(report: Report) -> str:
    """Return the report as JUnit's XML."""
    suites: dict[str, list[Tree.Element]] = {}
    for chapter in report.chapters:
        suites.setdefault(name_suite(chapter), []).append(make_case(chapter))
    root = Tree.Element("testsuites", name="skewproof")
    for name, cases in suites.items():
        Tree.SubElement(root, "testsuite", {"name": name, **count_cases(cases)}).extend(cases)
    for name, number in count_cases([*root.iter("testcase")]).items():
        root.set(name, number)
    Tree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Tree.tostring(root, encoding="unicode")}\n'


def name_suite(chapter: Chapter) -> str:
    """Return the suite of a run: its strategy, or the site that it looked at."""
    if chapter.cell:
        return chapter.cell.strategy
    header = chapter.verdict.header if chapter.verdict else None
    return clean((header and (header.strategy or header.base)) or "unknown")


def make_case(chapter: Chapter) -> Tree.Element:
    """Return the case of one run."""
    cell, header = chapter.cell, chapter.verdict.header if chapter.verdict else None
    name = cell.scenario if cell else header.action if header else chapter.name
    seconds = cell.seconds if cell else chapter.seconds
    made = Tree.Element("testcase", name=name, classname=name_suite(chapter), time=f"{seconds:.2f}")
    expected = cell.expected if cell else Status.PASS
    told = clean("\n".join(proof.evidence.sentence for proof in chapter.proofs))
    reason = clean((cell.reason if cell else None) or told.partition("\n")[0] or chapter.status)
    if chapter.status == Status.NOT_APPLICABLE:
        Tree.SubElement(made, "skipped", message=reason)
    elif chapter.status == Status.UNKNOWN:
        Tree.SubElement(made, "error", message=reason, type="UNKNOWN").text = told
    elif chapter.status != expected:
        message = f"{chapter.status}, expected {expected}: {reason}"
        Tree.SubElement(made, "failure", message=message, type=chapter.status).text = told
    elif told:
        Tree.SubElement(made, "system-out").text = f"{chapter.status}, as expected\n{told}"
    return made


def count_cases(cases: list[Tree.Element]) -> dict[str, str]:
    """Return how many cases came to what, and how long all of them took."""
    seconds = sum(float(each.get("time", 0)) for each in cases)
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {
        name: str(sum(each.find(tag) is not None for each in cases)) for name, tag in kinds.items()
    }
    return {"tests": str(len(cases)), **counts, "time": f"{seconds:.2f}"}


def clean(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", show_plainly(text))


UNWRITABLE = re.compile("[\ufffe\uffff]")
"""What XML has no way to write either, https://www.w3.org/TR/xml/#charsets."""
