from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.probe.html import read_page

URL = "http://shop.test/products/1/"
STATIC = "http://shop.test/static/"


def named(text: str) -> list[tuple[str, str]]:
    """Return what a page loads, short: (path, how)."""
    links, _imports, _map = read_page(text, URL, STATIC)
    return [
        (link.url.removeprefix("http://shop.test"), link.how) for link in links if not link.page
    ]


def pages(text: str) -> list[str]:
    links, _imports, _map = read_page(text, URL, STATIC)
    return [link.url.removeprefix("http://shop.test") for link in links if link.page]


def imported(text: str) -> list[str]:
    return [item.specifier for item in read_page(text, URL, STATIC)[1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<link rel=stylesheet href=/static/a.css>", [("/static/a.css", "stylesheet")]),
        ("<LINK REL='Alternate StyleSheet' HREF=/static/a.css>", [("/static/a.css", "stylesheet")]),
        ("<link rel='shortcut icon' href=/i.ico>", [("/i.ico", "icon")]),
        ("<link rel=apple-touch-icon href=/i.png>", [("/i.png", "icon")]),
        ("<link rel=mask-icon href=/i.svg>", [("/i.svg", "icon")]),
        ("<link rel=modulepreload href=/m.js>", [("/m.js", "modulepreload")]),
        ("<link rel=preload as=font href=/f.woff2>", [("/f.woff2", "preload")]),
        (
            "<link rel=preload as=image imagesrcset='/1.png 1x, /2.png 2x'>",
            [("/1.png", "srcset"), ("/2.png", "srcset")],
        ),
        ("<link rel=manifest href=/m.webmanifest>", [("/m.webmanifest", "manifest")]),
        ("<script src=/a.js></script>", [("/a.js", "script")]),
        ("<script type=text/javascript src=/a.js></script>", [("/a.js", "script")]),
        ("<script type=module src=/a.js></script>", [("/a.js", "module")]),
        (
            "<img src=a.png srcset='b.png 1x, c.png 2x'>",
            [
                ("/products/1/a.png", "img"),
                ("/products/1/b.png", "srcset"),
                ("/products/1/c.png", "srcset"),
            ],
        ),
        (
            "<picture><source srcset='/a.avif 1x'><img src=/a.png></picture>",
            [("/a.avif", "srcset"), ("/a.png", "img")],
        ),
        (
            "<video src=/v.mp4 poster=/p.jpg><track src=/t.vtt></video>",
            [("/v.mp4", "media"), ("/p.jpg", "img"), ("/t.vtt", "track")],
        ),
        ("<audio><source src=/a.ogg></audio>", [("/a.ogg", "media")]),
        (
            "<embed src=/e.svg><object data=/o.svg></object>",
            [("/e.svg", "object"), ("/o.svg", "object")],
        ),
        ("<input type=image src=/i.png>", [("/i.png", "img")]),
        ("<body background=/b.png>", [("/b.png", "img")]),
        ("<svg><use href='/s.svg#cart'/></svg>", [("/s.svg", "svg")]),
        (
            "<svg><use xlink:href='/s.svg#cart'/><image href=/i.png /><feImage href=/f.png />",
            [("/s.svg", "svg"), ("/i.png", "svg"), ("/f.png", "svg")],
        ),
        ("<svg><rect fill='url(/p.svg#a)' mask='url(#local)'/></svg>", [("/p.svg", "css-url")]),
        (
            "<style>@import '/a.css'; a { b: url(/b.png) }</style>",
            [("/a.css", "css-import"), ("/b.png", "css-url")],
        ),
        ("<p style='background: url(/b.png)'>", [("/b.png", "css-url")]),
        ("<p style='background: url(&quot;/b.png&quot;)'>", [("/b.png", "css-url")]),
        ("<meta property=og:image content=http://shop.test/o.png>", [("/o.png", "meta")]),
        ("<meta name=twitter:image content=/t.png>", [("/t.png", "meta")]),
        ("<a href=/static/catalogue.pdf>", [("/static/catalogue.pdf", "a")]),
        (
            "<div data-src=/static/late.png data-id=7 data-x=/other.png>",
            [("/static/late.png", "attribute")],
        ),
        (
            "<template><img src=/t.png><template><img src=/tt.png></template></template>",
            [("/t.png", "img"), ("/tt.png", "img")],
        ),
        ("<noscript><img src=/n.png></noscript>", [("/n.png", "img")]),
        ("<img src='/a.png?v=1&amp;w=2#frag'>", [("/a.png?v=1&w=2", "img")]),
        ("<img src=' \n/a\n.png '>", [("/a.png", "img")]),
        ("<img src=/a.png><img src=/a.png>", [("/a.png", "img")]),
        ("<img src='/caf\u00e9 x.png'>", [("/caf%C3%A9%20x.png", "img")]),
        ("<img src=HTTP://SHOP.test:80/a.png>", [("/a.png", "img")]),
    ],
)
def test_a_page_names_what_a_browser_may_load(text: str, expected: list[tuple[str, str]]) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "<!-- <img src=/no.png> -->",
        "<textarea><img src=/no.png></textarea>",
        "<title><img src=/no.png></title>",
        "<script>const s = '<img src=/no.png>'</script>",
        '<script type=application/json>{"src": "/no.png"}</script>',
        "<script type=text/template><img src=/no.png></script>",
        "<script>// import('/no.js')\n'import(\"/no.js\")'</script>",
        "<img src=data:image/png;base64,AA>",
        "<img src=''><img src='#x'><img>",
        "<img src=blob:http://shop.test/1><img src='javascript:0'>",
        "<img src='http://[::1'><img src='http://x:99999/'>",
        "<link rel=canonical href=/no/><link rel=alternate href=/no.rss><link href=/no.css>",
        "<link rel=dns-prefetch href=//cdn.test>",
        "<img alt='src=/no.png'>",
        "<meta name=description content=/no.png>",
    ],
)
def test_a_page_names_nothing_that_only_looks_like_it(text: str) -> None:
    assert named(text) == []
    assert imported(text) == []


def test_the_first_base_counts_for_all_that_is_relative() -> None:
    text = (
        "<base target=_blank><base href=/other/><base href=/no/><img src=a.png>"
        "<style>a { b: url(b.png) }</style><script type=module>import './c.js'</script>"
        '<script type=importmap>{"imports": {"d": "./d.js"}}</script><a href=e/>'
    )
    assert named(text) == [
        ("/other/d.js", "import-map"),
        ("/other/a.png", "img"),
        ("/other/b.png", "css-url"),
    ]
    assert pages(text) == ["/other/e/"]
    assert read_page(text, URL)[1][0].base == "http://shop.test/other/"


def test_links_lead_to_pages() -> None:
    leading = "<a href=/cart/#top><area href=/about/><iframe src=/frame/></iframe>"
    text = f"{leading}<a href=#x><a href=mailto:a@b.c><a href=tel:1><a>"
    assert pages(text) == ["/cart/", "/about/", "/frame/"]


def test_a_download_is_no_page() -> None:
    assert pages("<a href=/export/ download>") == []


def test_a_linked_sitemap_is_a_page() -> None:
    assert pages("<link rel=sitemap href=/sitemap.xml>") == ["/sitemap.xml"]


def test_a_module_script_imports_and_a_classic_one_only_by_a_call() -> None:
    static = "import 'a'; import('b'); new URL('/c.png', import.meta.url)"
    assert imported(f"<script type=module>{static}</script>") == ["a", "b"]
    assert imported(f"<script>{static}</script>") == ["b"]
    assert named(f"<script type=module>{static}</script>") == [("/c.png", "js-url")]
    assert named(f"<script>{static}</script>") == []


def test_an_import_map_names_its_modules() -> None:
    imports = '{"shop/cart": "/static/cart.js", "lib/": "/static/lib/"}'
    text = f'<script type="importmap">{{"imports": {imports}}}</script>'
    assert named(text) == [("/static/cart.js", "import-map")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<",
        "<img src=",
        "<p" * 5000,
        "<div>" * 5000,
        "\0<img src=/a.png>",
        "<table><img src=/a.png><tr>",
        "</html><img src=/a.png>",
    ],
)
def test_malformed_html_is_read_without_an_error(text: str) -> None:
    assert named(text) in ([], [("/a.png", "img")])


@given(st.text(st.sampled_from("<>/=\"' abimgsrcscriptyle\n&#;url()"), max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_page(text, URL, STATIC)
