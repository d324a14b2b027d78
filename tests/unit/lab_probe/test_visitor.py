from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.history import read_history
from lab.probe import Limits, Probe, Site

if TYPE_CHECKING:
    from tests.unit.lab_probe.conftest import Reply, Request, Shop

    from lab.history import Fetch, History


def paths(shop: Shop, fetches: list[Fetch], role: str) -> list[str]:
    return [fetch.url.removeprefix(shop.base) for fetch in fetches if fetch.role == role]


def html(text: str) -> dict[str, object]:
    return {"body": text.encode(), "headers": {"Content-Type": "text/html", "X-Release": "v1"}}


def test_a_visit_sees_every_page_breadth_first_from_the_entrance(shop: Shop, probe: Probe) -> None:
    fetches = probe.crawl_once("v1")
    assert paths(shop, fetches, "page") == [
        "",
        "sitemap.xml",
        "products/1/",
        "account/",
        "login/",
        "about/",
    ]


def test_a_visit_follows_everything_that_a_page_names_to_the_end(shop: Shop, probe: Probe) -> None:
    fetched = set(paths(shop, probe.crawl_once("v2"), "asset"))
    assert fetched == {f"static/{name}" for name in shop.releases["v2"].files}


def test_a_visit_says_how_and_by_what_each_asset_was_named(shop: Shop, probe: Probe) -> None:
    named = {
        fetch.url: (fetch.via, fetch.how)
        for fetch in probe.crawl_once("v1")
        if fetch.role == "asset" and fetch.page == shop.base
    }

    def url(source: str) -> str:
        return shop.base + shop.asset(source)[1:]

    assert named[url("css/site.css")] == (shop.base, "stylesheet")
    assert named[url("css/base.css")] == (url("css/site.css"), "css-import")
    assert named[url("fonts/shop.woff2")] == (url("css/base.css"), "css-url")
    assert named[url("js/app.js.map")] == (url("js/app.js"), "source-map")
    assert named[url("js/cart.js")] == (shop.base, "import-map")


def test_each_file_is_asked_for_once_a_visit_and_judged_for_every_page(
    shop: Shop, probe: Probe, history: History
) -> None:
    fetches = probe.crawl_once("v1")
    asked = [request.path for request in shop.seen]
    assert len(asked) == len(set(asked))
    stylesheet = shop.base + shop.asset("css/site.css")[1:]
    pages = [fetch.page for fetch in fetches if fetch.url == stylesheet]
    assert pages == [shop.base + path for path in ("", "products/1/", "login/", "about/")]
    assert [fetch.cached for fetch in fetches if fetch.url == stylesheet] == [
        False,
        True,
        True,
        True,
    ]
    history.end()
    written = read_history(history.path).fetches
    assert sorted(map(without_times, written)) == sorted(map(without_times, fetches))


def without_times(fetch: Fetch) -> tuple[str, ...]:
    """Return what a fetch says, apart from when and how long."""
    answer = replace(fetch.answer, ms=0.0, release=None)
    return tuple(map(repr, (fetch.page, fetch.url, replace(fetch, t=0.0, answer=answer))))


def test_every_visit_begins_afresh(shop: Shop, probe: Probe) -> None:
    probe.crawl_once("v1")
    first = [request.path for request in shop.seen]
    probe.crawl_once("v1")
    assert [request.path for request in shop.seen] == first * 2
    assert [request.path for request in shop.seen if request.number_on_connection == 1] == [
        "/",
        "/",
    ]


def test_cookies_are_kept_within_a_visit_and_not_beyond(
    shop: Shop, probe: Probe, reply: type[Reply]
) -> None:
    headers = {"Set-Cookie": "basket=7; Path=/", "Content-Type": "text/html"}
    shop.plant("/", reply(b"<a href=/about/>", headers=headers))
    probe.crawl_once()
    probe.crawl_once()
    cookies = [
        request.headers.get("Cookie") for request in shop.seen if request.path in ("/", "/about/")
    ]
    assert cookies == [None, "basket=7"] * 2


def test_a_log_out_and_another_host_are_never_visited(shop: Shop, probe: Probe) -> None:
    probe.crawl_once()
    asked = {request.path for request in shop.seen}
    assert "/log-out/" not in asked
    assert not any("elsewhere" in path for path in asked)


@pytest.mark.parametrize(
    ("path", "is_page"),
    [
        ("about/", True),
        ("logout/", False),
        ("accounts/logout", False),
        ("admin/log_out/", False),
        ("sign-out", False),
        ("cart/remove/3/", False),
        ("items/3/delete", False),
        ("blog/logouts-explained/", True),
        ("removed/", True),
    ],
)
def test_links_that_change_something_are_known_by_their_path(path: str, is_page: bool) -> None:
    site = Site(base="http://shop.test/")
    assert site.has_page(f"http://shop.test/{path}") is is_page


@pytest.mark.parametrize("url", ["shop.test", "shop.test:8080", "/", "", "http://", "http://[::1"])
def test_a_site_without_a_usable_url_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"site '.*': not an http or https URL; give one such as"):
        Site(base=url)


@pytest.mark.parametrize("query", ["?release=v2", "?a=1&release=v2", "?release=v2#x"])
def test_a_link_that_pins_the_visitor_is_not_followed(query: str) -> None:
    assert not Site(base="http://shop.test/").has_page(f"http://shop.test/{query}")
    assert Site(base="http://shop.test/", pin="colour").has_page(f"http://shop.test/{query}")


def test_what_the_gateway_serves_by_itself_is_no_page_of_a_release(
    shop: Shop, probe: Probe, reply: type[Reply]
) -> None:
    own = "<a href=/lab/></a><a href=/lab/explore.js></a><a href=/laboratory/></a>"
    shop.plant("/about/", lambda _request: reply(**html(own)))
    seen = paths(shop, probe.crawl_once("v1"), "page")
    assert "laboratory/" in seen
    assert not [path for path in seen if path.startswith("lab/")]


def test_the_assets_of_a_record_have_urls() -> None:
    site = Site(base="http://shop.test/", static="http://cdn.test/static/")
    assert site.asset_urls(["css/a b.1.css"]) == ["http://cdn.test/static/css/a%20b.1.css"]


def test_pages_without_end_are_bounded(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    def calendar(request: Request) -> Reply:
        day = int(request.path.removeprefix("/day/").strip("/") or 0)
        return reply(**html(f"<a href=/day/{day + 1}/>next</a>"))

    for day in range(50):
        shop.plant(f"/day/{day}/", calendar)
    bounded = replace(
        site, base=f"{shop.base}day/0/", seeds=(), limits=replace(site.limits, pages=7)
    )
    fetches = Probe(bounded, history).crawl_once()
    assert len(fetches) == 7


def test_queries_without_end_are_bounded(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    links = "".join(f"<a href='/?page={number}'>" for number in range(50))
    for number in range(50):
        shop.plant(f"/?page={number}", reply(**html(links)))
    shop.plant("/", reply(**html(links)))
    Probe(replace(site, seeds=()), history).crawl_once()
    assert len(shop.seen) == Limits().queries


def test_assets_without_end_are_bounded(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    shop.plant(
        "/", reply(**html("".join(f"<img src=/static/{number}.png>" for number in range(50))))
    )
    bounded = replace(site, seeds=(), limits=replace(site.limits, assets=9))
    assert len(Probe(bounded, history).crawl_once()) == 10


def test_stylesheets_that_import_each_other_end(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    css = {"Content-Type": "text/css"}
    shop.plant("/", reply(**html("<link rel=stylesheet href=/a.css>")))
    shop.plant("/a.css", reply(b"@import 'b.css'; @import 'a.css'", headers=css))
    shop.plant("/b.css", reply(b"@import 'a.css'", headers=css))
    fetches = Probe(replace(site, seeds=()), history).crawl_once()
    assert [fetch.url.removeprefix(shop.base) for fetch in fetches] == ["", "a.css", "b.css"]


def test_a_redirect_that_sets_a_cookie_and_returns_is_followed(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    def ask_for_cookie(request: Request) -> Reply:
        if "ok=1" in request.headers.get("Cookie", ""):
            return reply(**html("<img src=/static/a.png>"))
        return reply(b"", 302, {"Location": "/", "Set-Cookie": "ok=1; Path=/"})

    shop.plant("/", ask_for_cookie)
    fetches = Probe(replace(site, seeds=()), history).crawl_once()
    assert [fetch.answer.status for fetch in fetches] == [302, 200, 404]


def test_a_redirect_to_another_host_is_recorded_and_not_followed(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    shop.plant("/", reply(b"", 302, {"Location": "http://elsewhere.test/"}))
    (fetch,) = Probe(replace(site, seeds=()), history).crawl_once()
    assert fetch.answer.redirected_to == "http://elsewhere.test/"


def test_an_asset_that_redirects_to_a_log_in_is_judged_as_what_it_was_named_for(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    shop.plant("/", reply(**html("<script type=module src=/app.js></script>")))
    shop.plant("/app.js", reply(b"", 302, {"Location": "/sign-in/"}))
    shop.plant("/sign-in/", reply(**html("<link rel=stylesheet href=/static/no.css>")))
    fetches = Probe(replace(site, seeds=()), history).crawl_once()
    seen = [(fetch.url.removeprefix(shop.base), fetch.how) for fetch in fetches[1:]]
    assert seen == [("app.js", "module"), ("sign-in/", "module")]


def test_what_a_failed_asset_names_is_not_followed(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    shop.plant("/", reply(**html("<link rel=stylesheet href=/a.css>")))
    shop.plant("/a.css", reply(b"@import 'b.css'", 404, {"Content-Type": "text/css"}))
    assert len(Probe(replace(site, seeds=()), history).crawl_once()) == 2


def test_what_an_error_page_names_is_followed(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    page = html("<link rel=stylesheet href=/a.css>") | {"status": 500}
    shop.plant("/", reply(**page))
    assert len(Probe(replace(site, seeds=()), history).crawl_once()) == 2


def test_a_picture_loads_nothing_and_a_sprite_does(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    svg = {"Content-Type": "image/svg+xml"}
    shop.plant("/", reply(**html("<img src=/a.svg><svg><use href=/b.svg#x /></svg>")))
    shop.plant("/a.svg", reply(b"<svg><image href='/static/a.png'/></svg>", headers=svg))
    shop.plant("/b.svg", reply(b"<svg><image href='/static/b.png'/></svg>", headers=svg))
    fetches = Probe(replace(site, seeds=()), history).crawl_once()
    assert [fetch.url.removeprefix(shop.base) for fetch in fetches] == [
        "",
        "a.svg",
        "b.svg",
        "static/b.png",
    ]


def test_a_classic_script_imports_only_by_a_call(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    javascript = {"Content-Type": "text/javascript"}
    shop.plant("/", reply(**html("<script src=/a.js></script>")))
    shop.plant("/a.js", reply(b"import './b.js'; import('./c.js')", headers=javascript))
    fetches = Probe(replace(site, seeds=()), history).crawl_once()
    assert [fetch.url.removeprefix(shop.base) for fetch in fetches] == ["", "a.js", "c.js"]


def test_the_same_script_means_other_modules_on_another_page(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    page = (
        '<script type=importmap>{{"imports": {{"m": "/{0}.js"}}}}</script>'
        "<script type=module src=/app.js></script><a href=/two/>"
    )
    javascript = {"Content-Type": "text/javascript"}
    shop.plant("/", reply(**html(page.format("one"))))
    shop.plant("/two/", reply(**html(page.format("two"))))
    shop.plant("/app.js", reply(b"import 'm'", headers=javascript))
    for name in ("/one.js", "/two.js"):
        shop.plant(name, reply(b"1", headers=javascript))
    fetches = Probe(replace(site, seeds=()), history).crawl_once()
    needed = {
        (fetch.page, fetch.url.removeprefix(shop.base))
        for fetch in fetches
        if fetch.role == "asset"
    }
    assert needed == {
        (shop.base, "app.js"),
        (shop.base, "one.js"),
        (f"{shop.base}two/", "app.js"),
        (f"{shop.base}two/", "two.js"),
    }


def test_assets_of_other_hosts_are_fetched_only_where_the_site_has_them(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    other = shop.base.replace("127.0.0.1", "localhost")
    shop.plant("/", reply(**html(f"<img src={other}static/a.png><img src=//elsewhere.test/b.png>")))
    alone = replace(site, seeds=())
    assert len(Probe(alone, history).crawl_once()) == 1
    known = replace(alone, asset_origins=(other,))
    assert [fetch.url for fetch in Probe(known, history).crawl_once()[1:]] == [
        f"{other}static/a.png"
    ]


def test_a_web_app_manifest_names_icons(
    shop: Shop, site: Site, history: History, reply: type[Reply]
) -> None:
    body = b'{"icons": [{"src": "icon.png"}], "shortcuts": [{"icons": [{"src": "/cut.png"}]}, 7]}'
    shop.plant("/", reply(**html("<link rel=manifest href=/app/site.webmanifest>")))
    shop.plant("/app/site.webmanifest", reply(body, headers={"Content-Type": "application/json"}))
    fetches = Probe(replace(site, seeds=()), history).crawl_once()
    assert [fetch.url.removeprefix(shop.base) for fetch in fetches[2:]] == [
        "app/icon.png",
        "cut.png",
    ]
