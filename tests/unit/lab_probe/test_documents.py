from __future__ import annotations

import hashlib

import pytest

from lab.history import Answer, Fetch
from lab.judge.mime import find_misfit
from lab.probe.documents import Documents, decode, kind_of, read_sitemap, read_web_manifest
from lab.probe.links import Link, read_origin, resolve_url

BASE = "http://shop.test/a/"


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        ("caf\u00e9".encode(), "text/html", "html"),
        ("caf\u00e9".encode("latin-1"), "text/html; charset=iso-8859-1", "html"),
        ("caf\u00e9".encode("latin-1"), 'text/html; x=y; CHARSET="latin1"', "html"),
        ("\ufeffcaf\u00e9".encode(), "text/html; charset=iso-8859-1", "html"),
        ("\ufeffcaf\u00e9".encode("utf-16-le"), "text/html", "html"),
        ('<meta charset="windows-1252">caf\u00e9'.encode("cp1252"), "text/html", "html"),
        (
            "<meta http-equiv=Content-Type content='text/html; charset=latin1'>caf\u00e9".encode(
                "latin-1"
            ),
            "text/html",
            "html",
        ),
        ('@charset "iso-8859-1"; caf\u00e9'.encode("latin-1"), "text/css", "css"),
        ("caf\u00e9".encode("koi8-r", "replace"), "text/html; charset=no-such", "javascript"),
    ],
)
def test_a_body_is_decoded_as_a_browser_would(body: bytes, content_type: str, kind: str) -> None:
    expected = "caf?" if "no-such" in content_type else "caf\u00e9"
    assert decode(body, content_type, kind).endswith(expected)


def test_bytes_that_are_no_text_are_read_all_the_same() -> None:
    assert decode(b"\xff\xfea\x00", None, "html") == "a"
    assert "\ufffd" in decode(b"a\xffb", "text/html; charset=utf-8", "html")


@pytest.mark.parametrize(
    ("content_type", "url", "kind"),
    [
        ("text/html; charset=utf-8", "a.js", "html"),
        ("application/xhtml+xml", "a", "html"),
        ("text/css", "a", "css"),
        ("application/x-javascript", "a", "javascript"),
        ("image/svg+xml", "a", "svg"),
        ("text/xml", "a", "xml"),
        ("image/png", "a.css", None),
        ("text/plain", "a.js", None),
        (None, "http://shop.test/a.css?v=1", "css"),
        ("binary/octet-stream", "http://shop.test/a.mjs", "javascript"),
        ("application/octet-stream", "http://shop.test/a.bin", None),
    ],
)
def test_the_type_decides_what_a_body_is(
    content_type: str | None, url: str, kind: str | None
) -> None:
    assert kind_of(content_type, url) == kind


def fetched(body: bytes, url: str = f"{BASE}a.css") -> Fetch:
    answer = Answer(status=200, content_type="text/css", sha256=hashlib.sha256(body).hexdigest())
    return Fetch(0.0, "asset", url, BASE, BASE, "stylesheet", "v1", "1", answer)


def test_the_same_body_is_parsed_once_and_the_oldest_forgotten() -> None:
    documents = Documents(size=2)
    bodies = [f"a {{ b: url({number}.png) }}".encode() for number in range(3)]
    first = documents.read(fetched(bodies[0]), bodies[0])
    assert documents.read(fetched(bodies[0]), bodies[0]) is first
    documents.read(fetched(bodies[1]), bodies[1])
    documents.read(fetched(bodies[0]), bodies[0])
    documents.read(fetched(bodies[2]), bodies[2])
    assert documents.read(fetched(bodies[0]), bodies[0]) is first
    elsewhere = documents.read(fetched(bodies[0], "http://shop.test/b/a.css"), bodies[0])
    assert elsewhere.links == (Link("http://shop.test/b/0.png", "css-url"),)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("b.png", "http://shop.test/a/b.png"),
        ("../b.png", "http://shop.test/b.png"),
        ("//cdn.test/b.png", "http://cdn.test/b.png"),
        ("HTTPS://Shop.Test:443", "https://shop.test/"),
        ("http://shop.test:8080/#x", "http://shop.test:8080/"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("?a=1&b=2#c", "http://shop.test/a/?a=1&b=2"),
        ("b c.png", "http://shop.test/a/b%20c.png"),
        ("b%20c.png", "http://shop.test/a/b%20c.png"),
        ("font.eot?#iefix", "http://shop.test/a/font.eot"),
        (" \n b\n.png \0", "http://shop.test/a/b.png"),
        ("", None),
        ("#top", None),
        ("data:text/css,a", None),
        ("mailto:a@b.c", None),
        ("javascript:void(0)", None),
        ("blob:http://shop.test/1", None),
        ("ftp://shop.test/a", None),
        ("http://[::1", None),
        ("http://shop.test:99999/", None),
        ("http://shop.test:port/", None),
    ],
)
def test_a_value_means_a_url_or_nothing(value: str, url: str | None) -> None:
    assert resolve_url(BASE, value) == url


def test_an_origin_is_scheme_host_and_port() -> None:
    assert read_origin("http://127.0.0.1:8080/a?b") == "http://127.0.0.1:8080"


SITEMAP = """<?xml version='1.0' encoding='UTF-8'?>
<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'
        xmlns:i='http://www.google.com/schemas/sitemap-image/1.1'>
  <url>
    <loc> http://shop.test/b/?x=1&amp;y=2 </loc>
    <i:image><i:loc>http://shop.test/no.png</i:loc></i:image>
  </url>
  <!-- <url><loc>http://shop.test/no/</loc></url> -->
  <url><loc><![CDATA[/c/]]></loc></url>
</urlset>"""


def test_a_sitemap_names_pages_and_only_pages() -> None:
    assert [link.url for link in read_sitemap(SITEMAP, BASE)] == [
        "http://shop.test/b/?x=1&y=2",
        "http://shop.test/c/",
    ]


def test_a_sitemap_index_names_sitemaps() -> None:
    index = "<sitemapindex><sitemap><loc>/1.xml</loc></sitemap></sitemapindex>"
    assert read_sitemap(index, BASE) == [Link("http://shop.test/1.xml", "sitemap", page=True)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<urlset>",
        "<rss><channel><link>/no/</link></channel></rss>",
        "<!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(f"<!ENTITY a{n + 1} '{f'&a{n or str()};' * 10}'>" for n in range(9))
        + "]><urlset><url><loc>&a9;</loc></url></urlset>",
    ],
)
def test_what_is_no_sitemap_names_nothing(text: str) -> None:
    assert read_sitemap(text, BASE) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"icons": {"src": "a"}}', '{"icons": [{"src": 3}, "x"]}']
)
def test_what_is_no_web_app_manifest_names_nothing(text: str) -> None:
    assert read_web_manifest(text, BASE) == []


@pytest.mark.parametrize(
    ("content_type", "how", "path", "nosniff", "expected"),
    [
        ("text/css", "stylesheet", "a", False, None),
        ("text/css", "css-import", "a.css", True, None),
        ("text/plain", "stylesheet", "a", False, "text/css"),
        ("application/javascript; charset=utf-8", "module", "a.js", True, None),
        ("text/plain", "module", "a", False, "text/javascript"),
        ("application/json", "js-import", "a.json", False, None),
        ("application/wasm", "js-url", "a.wasm", False, None),
        ("text/plain", "script", "a.js", False, None),
        ("text/plain", "script", "a.js", True, "text/javascript"),
        ("image/png", "script", "a.js", False, "text/javascript"),
        ("text/csv", "script", "a.js", False, "text/javascript"),
        ("image/webp", "img", "a.png", True, None),
        ("binary/octet-stream", "img", "a.png", True, None),
        ("text/plain", "img", "a.png", False, "an image type"),
        ("image/svg+xml", "img", "a.svg", False, None),
        ("image/png", "svg", "a.svg", False, "image/svg+xml"),
        ("application/octet-stream", "css-url", "a.woff2", True, None),
        ("text/html", "css-url", "a.woff2", False, "anything but a page"),
        ("text/html", "img", "avatar", False, "anything but a page"),
        ("text/html", "object", "frame", False, None),
        ("text/css", "watch", "a.css", False, None),
        ("text/html", "watch", "a.css", False, "text/css"),
    ],
)
def test_types_fit_or_not_as_in_a_browser(
    content_type: str, how: str, path: str, nosniff: bool, expected: str | None
) -> None:
    assert find_misfit(content_type, how, f"{BASE}{path}?v=1.css", nosniff=nosniff) == expected
