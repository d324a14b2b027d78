"""What a history does not say is UNKNOWN, and neither PASS nor FAIL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.judge.checkers import CHECKERS
from lab.judge.evidence import Checker
from lab.judge.findings import Status, find_worst
from lab.judge.verdict import judge_history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.lab_probe.conftest import Bench, Reply

    from lab.history import Run
    from lab.judge.evidence import Judgement


def test_a_run_without_an_end_is_unknown(bench: Bench) -> None:
    bench.begin()
    bench.publish()
    bench.visit("v1")
    verdict = bench.verdict(end=False)
    assert (verdict.status, verdict.exit_code) == (Status.UNKNOWN, 2)
    reason = verdict.finding("history whole").reason
    assert reason == "the run was interrupted: its history has no end"


def test_a_fault_in_a_run_without_an_end_is_still_a_fault(bench: Bench, reply: type[Reply]) -> None:
    bench.shop.plant("/about/", reply(b"", 500))
    bench.begin()
    bench.visit("v1")
    assert bench.verdict(end=False).status is Status.FAIL


@pytest.mark.parametrize(
    "line",
    [
        "{torn",
        "[]",
        "{}",
        '{"kind":"fetch","t":1}',
        '{"kind":7}',
        '"\xff"',
        '{"kind":"record","t":0,"release":"v3","paths":[],"assets":3}',
    ],
)
def test_a_corrupt_line_in_the_middle_is_unknown(bench: Bench, line: str) -> None:
    bench.begin()
    bench.publish()
    bench.visit("v1")
    bench.verdict()
    lines = bench.history.path.read_bytes().splitlines(keepends=True)
    lines.insert(5, line.encode("latin-1") + b"\n")
    bench.history.path.write_bytes(b"".join(lines))
    verdict = judge_history(bench.history.path)
    assert verdict.status is Status.UNKNOWN
    assert (verdict.finding("history whole").reason or "").startswith("line 6: ")


def test_a_checker_that_crashes_is_unknown(bench: Bench) -> None:
    def crash(run: Run) -> Iterator[Judgement]:
        raise ZeroDivisionError(f"{len(run.fetches)} fetches over nothing")
        yield

    bench.begin()
    bench.publish()
    bench.visit("v1")
    bench.verdict()
    verdict = judge_history(
        bench.history.path, [*CHECKERS, Checker(name="shaky", promise="it stands", judge=crash)]
    )
    finding = verdict.finding("shaky")
    assert (verdict.status, finding.status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert (finding.reason or "").startswith("the checker crashed: ZeroDivisionError: ")


def test_a_visitor_that_crashes_makes_the_run_unknown(bench: Bench) -> None:
    bench.begin()
    bench.publish()
    bench.visit("v1")
    bench.history.add_event("probe-crashed", visitor="3", trace="…")
    assert bench.verdict().finding("history whole").reason == "visitor 3 crashed"


def test_an_empty_history_is_unknown(bench: Bench) -> None:
    verdict = bench.verdict(end=False)
    assert {finding.status for finding in verdict.findings} == {Status.UNKNOWN}
    assert verdict.finding("page answers").reason == "no data"


def test_a_page_that_names_no_release_is_unknown(bench: Bench, reply: type[Reply]) -> None:
    page = bench.shop.releases["v1"].pages["/about/"].encode()
    bench.shop.plant("/about/", reply(page, headers={"Content-Type": "text/html"}))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    finding = bench.verdict().finding("asset of its release")
    assert finding.status is Status.UNKNOWN
    assert finding.reason == (
        f"no answer named the release of {bench.shop.base}about/ (8 could not be judged)"
    )


def test_a_release_without_a_record_is_unknown(bench: Bench) -> None:
    bench.begin(records=False)
    bench.history.add_release(bench.shop.releases["v1"].record)
    bench.publish()
    bench.visit("v1", "v2")
    finding = bench.verdict().finding("asset of its release")
    assert finding.status is Status.UNKNOWN
    assert (finding.reason or "").startswith("no record of release v2")


def test_an_external_site_without_records_can_pass(bench: Bench) -> None:
    bench.begin(action="probe", records=False, static=False)
    bench.visit("v1")
    verdict = bench.verdict()
    not_applicable = [
        finding.checker for finding in verdict.findings if finding.status is Status.NOT_APPLICABLE
    ]
    assert not_applicable == ["asset of its release", "append-only"]
    assert verdict.status is Status.PASS
    assert verdict.finding("body matches hash").judged


def test_an_external_site_with_other_hashes_is_not_accused(
    bench: Bench, reply: type[Reply]
) -> None:
    page = b"<script src=/assets/app.0123456789ab.js></script>"
    bench.shop.plant("/", reply(page, headers={"Content-Type": "text/html"}))
    bench.shop.plant(
        "/assets/app.0123456789ab.js", reply(b"a()", headers={"Content-Type": "text/javascript"})
    )
    bench.shop.plant("/sitemap.xml", reply(b"", headers={"Content-Type": "application/xml"}))
    bench.begin(action="probe", records=False, static=False)
    bench.visit("v1")
    verdict = bench.verdict()
    assert verdict.finding("body matches hash").status is Status.NOT_APPLICABLE
    assert verdict.status is Status.PASS


def test_a_history_whose_rewritten_event_is_malformed_is_unknown(bench: Bench) -> None:
    bench.begin()
    bench.visit("v1")
    bench.history.add_event("rewritten", "v2", files=[])
    finding = bench.verdict().finding("append-only")
    assert finding.status is Status.UNKNOWN
    assert finding.reason == "the checker crashed: KeyError: 'assets'"


def test_the_worst_conclusion_counts() -> None:
    passed, failed, unknown, none = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
    assert find_worst([passed, unknown, failed, none]) is failed
    assert find_worst([passed, unknown, none]) is unknown
    assert find_worst([passed, none]) is passed
    assert find_worst([none]) is unknown


def test_a_verdict_as_json_says_what_the_tables_say(bench: Bench, reply: type[Reply]) -> None:
    bench.shop.plant("/about/", reply(b"Oops", 500, {"X-Release": "v1"}))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    document = json.loads(json.dumps(bench.verdict().to_json()))
    assert document["verdict"] == "FAIL"
    assert document["run"]["strategy"] == "skewproof"
    assert document["releases"]["v1"]["broken_pages"] == 1
    (failed,) = [each for each in document["checkers"] if each["status"] == "FAIL"]
    assert failed["checker"] == "page answers"
    assert failed["faults"] == 1
    assert failed["first"]["page"] == "/about/"
    assert failed["first"]["came"] == '500 ("Oops")'
    assert failed["first"]["expected"] == "200"
    assert failed["first"]["sentence"] == failed["last"]["sentence"]
