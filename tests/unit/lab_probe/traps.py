"""The traps of the nasty site: what is served, and what a probe has to make of it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import brotli
from backports import zstd
from tests.unit.lab_probe.nasty import CSS, HTML, JS, JSON, SVG, Headers, Reply, Route, hashed, page

BODY = "body { color: teal }" * 99
SITE = hashed("site.css", BODY)
LINK = f"<link rel=stylesheet href={SITE}>"
OTHER_BODY = "body { color: red }" * 99
NO_STORE = {"Cache-Control": "no-store"}
TOO_LONG = "is too long to be read"
NO_HASH = "a.0123456789ab.css"


@dataclass(frozen=True)
class Trap:
    """One row: the files below the trap's folder, and what follows.

    Attributes:
        name: what it is, and the name of the folder.
        files: what is answered, by path; "" is the entrance.
        faults: checkers that must find something, each with words of its evidence; no others may.
        others: files on the other server.
        asked, spared: paths that the probe has to ask for, and must not; `other:` those over there.
        passes: checkers that must have had something to judge, and found nothing.
        unknown: words of why nobody can tell.
    """

    name: str
    files: Mapping[str, Route]
    faults: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Route] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    unknown: str = ""
    visits: int = 1


def css(body: bytes | str = BODY, **headers: str) -> Reply:
    return Reply(body, {**CSS, **{name.replace("_", "-"): each for name, each in headers.items()}})


def packed(name: str, encoding: str, body: bytes) -> Trap:
    """Return a stylesheet that comes packed, whoever asks."""
    files = {"": page(LINK), SITE: css(body, Content_Encoding=encoding)}
    return Trap(name, files, passes=("body matches hash",))


def spelled(name: str, content: bytes, headers: Headers = HTML) -> Trap:
    """Return a page, in some encoding, that names é.css."""
    files = {"": Reply(content, headers), "%C3%A9.css": css()}
    return Trap(name, files, asked=("%C3%A9.css",), spared=("%C3%83%C2%A9.css", "%EF%BF%BD.css"))


def first_cookie_then_page(_number: int, headers: Headers) -> Reply:
    if "seen=1" in headers.get("Cookie", ""):
        return page(LINK)
    return Reply(b"", {"Location": "{here}", "Set-Cookie": "seen=1; Path=/"}, 302)


def twice_too_many(number: int, _headers: Headers) -> Reply:
    return css() if number > 2 else Reply(b"", {"Retry-After": "0"}, 429)


E_LINK = "<link rel=stylesheet href=\u00e9.css>"
NAMES = "<meta charset={}>" + E_LINK
LOOKS_LIKE = r"""
// import './no1.js'
/* import('./no2.js') */
const a = "import './no3.js'", b = `import('./no4.js')`, c = /import('.\/no5.js')/;
const d = import.meta, e = x.import('./no6.js'); function f(imports) { imports('./no7.js') }
import('./yes.js');
"""
REDIRECT_LOGIN = Reply(b"", {"Location": "login/?next=x"}, 302)
LOGIN = page("<h1>Log in</h1>")

TRAPS = (
    # Pages in the place of files
    Trap(
        "html-for-a-script",
        {"": page("<script src=app.js></script>"), "app.js": page("<h1>Welcome</h1>")},
        {"type fits": "came as text/html; it should have come as text/javascript"},
    ),
    Trap(
        "html-for-a-module",
        {"": page("<script type=module src=app.js></script>"), "app.js": page("<h1>Hi</h1>")},
        {"type fits": "came as text/html"},
    ),
    Trap(
        "html-for-a-hashed-stylesheet",
        {"": page(f"{LINK}<link rel=stylesheet href={NO_HASH}>"), SITE: css(), NO_HASH: LOGIN},
        {"type fits": "came as text/html", "body matches hash": "should have been 0123456789ab"},
    ),
    Trap(
        "a-404-with-a-body",
        {
            "": page(LINK),
            SITE: Reply("<h1>Not found</h1><img src=no.png>", HTML, 404),
        },
        {"asset resolves": "answered 404"},
        spared=("no.png",),
    ),
    Trap(
        "a-404-that-a-cache-keeps",
        {"": page(LINK), SITE: Reply(b"", {"Cache-Control": "max-age=60, immutable"}, 404)},
        {"asset resolves": "answered 404", "miss uncacheable": "should have been no-store"},
    ),
    Trap(
        "a-miss-that-is-answered",
        {"": page(LINK), SITE: css(), "css/no-release-has-this.000000000000.css": LOGIN},
        {"miss uncacheable": "it should have been an error"},
    ),
    Trap(
        "a-dead-link",
        {"": page(f"{LINK}<a href=gone/>gone</a>"), SITE: css()},
        asked=("gone/",),
        passes=("page answers",),
    ),
    Trap(
        "a-page-that-is-there-and-is-not",
        {
            "": page("<a href=a/>a</a>"),
            "a/": lambda number, _headers: page("") if number > 1 else Reply(b"", HTML, 404),
        },
        {"page answers": "the page /a-page-that-is-there-and-is-not/a/ answered 404"},
        visits=2,
    ),
    Trap("an-entrance-that-is-away", {"": Reply(b"", HTML, 404)}, {"page answers": "404"}),
    Trap(
        "a-page-that-fails",
        {"": page("<a href=x/>x</a>"), "x/": Reply("<h1>Oops</h1>", HTML, 500)},
        {"page answers": '500 ("Oops")'},
    ),
    Trap("a-page-without-content", {"": page("<a href=x/>x</a>"), "x/": Reply(status=204)}),
    Trap(
        "for-those-who-logged-in",
        {
            "": page("<a href=mine/>mine</a><a href=admin/>admin</a>"),
            "mine/": Reply(b"", {"Location": "{here}login/?next=x"}, 302),
            "admin/": Reply(b"", HTML, 403),
            "login/?next=x": LOGIN,
        },
        asked=("login/?next=x",),
    ),
    Trap(
        "a-stylesheet-behind-a-log-in",
        {"": page(LINK), SITE: REDIRECT_LOGIN, "login/?next=x": LOGIN},
        {"type fits": "came as text/html; it should have come as text/css"},
    ),
    Trap(
        "a-stylesheet-behind-a-log-in-elsewhere",
        {"": page(LINK), SITE: Reply(b"", {"Location": "{other}login/"}, 302)},
        {"type fits": "login/, which the page"},
        others={"login/": LOGIN},
    ),
    Trap(
        "a-stylesheet-that-is-elsewhere",
        {"": page(LINK), SITE: Reply(b"", {"Location": f"{{other}}{SITE}"}, 302)},
        others={SITE: css()},
        asked=(f"other:{SITE}",),
        passes=("body matches hash", "type fits"),
    ),
    # What is nothing, or nobody's business
    Trap(
        "no-addresses",
        {
            "": page(
                "<img src='data:image/png;base64,AAAA'><img src=' DATA:,x'><a href=mailto:a@b>"
                "<a href='javascript:go()'></a><img src=blob:x><iframe src=about:blank></iframe>"
                "<img src=''><img src='http://[bad/'><img src='http://h:99999/'><a href='#x'></a>"
                "<style>a { background: url(data:,a), url('') }</style>"
            ),
        },
    ),
    Trap(
        "third-parties",
        {
            "": page(
                "<script src={other}analytics.js></script><a href={other}page/>elsewhere</a>"
                "<link rel=stylesheet href={other}fonts.css><img src=//third.test/x.png>"
            ),
        },
        spared=("other:analytics.js", "other:page/", "other:fonts.css"),
    ),
    Trap(
        "an-asset-host",
        {"": page(f"<link rel=stylesheet href={{other}}{SITE}><img src={{other}}x.png>")},
        {"asset resolves": "x.png, which the page /an-asset-host/ needs, answered 404"},
        others={SITE: css()},
        asked=(f"other:{SITE}", "other:x.png"),
    ),
    Trap(
        "only-like-imports",
        {
            "": page(
                f"<script>{LOOKS_LIKE}</script><script type=application/json>"
                '{"a": "import \'./no8.js\'"}</script><script type=text/template>'
                "<img src=no9.png></script><!-- <script src=no10.js></script> -->"
                "<textarea><img src=no11.png></textarea><script>import './no12.js'</script>"
            ),
            "yes.js": Reply("export default 1; import 'bare'", JS),
        },
        asked=("yes.js",),
        spared=tuple(f"no{number}.{kind}" for number in range(1, 13) for kind in ("js", "png")),
    ),
    Trap(
        "a-source-map-that-never-was",
        {
            "": page("<script src=a.js></script>"),
            "a.js": Reply("a();\n//# sourceMappingURL=a.js.map", JS),
        },
        spared=("a.js.map",),
    ),
    Trap(
        "a-source-map-that-collectstatic-saw",
        {
            "": page("<script src=a.js></script>"),
            "a.js": Reply("a();\n//# sourceMappingURL=a.js.0123456789ab.map", JS),
        },
        {"asset resolves": "a.js.0123456789ab.map"},
    ),
    # Content codings
    packed("gzip", "gzip", gzip.compress(BODY.encode())),
    packed("x-gzip-in-capitals", "X-GZIP", gzip.compress(BODY.encode())),
    packed("deflate", "deflate", zlib.compress(BODY.encode())),
    packed("brotli", "br", brotli.compress(BODY.encode())),
    packed("zstandard", "zstd", zstd.compress(BODY.encode())),
    packed("packed-twice", "gzip, br", brotli.compress(gzip.compress(BODY.encode()))),
    Trap(
        "brotli-of-something-else",
        {
            "": page(f"{LINK}<link rel=stylesheet href={NO_HASH}>"),
            SITE: css(),
            NO_HASH: css(brotli.compress(OTHER_BODY.encode()), Content_Encoding="br"),
        },
        {"body matches hash": "should have been 0123456789ab"},
    ),
    Trap(
        "a-coding-that-nobody-knows",
        {"": page(LINK), SITE: css("?", Content_Encoding="dcb")},
        passes=("asset resolves",),
    ),
    Trap(
        "a-coding-that-is-a-lie",
        {"": page(LINK), SITE: css(BODY, Content_Encoding="gzip")},
        {"nothing refused": "DecodeError"},
    ),
    # Encodings
    spelled("utf-8", E_LINK.encode()),
    spelled(
        "latin-1-by-header", E_LINK.encode("latin-1"), {"Content-Type": "text/html;charset=latin1"}
    ),
    spelled("latin-1-by-meta", NAMES.format("iso-8859-1").encode("latin-1")),
    spelled("utf-8-with-a-mark", b"\xef\xbb\xbf" + NAMES.format("latin1").encode()),
    spelled("utf-16-with-a-mark", E_LINK.encode("utf-16")),
    spelled(
        "utf-16-by-header",
        E_LINK.encode("utf-16-be"),
        {"Content-Type": "text/html; charset=utf-16be"},
    ),
    spelled("utf-16-that-is-none", NAMES.format("utf-16").encode()),
    spelled("no-such-charset", E_LINK.encode(), {"Content-Type": 'text/html; charset="nonsense'}),
    Trap(
        "a-stylesheet-in-latin-1",
        {
            "": page("<link rel=stylesheet href=a.css>"),
            "a.css": css('@charset "latin1"; a { background: url(\u00e9.svg) }'.encode("latin-1")),
            "%C3%A9.svg": Reply("<svg/>", SVG),
        },
        asked=("%C3%A9.svg",),
    ),
    # Bodies without measure
    Trap(
        "an-enormous-body",
        {"": page(LINK), SITE: css("x" * 300_000)},
        passes=("type fits",),
        unknown=TOO_LONG,
    ),
    Trap(
        "an-enormous-page",
        {"": page(LINK + "<b>" * 100_000), SITE: css()},
        passes=("page answers",),
        unknown=TOO_LONG,
    ),
    Trap(
        "a-bomb",
        {"": page(LINK), SITE: css(gzip.compress(b"\0" * 30_000_000), Content_Encoding="gzip")},
        passes=("type fits",),
        unknown=TOO_LONG,
    ),
    Trap(
        "an-endless-body",
        {"": page(LINK), SITE: Reply("x" * 9999, CSS, endless=0)},
        unknown=TOO_LONG,
    ),
    Trap(
        "a-slow-drip",
        {"": page(LINK), SITE: Reply("x", CSS, endless=0.02)},
        {"nothing refused": "failed (timeout)"},
    ),
    # Broken grammar
    Trap(
        "malformed-html",
        {
            "": page(
                f"<!doctype <p <div><table><a href='x/><img src=no.png>'>\0<svg><p>{LINK}"
                "<select><img src='a.png' <b <i " + "<div>" * 3000 + "<img src=b.png"
                "><script src=c.js></script </body></html><img alt=> <!-- open <img src=no.png>"
            ),
            SITE: css(),
            "b.png": Reply(b"PNG", {"Content-Type": "image/png"}),
            "a.png": Reply(b"PNG", {"Content-Type": "image/png"}),
            "c.js": Reply("c()", JS),
        },
        asked=(SITE, "b.png", "c.js"),
        spared=("no.png",),
    ),
    Trap(
        "malformed-css",
        {
            "": page("<link rel=stylesheet href=a.css><style>}}} @import 'b.css'; a { b: url("),
            "a.css": css(
                "}}} @import url(; a { b: url( 'a.svg' ) ; c: url('no.svg\n') } /* url(no.svg) "
                "*/ @media { { ( [ a { background: image-set('b.svg' 1x" + "(" * 3000
            ),
            "a.svg": Reply("<svg><image href=no.svg></svg>", SVG),
            "b.svg": Reply("<svg/>", SVG),
        },
        spared=("no.svg",),
    ),
    Trap(
        "malformed-scripts",
        {
            "": page("<script type=module src=a.js></script>"),
            "a.js": Reply("import './b.js'; }}} ( [ ` import('./no.js') ${ " + "(" * 3000, JS),
            "b.js": Reply(b"\xff\xfe\x00import", JS),
        },
        asked=("b.js",),
        spared=("no.js",),
    ),
    # Circles
    Trap(
        "pages-in-a-circle",
        {
            "": page("<a href=a/>a</a>"),
            "a/": Reply(b"", {"Location": "{here}b/"}, 302),
            "b/": Reply(b"", {"Location": "{here}a/"}, 301),
        },
        {"nothing refused": "redirects without end"},
    ),
    Trap(
        "assets-in-a-circle",
        {"": page("<img src=a.png>"), "a.png": Reply(b"", {"Location": "{here}a.png"}, 302)},
        {"asset resolves": "answered 302, a redirect to"},
    ),
    Trap(
        "a-stylesheet-that-imports-itself",
        {"": page("<link rel=stylesheet href=a.css>"), "a.css": css("@import 'a.css';")},
        asked=("a.css",),
    ),
    Trap(
        "a-calendar",
        {
            f"{'next/' * number}": page(f"{LINK.replace(SITE, '{here}' + SITE)}<a href=next/>n</a>")
            for number in range(9)
        }
        | {SITE: css()},
        asked=("next/" * 3,),
        spared=("next/" * 4,),
    ),
    # Ways of naming
    Trap(
        "a-base",
        {
            "": page("<base href=deep/er/><base href=no/><link rel=stylesheet href=../a.css>"),
            "deep/a.css": css(),
        },
        asked=("deep/a.css",),
        spared=("a.css",),
    ),
    Trap(
        "a-base-elsewhere",
        {"": page("<base href={other}><img src=a.png>")},
        spared=("a.png", "other:a.png"),
    ),
    Trap(
        "srcsets",
        {
            "": page(
                "<img srcset='a.png,b.png 2x, , data:image/png,AA 3x,c.png  400w'>"
                "<picture><source srcset=' d.png 1.5x,e.png (a, b) 2x'></picture>"
            ),
            **{f"{name}.png": Reply(b"PNG", {"Content-Type": "image/png"}) for name in "bd"},
            "a.png,b.png": Reply(b"PNG", {"Content-Type": "image/png"}),
            "c.png": Reply(b"PNG", {"Content-Type": "image/png"}),
        },
        asked=("a.png,b.png", "c.png", "d.png"),
        spared=("e.png", "b.png"),
    ),
    Trap(
        "what-is-loaded-early",
        {
            "": page(
                "<link rel=preload as=font href=a.woff2><link rel=modulepreload href=a.js>"
                "<link rel='Shortcut ICON' href=a.ico><link rel=manifest href=manifest.json>"
                "<link rel=preload as=image imagesrcset='a.png 1x'><link rel=preconnect href=no/>"
                '<script type=importmap>{"imports": {"m": "./m.js", "n/": "./no/"}}</script>'
                "<script type=module>import 'm'; import './n.js'</script>"
            ),
            "a.woff2": Reply(b"wOF2", {"Content-Type": "font/woff2"}),
            "a.js": Reply("a()", JS),
            "m.js": Reply("m()", JS),
            "n.js": Reply("n()", JS),
            "a.ico": Reply(b"ico", {"Content-Type": "image/x-icon"}),
            "a.png": Reply(b"PNG", {"Content-Type": "image/png"}),
            "manifest.json": Reply('{"icons": [{"src": "i.png"}, 3], "screenshots": {}}', JSON),
            "i.png": Reply(b"PNG", {"Content-Type": "image/png"}),
        },
        asked=("a.woff2", "a.js", "m.js", "n.js", "a.ico", "a.png", "manifest.json", "i.png"),
        spared=("no/",),
    ),
    Trap(
        "loaded-lazily",
        {
            "": page(
                f"<div data-src={{here}}{SITE} data-x='a/b.png' data-y={{here}}c.png></div>"
                f"<a href={SITE.replace('css', 'pdf')}>a pdf</a>"
            ),
            SITE: css(),
            SITE.replace("css", "pdf"): Reply(BODY, {"Content-Type": "application/pdf"}),
        },
        asked=(SITE, SITE.replace("css", "pdf")),
        spared=("a/b.png", "c.png"),
        passes=("body matches hash",),
    ),
    Trap(
        "queries-and-fragments",
        {
            "": page(
                f"<link rel=stylesheet href='{SITE}?v=1#x'><svg><use href=s.svg#cart /></svg>"
            ),
            f"{SITE}?v=1": css(),
            "s.svg": Reply("<svg/>", SVG),
        },
        asked=(f"{SITE}?v=1", "s.svg"),
        passes=("body matches hash",),
    ),
    Trap(
        "a-hundred-queries",
        {"": page("".join(f"<a href='?q={number}'>q</a>" for number in range(100)))}
        | {f"?q={number}": page("") for number in range(100)},
        asked=("?q=3",),
        spared=("?q=99",),
    ),
    Trap(
        "capitals",
        {
            "": page(f"<LINK REL=StyleSheet HREF={SITE}><A HREF=Upper/>x</A>"),
            SITE: Reply(BODY, {"content-type": "TEXT/CSS; Charset=UTF-8"}),
        },
        asked=(SITE,),
        passes=("type fits", "body matches hash"),
    ),
    # Manners of the server
    Trap(
        "a-cookie-first",
        {"": first_cookie_then_page, SITE: css()},
        asked=(SITE,),
        passes=("page answers",),
    ),
    Trap(
        "closes-every-connection",
        {"": Reply(LINK, HTML, closes=True), SITE: Reply(BODY, CSS, closes=True)},
        asked=(SITE,),
    ),
    Trap(
        "hangs-up-in-the-middle",
        {"": page(LINK), SITE: Reply(BODY, CSS, cut=9)},
        {"nothing refused": "failed (reset)"},
    ),
    Trap(
        "too-many-requests-at-first",
        {"": page(LINK), SITE: twice_too_many},
        asked=(SITE,),
        passes=("asset resolves", "body matches hash"),
    ),
    Trap(
        "too-many-requests-for-ever",
        {"": page(LINK), SITE: Reply(b"", {"Retry-After": "0"}, 429)},
        unknown="the site asks for fewer requests (429)",
    ),
    Trap(
        "closed-for-repairs",
        {"": page(LINK), SITE: Reply(b"", {"Retry-After": "0"}, 503)},
        {"nothing refused": "answered 503"},
    ),
)
