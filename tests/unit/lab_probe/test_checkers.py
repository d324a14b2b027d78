"""The other checkers, on real requests, with each fault they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.lab_probe.verdicts import name_of, only_fault, says

from lab.judge.findings import Status

if TYPE_CHECKING:
    from tests.unit.lab_probe.conftest import Bench, Reply


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
    bench.history.add_event("publish-started", "v2")
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
