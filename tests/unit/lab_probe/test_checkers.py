"""Every checker, on a history of real requests to a real server, with each fault it stands for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.judge.checkers import CHECKERS, Checker
from lab.judge.findings import Status, find_worst
from lab.judge.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.history import Run
    from lab.judge.checkers import Judged
    from lab.judge.findings import Finding
    from lab.judge.verdict import Verdict

    from .conftest import Bench, Reply


def only_fault(verdict: Verdict, checker: str) -> Finding:
    """Return the finding of a checker, having seen that no other one found anything."""
    failed = [finding.checker for finding in verdict.findings if finding.status is Status.FAIL]
    assert failed == [checker]
    assert verdict.status is Status.FAIL
    assert verdict.exit_code == 1
    return verdict.finding(checker)


def says(finding: Finding) -> str:
    """Return the first evidence without its time, which is never the same."""
    assert finding.first is not None
    assert finding.first.sentence.startswith(f"at {finding.first.t:.2f} s ")
    return finding.first.sentence.partition(" s ")[2]


def name_of(bench: Bench, source: str, release: str = "v1") -> str:
    return bench.shop.releases[release].paths[source]


def test_a_healthy_rollout_passes_every_checker(bench: Bench) -> None:
    bench.begin()
    bench.publish()
    bench.visit("v1", "v2")
    bench.probe.ask_for_absent()
    verdict = bench.verdict()
    assert {finding.status for finding in verdict.findings} == {Status.PASS}
    assert (verdict.status, verdict.exit_code) == (Status.PASS, 0)
    assert all(finding.judged for finding in verdict.findings[1:])
    v1 = verdict.releases["v1"]
    assert (v1.pages, v1.assets, v1.broken_pages, v1.broken_assets, v1.wrong) == (6, 35, 0, 0, 0)


# page answers


@pytest.mark.parametrize("status", [500, 404, 403, 501])
def test_a_page_that_fails_is_found(bench: Bench, reply: type[Reply], status: int) -> None:
    body = b"<title>Oops</title>\n  <h1>Server   Error</h1>"
    headers = {"Content-Type": "text/html", "X-Release": "v1"}
    bench.shop.plant("/products/1/", reply(body, status, headers))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    found = only_fault(bench.verdict(), "page answers")
    assert says(found) == (
        f'v1\'s page /products/1/ answered {status} ("Oops Server Error"); '
        "it should have answered 200"
    )
    assert found.kinds == {str(status): 1}
    assert found.subjects == {"v1 /products/1/": 1}


def test_a_page_that_redirects_without_end_is_found(bench: Bench, reply: type[Reply]) -> None:
    bench.shop.plant("/login/", reply(b"", 302, {"Location": "/account/"}))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    found = only_fault(bench.verdict(), "nothing refused")
    assert "failed (other: redirects without end)" in says(found)


# asset resolves


def test_a_missing_asset_is_found_on_every_page_that_needs_it(
    bench: Bench, reply: type[Reply]
) -> None:
    path = bench.shop.asset("css/site.css")
    bench.shop.plant(path, reply(b"gone", 404, {"Cache-Control": "no-store"}))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    found = only_fault(bench.verdict(), "asset resolves")
    name = name_of(bench, "css/site.css")
    assert says(found) == (
        f"{name}, which v1's page / needs, answered 404 (v1 was built with it); "
        "it should have answered 200"
    )
    assert found.faults == 4  # home, product, log-in, about: one request, four relations
    assert found.last is not None
    assert found.last.page == "/about/"
    assert found.subjects == {f"v1 {name}": 4}


def test_a_page_that_names_an_asset_of_the_next_release_too_early_is_found(
    bench: Bench, reply: type[Reply]
) -> None:
    name = name_of(bench, "css/site.css", "v2")
    own = name_of(bench, "css/site.css", "v1")
    pages = bench.shop.releases["v1"].pages
    pages["/about/"] = pages["/about/"].replace(own, name)
    missing = reply(b"", 404, {"Cache-Control": "no-store"})
    bench.shop.plant(f"/static/{name}", missing)
    bench.begin()
    bench.publish()
    bench.visit("v1")
    found = only_fault(bench.verdict(), "asset resolves")
    assert says(found).startswith(
        f"{name}, which v1's page /about/ needs, answered 404 (it is v2's);"
    )


@pytest.mark.parametrize("status", [403, 500])
def test_an_asset_that_fails_otherwise_is_found(
    bench: Bench, reply: type[Reply], status: int
) -> None:
    path = bench.shop.asset("fonts/shop.woff2")
    bench.shop.plant(path, reply(b"", status, {"Cache-Control": "no-store"}))
    bench.begin()
    bench.publish()
    bench.visit("v2")
    found = only_fault(bench.verdict(), "asset resolves")
    assert found.kinds == {str(status): 4}


def test_a_static_file_that_redirects_is_found(bench: Bench, reply: type[Reply]) -> None:
    path = bench.shop.asset("img/logo.png")
    bench.shop.plant(path, reply(b"", 302, {"Location": "/login/?next=x"}))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    verdict = bench.verdict()
    found = verdict.finding("asset resolves")
    assert f"answered 302, a redirect to {bench.shop.base}login/?next=x" in says(found)


def test_a_poll_that_finds_a_live_asset_gone_is_found(bench: Bench, reply: type[Reply]) -> None:
    name = name_of(bench, "css/base.css")
    url = f"{bench.shop.base}static/{name}"
    bench.begin()
    bench.publish()
    bench.visit("v1")
    with bench.probe.watch([url], "v1"):
        bench.shop.plant(f"/static/{name}", reply(b"", 404, {"Cache-Control": "no-store"}))
    verdict = bench.verdict()
    found = only_fault(verdict, "asset resolves")
    assert says(found).startswith(f"{name}, watched as v1's, answered 404 (v1 was built with it)")
    tally = verdict.releases["v1"]
    assert tally.polls > tally.broken_polls >= 1
    assert tally.broken_assets == 0


# asset of its release


def test_the_silent_case_is_found_200_with_the_other_releases_stylesheet(bench: Bench) -> None:
    own, other = name_of(bench, "css/site.css", "v1"), name_of(bench, "css/site.css", "v2")
    pages = bench.shop.releases["v1"].pages
    pages["/about/"] = pages["/about/"].replace(own, other)
    bench.begin()
    bench.publish()
    bench.visit("v1")
    verdict = bench.verdict()
    found = only_fault(verdict, "asset of its release")
    assert says(found) == (
        f"{other}, which v1's page /about/ needs, answered 200, but is of v2; "
        f"it should have been v1's {own}"
    )
    assert found.kinds == {"v2's stylesheet": 1}
    tally = verdict.releases["v1"]
    assert (tally.wrong, tally.broken_assets) == (1, 0)


def test_an_asset_that_only_the_other_release_has_is_found(bench: Bench) -> None:
    pages = bench.shop.releases["v2"].pages
    old, new = name_of(bench, "js/old.js", "v1"), name_of(bench, "js/new.js", "v2")
    pages["/login/"] = pages["/login/"].replace(new, old)
    bench.begin()
    bench.publish()
    bench.visit("v2")
    found = only_fault(bench.verdict(), "asset of its release")
    assert says(found).endswith("but is of v1; it should have been no such file in v2")


def test_an_unhashed_name_is_found(bench: Bench, reply: type[Reply]) -> None:
    own = name_of(bench, "css/site.css")
    pages = bench.shop.releases["v1"].pages
    pages["/about/"] = pages["/about/"].replace(own, "css/site.css")
    headers = {"Content-Type": "text/css"}
    bench.shop.plant("/static/css/site.css", reply(b"a {}", headers=headers))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    found = only_fault(bench.verdict(), "asset of its release")
    assert says(found) == (
        "css/site.css, which v1's page /about/ needs, answered 200, but is of no release; "
        f"it should have been v1's {own}"
    )


def test_a_file_in_the_cache_of_a_visitor_is_judged_for_the_next_page_too(bench: Bench) -> None:
    """One visitor meets both releases; what fits the first page is wrong on the second."""
    own = name_of(bench, "css/site.css", "v1")
    pages = bench.shop.releases["v2"].pages
    pages["/about/"] = pages["/about/"].replace(name_of(bench, "css/site.css", "v2"), own)

    def about(request: object) -> Reply:
        bench.shop.serving = "v2"
        del bench.shop.planted["/about/"]
        return bench.shop.answer(request)

    bench.shop.plant("/about/", about)
    bench.begin()
    bench.publish()
    bench.probe.crawl_once()
    found = only_fault(bench.verdict(), "asset of its release")
    assert says(found).startswith(
        f"{own}, which v2's page /about/ needs, answered 200, but is of v1;"
    )
    asked = [request.path for request in bench.shop.seen]
    assert asked.count(f"/static/{own}") == 1


def test_another_body_under_the_right_name_is_found(bench: Bench, reply: type[Reply]) -> None:
    path = bench.shop.asset("js/cart.js")
    other = bench.shop.body("js/cart.js", "v2")
    bench.shop.plant(path, reply(other, headers={"Content-Type": "text/javascript"}))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    verdict = bench.verdict()
    found = verdict.finding("asset of its release")
    assert found.status is Status.FAIL
    assert f"(v2's {name_of(bench, 'js/cart.js', 'v2')}); it should have been sha256" in says(found)
    assert verdict.finding("body matches hash").status is Status.FAIL


# body matches hash


def test_a_flipped_byte_under_a_hashed_name_is_found(bench: Bench, reply: type[Reply]) -> None:
    name = name_of(bench, "img/logo.png")
    body = bytearray(bench.shop.body("img/logo.png"))
    body[3] ^= 1
    bench.shop.plant(f"/static/{name}", reply(bytes(body), headers={"Content-Type": "image/png"}))
    bench.begin(action="probe", records=False)
    bench.visit("v1")
    found = only_fault(bench.verdict(), "body matches hash")
    said = name.split(".")[1]
    assert says(found).startswith(f"{name}, which v1's page / needs, came with a body of hash ")
    assert says(found).endswith(f"by its name it should have been {said}")


# type fits


@pytest.mark.parametrize(
    ("source", "came", "expected"),
    [
        ("js/app.js", "text/html", "text/javascript"),
        ("js/cart.js", "text/plain; charset=utf-8", "text/javascript"),
        ("js/viewer.js", None, "text/javascript"),
        ("js/old.js", "text/html", "text/javascript"),
        ("css/site.css", "application/octet-stream", "text/css"),
        ("css/base.css", "text/html", "text/css"),
        ("img/sprite.svg", "text/plain", "image/svg+xml"),
        ("img/logo.png", "text/html", "an image type"),
        ("fonts/shop.woff2", "text/html", "anything but a page"),
        ("js/app.js.map", "text/html", "anything but a page"),
    ],
)
def test_a_type_that_a_browser_refuses_is_found(
    bench: Bench, reply: type[Reply], source: str, came: str | None, expected: str
) -> None:
    headers = {"Content-Type": came} if came else {}
    bench.shop.plant(bench.shop.asset(source), reply(bench.shop.body(source), headers=headers))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    found = only_fault(bench.verdict(), "type fits")
    assert says(found).endswith(
        f"came as {came or 'no Content-Type'}; it should have come as {expected}"
    )


def test_a_redirect_to_a_log_in_in_the_place_of_a_script_is_found(
    bench: Bench, reply: type[Reply]
) -> None:
    page = b"<script type=module src=/assets/app.js></script>"
    bench.shop.plant("/", reply(page, headers={"Content-Type": "text/html"}))
    bench.shop.plant("/assets/app.js", reply(b"", 302, {"Location": "/login/?next=/assets/app.js"}))
    login = reply(b"<h1>Log in</h1>", headers={"Content-Type": "text/html"})
    bench.shop.plant("/login/?next=/assets/app.js", login)
    bench.begin(action="probe", records=False, static=False)
    bench.visit("v1")
    found = only_fault(bench.verdict(), "type fits")
    assert says(found) == (
        "/login/?next=/assets/app.js, which the page / needs, came as text/html; "
        "it should have come as text/javascript"
    )


# miss uncacheable


@pytest.mark.parametrize(
    "header", [None, "public, max-age=31536000, immutable", "max-age=60", "no-store, immutable"]
)
def test_a_miss_that_a_cache_may_keep_is_found(
    bench: Bench, reply: type[Reply], header: str | None
) -> None:
    path = "/static/css/no-release-has-this.000000000000.css"
    bench.shop.plant(path, reply(b"", 404, {"Cache-Control": header} if header else {}))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    bench.probe.ask_for_absent()
    found = only_fault(bench.verdict(), "miss uncacheable")
    came = f'Cache-Control "{header}"' if header else "no Cache-Control"
    assert says(found) == (
        f"the answer 404 for css/no-release-has-this.000000000000.css came with {came}; "
        "it should have been no-store"
    )


def test_an_absent_asset_that_is_answered_is_found(bench: Bench, reply: type[Reply]) -> None:
    path = "/static/css/no-release-has-this.000000000000.css"
    bench.shop.plant(path, reply(b"<h1>Welcome</h1>", 200, {"Content-Type": "text/html"}))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    bench.probe.ask_for_absent()
    found = only_fault(bench.verdict(), "miss uncacheable")
    assert says(found).endswith("it should have been an error")


# nothing refused


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_has_nobody_to_ask_is_found(
    bench: Bench, reply: type[Reply], status: int
) -> None:
    bench.shop.plant(
        "/about/", reply(b"<h1>Bad Gateway</h1>", status, {"Cache-Control": "no-store"})
    )
    bench.begin()
    bench.publish()
    bench.visit("v1")
    verdict = bench.verdict()
    found = only_fault(verdict, "nothing refused")
    assert says(found) == (
        f"the page /about/ answered {status} for visitor 1; it should have been answered"
    )
    assert verdict.releases[None].refused == 1


def test_a_reset_in_the_middle_of_an_asset_is_found(bench: Bench, reply: type[Reply]) -> None:
    name = name_of(bench, "css/site.css")
    body = bench.shop.body("css/site.css")
    bench.shop.plant(f"/static/{name}", reply(body, headers={"Content-Type": "text/css"}, cut=10))
    bench.begin()
    bench.publish()
    bench.visit("v1")
    verdict = bench.verdict()
    found = only_fault(verdict, "nothing refused")
    assert says(found) == (
        f"{name}, which v1's page / needs, failed (reset) for visitor 1; "
        "it should have been answered"
    )
    assert found.kinds == {"reset": 1}
    assert verdict.releases["v1"].refused == 1


def test_a_refused_connection_is_found(bench: Bench) -> None:
    bench.begin()
    bench.publish()
    bench.visit("v1")
    bench.shop.stop()
    bench.visit("v1")
    found = only_fault(bench.verdict(), "nothing refused")
    assert found.kinds == {"refused": 2}  # home and the sitemap
    assert says(found) == (
        "the page / failed (refused) for visitor 2; it should have been answered"
    )


# append-only


def test_a_publish_that_rewrites_or_deletes_is_found(bench: Bench) -> None:
    name, gone = name_of(bench, "css/site.css"), name_of(bench, "js/old.js")
    before, after = "2026-11-23T15:00:00.000Z", "2026-11-23T15:00:09.000Z"
    bench.begin()
    bench.visit("v1")
    bench.publish(
        {"asset": name, "before": before, "after": after},
        {"asset": gone, "before": before, "after": None},
    )
    found = only_fault(bench.verdict(), "append-only")
    assert found.first is not None
    assert found.last is not None
    assert found.first.sentence == (
        f"by {found.first.t:.2f} s the publish of v2 rewrote {name} (of {before}, now of {after}); "
        "it should have left it alone"
    )
    assert f"the publish of v2 deleted {gone}" in found.last.sentence
    assert found.kinds == {"rewritten": 1, "deleted": 1}


def test_a_publish_that_nobody_compared_is_unknown(bench: Bench) -> None:
    bench.begin()
    bench.visit("v1")
    bench.history.event("publish-started", "v2")
    verdict = bench.verdict()
    finding = verdict.finding("append-only")
    assert (finding.status, verdict.status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert finding.reason == (
        "nobody compared what the publish of v2 touched (1 could not be judged)"
    )


@pytest.mark.parametrize(
    ("action", "status"), [("rollout", Status.UNKNOWN), ("rollback", Status.NOT_APPLICABLE)]
)
def test_whether_no_publish_is_fine_depends_on_the_action(
    bench: Bench, action: str, status: Status
) -> None:
    bench.begin(action)
    bench.visit("v1")
    verdict = bench.verdict()
    assert verdict.finding("append-only").status is status
    assert verdict.exit_code == (2 if status is Status.UNKNOWN else 0)


# what cannot be known


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
    verdict = judge(bench.history.path)
    assert verdict.status is Status.UNKNOWN
    assert (verdict.finding("history whole").reason or "").startswith("line 6: ")


def test_a_checker_that_crashes_is_unknown(bench: Bench) -> None:
    def crash(run: Run) -> Iterator[Judged]:
        raise ZeroDivisionError(f"{len(run.fetches)} fetches over nothing")
        yield

    bench.begin()
    bench.publish()
    bench.visit("v1")
    bench.verdict()
    verdict = judge(bench.history.path, [*CHECKERS, Checker("shaky", "it stands", crash)])
    finding = verdict.finding("shaky")
    assert (verdict.status, finding.status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert (finding.reason or "").startswith("the checker crashed: ZeroDivisionError: ")


def test_a_visitor_that_crashes_makes_the_run_unknown(bench: Bench) -> None:
    bench.begin()
    bench.publish()
    bench.visit("v1")
    bench.history.event("probe-crashed", visitor="3", trace="…")
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
    bench.history.record(bench.shop.releases["v1"].record)
    bench.publish()
    bench.visit("v1", "v2")
    finding = bench.verdict().finding("asset of its release")
    assert finding.status is Status.UNKNOWN
    assert (finding.reason or "").startswith("no record of release v2")


def test_a_foreign_site_without_records_can_pass(bench: Bench) -> None:
    bench.begin(action="probe", records=False, static=False)
    bench.visit("v1")
    verdict = bench.verdict()
    not_applicable = [
        finding.checker for finding in verdict.findings if finding.status is Status.NOT_APPLICABLE
    ]
    assert not_applicable == ["asset of its release", "append-only"]
    assert verdict.status is Status.PASS
    assert verdict.finding("body matches hash").judged


def test_a_foreign_site_with_other_hashes_is_not_accused(bench: Bench, reply: type[Reply]) -> None:
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
    bench.history.event("rewritten", "v2", files=[])
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
