from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from tests.unit.shop.conftest import Site

    Pages = dict[str, dict[str, requests.Response]]
    Records = dict[str, dict[str, Any]]

RELEASES = Path(__file__).parents[3] / "app" / "releases"
SLUGS = (
    "ember-teapot",
    "harbour-tumblers",
    "lantern-bottle",
    "larder-jar",
    "moon-jar",
    "quayside-mug",
    "supper-plates",
    "tide-bowl",
)
SHOP = {
    "/",
    "/about/",
    "/cart/",
    "/catalogue/",
    "/workshop/",
    *(f"/products/{slug}/" for slug in SLUGS),
}
STATIC_URL = re.compile(r"/static/([^\s\"'<>()#]+)")
BARE_IMPORT = re.compile(r"""(?:from|import\()\s*["'](shop/\w+)["']""")


def assets_in(html: str) -> set[str]:
    """Return the names of the assets that a page names."""
    return set(STATIC_URL.findall(html))


def import_map(html: str) -> dict[str, str]:
    """Return the page's import map; none is an empty one."""
    found = LexborHTMLParser(html).css_first('script[type="importmap"]')
    return json.loads(found.text())["imports"] if found else {}


def test_links_lead_from_the_home_page_to_every_page(pages: Pages, site: Site) -> None:
    found = {path: page.status_code for path, page in pages[site.release].items()}
    assert found == dict.fromkeys(SHOP | {"/admin/login/", "/sitemap.xml"}, 200)


def test_every_static_url_is_hashed_and_in_the_record(
    pages: Pages, records: Records, site: Site
) -> None:
    assets = records[site.release]["assets"]
    for path, page in pages[site.release].items():
        unknown = assets_in(page.text) - set(assets)
        assert not unknown, f"{path} names what the record lacks: {unknown}"
        assert path == "/sitemap.xml" or assets_in(page.text)


def test_a_page_says_which_release_it_is_of(pages: Pages, site: Site) -> None:
    for path in SHOP:
        body = LexborHTMLParser(pages[site.release][path].text).body
        assert body
        assert body.attributes["data-release"] == site.release


def test_headers_and_footer_name_release_strategy_replica_and_worker(
    pages: Pages, site: Site
) -> None:
    told = {
        "X-Release": site.release,
        "X-Strategy": "skewproof",
        "X-Replica": "web-7",
        "X-Pid": str(site.pid),
    }
    for path, page in pages[site.release].items():
        assert {name: page.headers.get(name) for name in told} == told
        if path != "/sitemap.xml":
            footer = LexborHTMLParser(page.text).css_first("footer")
            assert footer
            words = footer.text(separator=" ").split()
            assert set(told.values()) <= set(words), path


def test_every_module_that_scripts_import_is_in_the_import_map(
    pages: Pages, records: Records, site: Site
) -> None:
    names = {asset: name for name, asset in records[site.release]["paths"].items()}
    for path in SHOP:
        html = pages[site.release][path].text
        known = import_map(html)
        scripts = [asset for asset in assets_in(html) if asset.endswith(".js")]
        source = RELEASES / site.release / "static"
        texts = [html, *((source / names[asset]).read_text("utf-8") for asset in scripts)]
        wanted = {module for text in texts for module in BARE_IMPORT.findall(text)}
        assert wanted <= set(known), path


def test_the_workshop_imports_its_wheel_only_on_a_click(pages: Pages, site: Site) -> None:
    html = pages[site.release]["/workshop/"].text
    assert "shop/viewer" in import_map(html)
    assert "viewer" not in " ".join(
        str(script.attributes["src"]) for script in LexborHTMLParser(html).css("script[src]")
    )


def test_the_sitemap_has_absolute_urls_of_this_host_and_every_page(site: Site) -> None:
    tree = ElementTree.fromstring(site.get("/sitemap.xml").content)  # noqa: S314 - our own
    urls = [str(element.text) for element in tree.iter() if element.tag.endswith("}loc")]
    assert {url.removeprefix(site.url) for url in urls} == SHOP


def test_robots_txt_names_the_sitemap_of_this_host(site: Site) -> None:
    assert f"Sitemap: {site.url}/sitemap.xml\n" in site.get("/robots.txt").text


def test_every_footer_leads_to_the_explore_page_and_robots_stay_away_from_it(
    pages: Pages, site: Site
) -> None:
    for path in SHOP:
        anchors = LexborHTMLParser(pages[site.release][path].text).css("footer a[href='/lab/']")
        assert [anchor.attributes["rel"] for anchor in anchors] == ["nofollow"], path
    assert "\nDisallow: /lab/\n" in site.get("/robots.txt").text


def test_nothing_leads_to_the_explore_page_where_there_is_no_gateway(
    serve: Callable[..., Site], tmp_path: Path
) -> None:
    for release in ("v1", "v2"):
        home = serve(release, tmp_path, DEBUG="true").get("/")
        assert home.status_code == 200
        assert not LexborHTMLParser(home.text).css("a[href^='/lab']")


def test_where_nothing_was_recorded_there_is_no_record(site: Site) -> None:
    for path in ("/record.json", f"/record.json?release={site.release}"):
        assert site.get(path).status_code == 404


def test_an_unknown_page_is_a_404_that_needs_no_static_file(site: Site) -> None:
    for path in ("/no-such-page/", "/products/chamber-pot/"):
        page = site.get(path)
        assert page.status_code == 404
        assert f"release <b>{site.release}</b>" in page.text
        assert not assets_in(page.text)


@pytest.mark.parametrize("name", ["404.html", "500.html"])
def test_the_templates_of_error_pages_name_no_static_file(name: str) -> None:
    for release in ("v1", "v2"):
        template = (RELEASES / release / "templates" / name).read_text("utf-8")
        assert "{% load" not in template
        assert "<link" not in template


def test_a_foreign_host_name_is_refused(site: Site) -> None:
    import requests

    answer = requests.get(site.url, headers={"Host": "elsewhere.example"}, timeout=10)
    assert answer.status_code == 400


def test_the_process_is_alive_and_ready(site: Site) -> None:
    assert [site.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]


def test_every_icon_that_a_page_uses_is_in_the_sprite(pages: Pages, site: Site) -> None:
    sprite = (RELEASES / site.release / "static" / "icons" / "sprite.svg").read_text("utf-8")
    for path in SHOP:
        uses = LexborHTMLParser(pages[site.release][path].text).css("use[href]")
        icons = {urlsplit(str(use.attributes["href"])).fragment for use in uses}
        assert icons
        assert all(f'id="{icon}"' in sprite for icon in icons), path
