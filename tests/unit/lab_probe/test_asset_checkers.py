"""The checkers of assets, on real requests, with each fault they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.lab_probe.verdicts import name_of, only_fault, says

from lab.judge.findings import Status

if TYPE_CHECKING:
    from tests.unit.lab_probe.conftest import Bench, Reply


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
