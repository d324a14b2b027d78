"""The checkers at the edges of what they promise, on histories of a few fetches."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5
from typing import TYPE_CHECKING, Any

import pytest

from lab.history import Answer, Asset, Event, Fetch, Header, Record, Run
from lab.judge.answers import shorten_excerpt
from lab.judge.evidence import display_page, find_prefixes, name_asset
from lab.judge.findings import Finding, Status, check_wholeness
from lab.judge.latency import find_phases, percentile
from lab.judge.mime import JAVASCRIPT, find_misfit
from lab.judge.verdict import conclude_comparison, judge_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.judge.verdict import Verdict

BASE = "http://shop.test/"
STATIC = f"{BASE}static/"
CSS, HASHED = "css/site.css", "css/site.0123456789ab.css"
LAB = Header(
    strategy="skewproof",
    engine="embedded",
    action="probe",
    base=BASE,
    static=STATIC,
    started="2026-11-23T20:00:00Z",
)
EXTERNAL = replace(LAB, strategy=None, engine=None, static=None)
V1 = Record(release="v1", paths={CSS: HASHED}, assets={HASHED: Asset("0" * 64, 4)})
NO_STORE = "no-store"


def page(status: int | None, path: str = "", how: str = "a", t: float = 0.0, **came: Any) -> Fetch:
    """Return the fetch of a page of v1."""
    url = f"{BASE}{path}"
    return Fetch(
        t=t,
        role="page",
        url=url,
        page=url,
        via=None,
        how=how,
        release="v1",
        visitor="1",
        answer=Answer(status=status, **came),
    )


def asset(status: int | None, url: str = f"{STATIC}{HASHED}", **came: Any) -> Fetch:
    """Return the fetch of a stylesheet of v1's first page."""
    how = came.pop("how", "stylesheet")
    wanted = {"content_type": "text/css", "cache_control": NO_STORE, **came}
    return replace(page(status, how=how, **wanted), role="asset", url=url, page=BASE)


def judge(*fetches: Fetch, header: Header = LAB, records: Sequence[Record] = ()) -> Verdict:
    """Return the verdict of a run of these fetches that came to its end."""
    known = {record.release: record for record in records}
    return judge_run(Run(header=header, records=known, fetches=fetches, ended=True))


def find(checker: str, *fetches: Fetch, **run: Any) -> Finding:
    """Return what one checker found."""
    return judge(*fetches, **run).finding(checker)


@pytest.mark.parametrize(
    ("status", "checker"),
    [
        *((199, "page answers"), (201, "page answers"), (301, "page answers")),
        *((399, "page answers"), (400, "page answers"), (499, "page answers")),
        *((500, "page answers"), (501, "page answers"), (505, "page answers")),
        *((502, "nothing refused"), (503, "nothing refused"), (504, "nothing refused")),
        (None, "nothing refused"),
    ],
)
def test_a_page_with_any_status_but_200_is_one_fault_of_one_checker(
    status: int | None, checker: str
) -> None:
    error = {} if status else {"error": "reset: by the peer"}
    verdict = judge(page(200), page(status, "cart/", **error))
    faults = {each.checker: each.faults for each in verdict.findings if each.faults}
    assert faults == {checker: 1}
    (first,) = (each.first for each in verdict.findings if each.faults)
    assert first is not None
    assert first.kind == (str(status) if status else "reset")
    assert verdict.total.refused == (checker == "nothing refused")


@pytest.mark.parametrize(
    ("status", "is_fault"),
    [
        *((399, True), (400, False), (404, False), (428, False), (430, False), (499, False)),
        (500, True),
    ],
)
def test_a_dead_link_of_an_external_site_is_no_fault_unless_it_came_once(
    status: int, is_fault: bool
) -> None:
    dead = page(status, "old/")
    assert bool(find("page answers", page(200), dead, header=EXTERNAL).faults) is is_fault
    came_once = find("page answers", dead, page(200, "old/"), header=EXTERNAL)
    assert came_once.faults == 1
    assert find("page answers", replace(dead, how="seed"), header=EXTERNAL).faults == 1
    assert find("page answers", page(200), dead).faults == 1


@pytest.mark.parametrize("status", [200, 299])
def test_of_an_external_site_every_2xx_is_an_answer(status: int) -> None:
    assert find("page answers", page(200), page(status, "x/"), header=EXTERNAL).faults == 0
    found = find("asset resolves", asset(status), header=EXTERNAL)
    assert (found.judged, found.faults) == (1, 0)


def test_a_site_that_asks_for_fewer_requests_is_not_judged() -> None:
    for checker, fetch in (("page answers", page(429)), ("asset resolves", asset(429))):
        found = find(checker, fetch, header=EXTERNAL)
        assert found.status is Status.UNKNOWN
        assert "give a lower --rate (1 could not be judged)" in str(found.reason)
        assert find(checker, fetch).faults == 1


@pytest.mark.parametrize(
    ("status", "is_fault"), [(199, True), (200, False), (299, False), (300, True), (404, True)]
)
def test_an_asset_has_to_come(status: int, is_fault: bool) -> None:
    assert find("asset resolves", asset(status)).faults == is_fault


@pytest.mark.parametrize(
    ("chain", "is_fault"),
    [
        ([("a", "b")], False),
        ([("a", "b"), ("b", "c"), ("c", "d")], False),
        ([("a", "a")], True),
        ([("a", "b"), ("b", "a")], True),
        ([("a", "b"), ("b", "c"), ("c", "b")], True),
    ],
)
def test_an_asset_elsewhere_may_redirect_but_not_in_a_circle(
    chain: list[tuple[str, str]], is_fault: bool
) -> None:
    fetches = [asset(302, f"{BASE}{a}", redirected_to=f"{BASE}{b}") for a, b in chain]
    found = find("asset resolves", *fetches, asset(200))
    assert bool(found.faults) is is_fault


@pytest.mark.parametrize("status", [399, 400, 404, 499])
def test_an_error_that_a_cache_may_keep_is_a_fault_from_400_on(status: int) -> None:
    for header, is_kept in (
        *(("no-store", False), ("No-Store , max-age=0", False), ("private", True)),
        *((None, True), ("max-age=60", True), ("no-store, immutable", True)),
    ):
        fetch = asset(status, cache_control=header)
        assert find("miss uncacheable", fetch).faults == (is_kept and status >= 400), header


@pytest.mark.parametrize(
    ("header", "is_kept"),
    [
        *((None, False), ("public", False), ("max-age=0", False), ("s-maxage=00", False)),
        *(("max-age=1", True), ('s-maxage="60"', True), ("immutable", True), ("max-age=10", True)),
        *(("max-age=60, no-cache", False), ("max-age=60, private", False)),
        *(("max-age=60, no-store", False), ("max-age=0, s-maxage=5", True)),
    ],
)
def test_an_error_of_an_external_site_is_a_fault_when_a_cache_was_told_to_keep_it(
    header: str | None, is_kept: bool
) -> None:
    found = find("miss uncacheable", asset(404, cache_control=header), header=EXTERNAL)
    assert (found.judged, found.faults) == (1, is_kept)


def test_a_name_that_no_release_has_may_be_answered_by_errors_alone() -> None:
    for status, is_fault in ((200, True), (399, True), (400, False), (404, False)):
        fetch = asset(status, f"{STATIC}nobody.000000000000.css", how="absent")
        assert find("miss uncacheable", fetch).faults == is_fault
        assert find("asset resolves", fetch).judged == 0


FITS = {
    "css": "text/css",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "cjs": "text/javascript",
    "svg": "image/svg+xml",
    "json": "application/json",
    "wasm": "application/wasm",
    **dict.fromkeys(["png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "bmp"], "an image type"),
}


@pytest.mark.parametrize(("extension", "expected"), FITS.items())
def test_every_kind_of_file_has_to_come_as_what_it_is(extension: str, expected: str) -> None:
    url = f"{BASE}some.name/a.{extension.upper()}?v=1.html"
    right = expected.replace("an image type", "image/webp")
    assert find_misfit(f"{right.upper()} ; charset=utf-8", "img", url, nosniff=True) is None
    for wrong in ("text/html", "text/plain"):
        assert find_misfit(wrong, "img", url, nosniff=False) == expected
    nothing = None if expected == "an image type" else expected
    assert find_misfit(None, "img", url, nosniff=False) == nothing
    assert find_misfit("application/octet-stream", "img", url, nosniff=False) == nothing


def test_json_has_three_kinds_of_types() -> None:
    for type_ in ("application/json", "text/json", "application/manifest+json"):
        assert find_misfit(type_, "link", f"{BASE}a.json", nosniff=True) is None


@pytest.mark.parametrize(
    ("came", "how", "name", "expected"),
    [
        ("text/plain", "stylesheet", "a", "text/css"),
        ("text/plain", "css-import", "a.png", "text/css"),
        ("text/css", "css-import", "a.png", None),
        ("text/plain", "module", "a", "text/javascript"),
        ("text/plain", "js-import", "a.html", "text/javascript"),
        ("text/css", "js-import", "a.css", None),
        ("application/json", "js-import", "a.json", None),
        ("application/wasm", "js-dynamic", "a.wasm", None),
        ("text/plain", "js-dynamic", "a.wasm", "application/wasm"),
        ("text/html", "img", "page.html", None),
        ("text/html", "img", "page.htm", None),
        ("text/html", "img", "nothing", "anything but a page"),
        ("application/xhtml+xml", "img", "a.woff2", "anything but a page"),
        ("font/woff2", "css-url", "a.woff2", None),
        ("text/html", "iframe", "nothing", None),
        ("text/html", "preload", "nothing", None),
    ],
)
def test_how_a_file_is_named_says_what_it_has_to_be(
    came: str, how: str, name: str, expected: str | None
) -> None:
    assert find_misfit(came, how, f"{BASE}{name}", nosniff=False) == expected


def test_a_classic_script_runs_as_most_types_unless_nosniff_came() -> None:
    def misfit(came: str, nosniff: bool) -> str | None:
        return find_misfit(came, "script", f"{BASE}a.js", nosniff=nosniff)

    for came in ("text/plain", "application/octet-stream", ""):
        assert misfit(came, nosniff=False) is None
        assert misfit(came, nosniff=True) == "text/javascript"
    for came in ("text/html", "application/xhtml+xml", "image/png", "audio/a", "video/a"):
        assert misfit(came, nosniff=False) == "text/javascript"
    assert misfit("text/csv", nosniff=False) == "text/javascript"
    for came in JAVASCRIPT:
        assert misfit(came, nosniff=True) is None
    assert len(JAVASCRIPT) == 16


def test_an_external_sites_files_are_found_by_hashed_names_below_its_host() -> None:
    records = {"v1": replace(V1, assets={**V1.assets, "robots.txt": Asset()})}
    urls = (f"{BASE}a/b/{HASHED}?x=/y", f"{BASE}{HASHED}", f"{BASE}robots.txt", BASE)
    run = Run(header=EXTERNAL, records=records, fetches=tuple(asset(200, url) for url in urls))
    assert find_prefixes(run) == (f"{BASE}a/b/", BASE)
    other = replace(run, fetches=(asset(200, f"http:/{HASHED}"), asset(200, f"{BASE}x{HASHED}")))
    assert find_prefixes(other) == ()
    found = replace(run, prefixes=find_prefixes(run))
    assert name_asset(found, urls[0]) == name_asset(found, urls[1]) == HASHED


def test_the_prefix_that_a_history_knows_counts_and_not_one_that_is_found() -> None:
    """A file of a record elsewhere is none of the stack's static files."""
    elsewhere = asset(200, f"{BASE}copy/{HASHED}", sha256="1" * 64)
    assert find("asset of its release", elsewhere, records=[V1]).judged == 0
    assert find("asset of its release", elsewhere, records=[V1], header=EXTERNAL).faults == 1
    assert find("asset of its release", asset(200, sha256="1" * 64), records=[V1]).faults == 1


def test_a_finding_that_says_nothing_has_no_faults_and_judged_nothing() -> None:
    found = Finding(checker="any", promise="any", status=Status.PASS)
    assert (found.judged, found.faults) == (0, 0)
    verdict = judge()
    assert {each.faults for each in verdict.findings} == {0}
    assert {each.judged for each in verdict.findings} == {0}


def test_a_history_that_is_not_whole_says_three_reasons_and_how_many_more() -> None:
    def reason(count: int) -> str | None:
        damage = tuple(f"line {number}" for number in range(count))
        return check_wholeness(Run(header=LAB, ended=True, damage=damage)).reason

    assert reason(0) is None
    assert reason(3) == "line 0; line 1; line 2"
    assert reason(4) == "line 0; line 1; line 2; 1 more"
    assert reason(6) == "line 0; line 1; line 2; 3 more"


def test_the_words_of_an_error_page_are_cut_at_80_characters() -> None:
    assert shorten_excerpt("<h1>Server\n Error</h1> <p") == "Server Error"
    assert shorten_excerpt("x" * 80) == "x" * 80
    assert shorten_excerpt("x" * 81) == "x" * 79 + "…"


def test_a_page_is_called_by_path_and_query() -> None:
    assert display_page(f"{BASE}a/?b=1#c") == "/a/?b=1"
    assert display_page(f"{BASE}a/") == "/a/"


def loaded(*times: tuple[float, int | None, float]) -> Run:
    """Return a run of a load: ten seconds at rest, ten rolling; pages by time, status and ms."""
    moments = {"load-at-rest": 0.0, "load-rolling": 10.0, "load-ended": 20.0}
    return Run(
        header=LAB,
        events=tuple(
            Event(t=t, event=name, release=None, detail={}) for name, t in moments.items()
        ),
        fetches=(
            *(page(status, how="load", t=t, ms=ms) for t, status, ms in times),
            page(200, how="seed", t=1),
        ),
    )


def test_a_phase_counts_what_was_due_from_its_beginning_to_before_its_end() -> None:
    rest, rolling = find_phases(
        loaded((0, 200, 5), (9.5, 200, 500), (9.9, 499, 99), (10, 500, 7), (20, 200, 1))
    )
    assert (rest.name, rest.seconds, rest.pages, rest.rate) == ("at rest", 10, 3, 0.2)
    assert (rolling.name, rolling.seconds, rolling.pages, rolling.rate) == ("rolling", 10, 1, 0.2)
    assert (rest.p50, rest.p99, rest.longest) == (99, 500, 500)
    assert (rest.errors, rolling.errors) == (0, 1)


def test_an_answer_counts_in_the_phase_in_which_it_came() -> None:
    for ms, rates in ((999.5, [0.1, 0.0]), (1000, [0.0, 0.1]), (10_999.5, [0.0, 0.1])):
        assert [phase.rate for phase in find_phases(loaded((9, 200, ms)))] == rates
    assert [phase.rate for phase in find_phases(loaded((9, 200, 11_000)))] == [0, 0]


def test_a_load_that_nothing_answered_has_no_times() -> None:
    rest, rolling = find_phases(loaded((1, None, 3), (2, 200, 4)))
    assert (rest.pages, rest.refused, rest.errors, rest.p50, rest.longest) == (2, 1, 0, 4, 4)
    assert (rolling.pages, rolling.refused, rolling.p99, rolling.longest) == (0, 0, None, None)
    assert find_phases(Run(header=LAB)) == ()


def test_a_percentile_is_a_time_that_was_really_met() -> None:
    times = [float(each) for each in range(1, 101)]
    assert [percentile(times, each) for each in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([float(each) for each in range(1, 1001)], 50) == 500
    assert percentile([3.0, 4.0], 50) == 3
    assert percentile([3.0, 4.0, 5.0], 50) == 4


@pytest.mark.parametrize(
    ("control", "cure", "status", "why"),
    [
        ("FAIL", "PASS", "PASS", "cure passed where the control, control, failed"),
        ("FAIL", "FAIL", "FAIL", "cure did not hold what it promises"),
        ("FAIL", "UNKNOWN", "UNKNOWN", "cure could not be judged"),
        ("PASS", "PASS", "UNKNOWN", "did not fail: this run proves nothing"),
        ("UNKNOWN", "FAIL", "UNKNOWN", "did not fail: this run proves nothing"),
    ],
)
def test_a_comparison_proves_something_only_where_the_control_fails(
    control: str, cure: str, status: str, why: str
) -> None:
    whole = judge()
    verdicts = {
        "control": replace(whole, status=Status(control)),
        "cure": replace(whole, status=Status(cure)),
    }
    found, said = conclude_comparison(verdicts, ["cure", "control"], "cure", "control")
    assert (found, why in said) == (status, True)
    del verdicts["cure"]
    found, said = conclude_comparison(verdicts, ["cure", "control"], "cure", "control")
    assert (found, said) == ("UNKNOWN", "stopped before cure")


def versions(*named: tuple[str | None, str], releases: bool = True) -> Finding:
    """Judge an external site on whose pages one stylesheet has these bodies, by release."""
    fetches = []
    body = md5(b"same").hexdigest()  # noqa: S324 - likewise
    same = asset(200, f"{BASE}static/css/base.{body[:12]}.css", md5=body)
    for number, (release, body) in enumerate(named):
        fetches.append(same)  # which never changes, and says nothing
        digest = md5(body.encode()).hexdigest()  # noqa: S324 - as Django names them
        fetch = asset(200, f"{BASE}static/css/site.{digest[:12]}.css", md5=digest)
        fetches.append(replace(fetch, t=float(number), release=release if releases else None))
    return find("asset of its release", *fetches, header=EXTERNAL)


def test_without_records_a_second_name_within_a_release_is_a_fault() -> None:
    found = versions(("v1", "blue"), ("v1", "green"), ("v1", "blue"))
    assert (found.status, found.judged, found.faults) == (Status.FAIL, 3, 1)
    assert found.first is not None
    assert found.first.t == 1
    assert found.kinds == {"another's stylesheet": 1}
    assert " another version of what pages of v1 had as " in found.first.sentence
    of_v2 = versions(("v1", "blue"), ("v2", "green"), ("v1", "green"))
    assert of_v2.kinds == {"v2's stylesheet": 1}


def test_without_records_each_release_may_have_a_name_of_its_own() -> None:
    found = versions(("v1", "blue"), ("v2", "green"), ("v1", "blue"), ("v2", "green"))
    assert (found.status, found.judged, found.faults) == (Status.PASS, 4, 0)


def test_without_records_and_releases_a_second_name_is_unknown() -> None:
    found = versions(("v1", "blue"), ("v1", "green"), releases=False)
    assert (found.status, found.judged, found.faults) == (Status.UNKNOWN, 0, 0)
    assert str(found.reason).startswith(
        "/static/css/site.css had more than one name, and no answer"
    )
    assert str(found.reason).endswith("(2 could not be judged)")


def test_a_name_that_is_not_made_from_its_body_is_no_version_of_a_file() -> None:
    """Other tools make such names, too, and a missing file is no version either."""
    names = (f"{BASE}css/site.{digit * 12}.css" for digit in "012")
    others = [asset(200, name, md5="f" * 32) for name in names]
    gone = asset(404, f"{BASE}css/site.{'f' * 12}.css", md5="f" * 32)
    came = asset(200, f"{BASE}css/site.{'f' * 12}.css", md5="f" * 32)
    for fetches in (others, [*others, gone], [*others, came], [came, gone]):
        found = find("asset of its release", *fetches, header=EXTERNAL)
        assert found.status is Status.NOT_APPLICABLE


def test_what_the_pages_of_a_release_met_is_counted_by_kind_and_never_twice() -> None:
    wrong = asset(200, f"{STATIC}css/old.000000000000.css", sha256="1" * 64)
    watched = replace(asset(404, how="watch"), page=None)
    refused = replace(asset(503), cached=True)
    verdict = judge(
        *(page(200), page(500, "a/"), asset(200, sha256="0" * 64), asset(404), wrong),
        *(watched, replace(watched, answer=replace(watched.answer, status=200)), refused),
        *(asset(503), replace(page(200, "b/"), cached=True), asset(404, how="absent")),
        records=[V1],
    )
    tally = verdict.releases["v1"]
    assert (tally.pages, tally.broken_pages) == (3, 1)
    assert (tally.assets, tally.broken_assets, tally.wrong) == (3, 1, 1)
    assert (tally.polls, tally.broken_polls) == (2, 1)
    assert (tally.refused, tally.requests) == (1, 9)
    assert verdict.total == tally


def test_releases_come_by_name_and_what_names_none_comes_last() -> None:
    fetches = [replace(page(200), release=release) for release in ("v2", None, "v10", "v1")]
    assert list(judge(*fetches).releases) == ["v1", "v10", "v2", None]
