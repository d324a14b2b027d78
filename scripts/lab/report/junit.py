"""The report as JUnit's XML, for a CI system: a suite for each strategy, a case for each scenario.

A cell of a matrix is a failure when it is not what is expected of it; of any other run, FAIL is.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as Tree

from lab.judge.findings import Status
from lab.report.document import Chapter, Report

UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no way to write, https://www.w3.org/TR/xml/#charsets."""


def render_junit(report: Report) -> str:
    """Write the document."""
    suites: dict[str, list[Tree.Element]] = {}
    for chapter in report.chapters:
        suites.setdefault(suite_of(chapter), []).append(case(chapter))
    root = Tree.Element("testsuites", name="skewproof")
    for name, cases in suites.items():
        Tree.SubElement(root, "testsuite", {"name": name, **count(cases)}).extend(cases)
    for name, number in count([*root.iter("testcase")]).items():
        root.set(name, number)
    Tree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Tree.tostring(root, encoding="unicode")}\n'


def suite_of(chapter: Chapter) -> str:
    """The suite of a run: its strategy, or the site that it looked at."""
    if chapter.cell:
        return chapter.cell.strategy
    header = chapter.verdict.header if chapter.verdict else None
    return clean((header and (header.strategy or header.base)) or "unknown")


def case(chapter: Chapter) -> Tree.Element:
    """One run."""
    cell, header = chapter.cell, chapter.verdict.header if chapter.verdict else None
    name = cell.scenario if cell else header.action if header else chapter.name
    seconds = cell.seconds if cell else chapter.seconds
    made = Tree.Element("testcase", name=name, classname=suite_of(chapter), time=f"{seconds:.2f}")
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


def count(cases: list[Tree.Element]) -> dict[str, str]:
    """How many cases came to what, and how long all of them took."""
    seconds = sum(float(each.get("time", 0)) for each in cases)
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counts = {
        name: str(sum(each.find(tag) is not None for each in cases)) for name, tag in kinds.items()
    }
    return {"tests": str(len(cases)), **counts, "time": f"{seconds:.2f}"}


def clean(text: str) -> str:
    """A text without what XML cannot hold."""
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
