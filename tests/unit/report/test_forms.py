"""The page, Markdown, JSON and JUnit's XML say the same, and hold what an external site says."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Tree

import pytest
from markdown_it import MarkdownIt
from tests.unit.report.histories import PLANTED

from lab.report.document import Report, make_report
from lab.report.forms import render_json, render_junit, render_markdown
from lab.report.page import render_page
from lab.report.sources import Source, find_sources

if TYPE_CHECKING:
    from pathlib import Path

TAGS = {"failure", "error", "skipped", "system-out"}


@pytest.fixture
def report(history: Path) -> Report:
    return make_report([Source(history)])


class Scripts(HTMLParser):
    """Collects the scripts of a page, and what names a URL."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.urls: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script"
        self.urls += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found.append(data)
        self.inside = False


def test_the_page_has_one_script_which_its_policy_knows_and_nothing_from_elsewhere(
    report: Report,
) -> None:
    page = render_page(report)
    scripts = Scripts()
    scripts.feed(page)
    (script,) = scripts.found
    digest = b64encode(sha256(script.encode()).digest()).decode()

    assert PLANTED not in page
    assert "&lt;/script&gt;&lt;script&gt;document.title" in page
    assert f"default-src &#39;none&#39;; script-src &#39;sha256-{digest}&#39;" in page
    assert all(url.startswith("#") for url in scripts.urls)


def test_the_page_has_what_came_and_what_should_have_come(report: Report) -> None:
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", render_page(report)))

    assert re.search(r"\b10 . v2&#39;s stylesheet, first at 2\.00 s", page)
    assert re.search(r"what came v2&#39;s css/site\.\w+\.css what should have come v1", page)


def test_the_matrix_leads_to_every_cell(matrix: Path) -> None:
    page = render_page(make_report(find_sources([str(matrix)])))

    for name in ("shared.late-load", "skewproof.late-load", "skewproof.pruning"):
        assert f'href="#{name}"' in page
        assert f'id="{name}"' in page
    assert "all 3 cells are as expected" in page


def test_markdown_says_what_an_external_site_says_and_nothing_more(report: Report) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(render_markdown(report))
    inline = [token for each in tokens for token in (each, *(each.children or ()))]

    assert not {"html_block", "html_inline", "link_open", "em_open"} & {
        token.type for token in inline
    }
    assert any(PLANTED in token.content for token in inline if token.type == "text")


def test_json_has_the_verdicts_and_the_numbers(report: Report) -> None:
    document = json.loads(render_json(report))

    assert document["verdict"] == "FAIL"
    (run,) = document["runs"]
    assert run["verdict"]["total"]["pages"] == 31
    assert run["sightings"]["rows"][0][0] == 0
    assert run["serving"]["rows"][1] == [1.5, 50, 50, 2, 1]


def parse(text: str) -> Tree.Element:
    return Tree.fromstring(text)  # noqa: S314 - our own


def find_faults(text: str) -> list[str]:
    """What is wrong with a JUnit document, by what CI systems read in it."""
    root, faults = parse(text), []
    if root.tag != "testsuites":
        faults.append(f"the root is {root.tag}")
    for suite in root:
        cases = list(suite)
        if suite.tag != "testsuite" or any(case.tag != "testcase" for case in cases):
            faults.append("no suites of cases")
        if int(suite.get("tests", -1)) != len(cases):
            faults.append(f"{suite.get('name')}: tests is {suite.get('tests')}")
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if int(suite.get(name, -1)) != len(suite.findall(f"testcase/{tag}")):
                faults.append(f"{suite.get('name')}: {name} is {suite.get(name)}")
        for case in cases:
            if {"name", "classname", "time"} - {*case.keys()}:
                faults.append(f"{case.get('name')} lacks an attribute")
            faults += [
                f"{case.get('name')} has {each.tag}" for each in case if each.tag not in TAGS
            ]
    return faults


def test_junit_has_a_suite_for_each_strategy_and_a_case_for_each_scenario(matrix: Path) -> None:
    text = render_junit(make_report(find_sources([str(matrix)])))
    cases = {
        (suite.get("name"), case.get("name")): [each.tag for each in case]
        for suite in parse(text)
        for case in suite
    }

    assert find_faults(text) == []
    assert cases == {
        ("shared", "late-load"): ["system-out"],
        ("skewproof", "late-load"): [],
        ("skewproof", "pruning"): ["skipped"],
    }


def test_junit_fails_what_is_not_expected_whatever_the_evidence_holds(report: Report) -> None:
    text = render_junit(report)
    (failure,) = parse(text).iter("failure")

    assert find_faults(text) == []
    assert "FAIL, expected PASS" in str(failure.get("message"))
    assert PLANTED in str(failure.text)


@pytest.mark.parametrize(
    ("before", "after"),
    [('tests="1"', 'tests="2"'), ('failures="1"', 'failures="0"'), (' classname="shared"', "")],
)
def test_a_fault_of_a_junit_document_is_seen(report: Report, before: str, after: str) -> None:
    text = render_junit(report)
    assert before in text
    assert find_faults(text.replace(before, after))
