"""Sites that want to hang a probe, eat its memory or send it elsewhere: raw sockets on loopback."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import brotli
from backports import zstd

Serve = Callable[["Visitor"], None]
PASS, FAIL, UNKNOWN, USAGE, UNAVAILABLE = 0, 1, 2, 64, 69
MILLION = 1_000_000


class Visitor:
    """One connection, and what it asks for."""

    def __init__(self, connection: socket.socket, path: str, over: threading.Event) -> None:
        self.connection = connection
        self.path = path
        self.over = over

    def send(self, data: bytes | str) -> None:
        self.connection.sendall(data.encode() if isinstance(data, str) else data)

    def reply(
        self, body: bytes | str, kind: str = "text/html", status: int = 200, head: str = ""
    ) -> None:
        raw = body.encode() if isinstance(body, str) else body
        head = f"Content-Length: {len(raw)}\r\n{head}\r\n"
        self.send(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{head}".encode() + raw)

    def flood(self, data: bytes | str, pause: float = 0.0) -> None:
        """Send the same for as long as anybody listens."""
        while not self.over.wait(pause):
            self.send(data)


@dataclass(frozen=True)
class Hostile:
    """A site.

    Attributes:
        name: what it does.
        serve: answers a request; robots.txt is answered for it, unless `everything`.
        codes: the exit codes that are right.
        says: words that have to be said.
        everything: whether it answers for robots.txt too.
        options: of the command.
        scheme: of its URL.
    """

    name: str
    serve: Serve
    codes: tuple[int, ...]
    says: str = ""
    everything: bool = False
    options: tuple[str, ...] = ("--for", "3s")
    scheme: str = "http"


class Site:
    """Serves one of them; `asked` lists what was asked for."""

    def __init__(self, serve: Serve, *, everything: bool) -> None:
        self.serve = serve
        self.everything = everything
        self.over = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.asked: list[str] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _address = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection, contextlib.suppress(OSError):
            for _request in range(10_000):
                head = b""
                while b"\r\n\r\n" not in head:
                    received = connection.recv(65536)
                    if not received:
                        return
                    head += received
                path = head.split(b" ")[1].decode("latin-1")
                self.asked.append(path)
                visitor = Visitor(connection, path, self.over)
                if path == "/robots.txt" and not self.everything:
                    visitor.reply("", status=404)
                else:
                    self.serve(visitor)

    def close(self) -> None:
        self.over.set()
        self.socket.close()


@contextlib.contextmanager
def serve(hostile: Hostile) -> Iterator[Site]:
    site = Site(hostile.serve, everything=hostile.everything)
    try:
        yield site
    finally:
        site.close()


# What a server sends in the place of an answer

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n"


def drip(before: str, drop: str = "x", pause: float = 0.3) -> Serve:
    def serve_drops(visitor: Visitor) -> None:
        visitor.send(before)
        visitor.flood(drop, pause)

    return serve_drops


def say_nothing(visitor: Visitor) -> None:
    visitor.over.wait(60)


def answer(body: bytes | str, kind: str = "text/html", status: int = 200, head: str = "") -> Serve:
    return lambda visitor: visitor.reply(body, kind, status, head)


def asset(tag: str, kind: str, body: bytes | str) -> Serve:
    """A page, and one file that it names."""

    def serve_both(visitor: Visitor) -> None:
        is_page = visitor.path == "/"
        visitor.reply(tag if is_page else body, "text/html" if is_page else kind)

    return serve_both


def endless(status: str, kind: str = "text/html") -> Serve:
    return drip(
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nTransfer-Encoding: identity\r\n\r\n",
        "x" * 65536,
        0.0,
    )


ZEROS = b"\0" * 20 * MILLION
GZIP_BOMB = gzip.compress(ZEROS) * 50  # a thousand million bytes
BROTLI_BOMB = brotli.compress(b"\0" * 100 * MILLION, quality=5)
ZSTD_BOMB = zstd.compress(ZEROS) * 50
REDIRECT = "Location: /elsewhere\r\n"
numbers = itertools.count()


def bomb(coding: str, body: bytes, status: int = 200, head: str = "") -> Serve:
    return answer(body, status=status, head=f"Content-Encoding: {coding}\r\n{head}")


def redirect(target: str) -> Serve:
    def serve_redirect(visitor: Visitor) -> None:
        where = target.format(next(numbers))
        visitor.reply("", status=302, head=f"Location: {where}\r\n")

    return serve_redirect


def page_then_redirect(target: str) -> Serve:
    def serve_both(visitor: Visitor) -> None:
        if visitor.path == "/":
            visitor.reply("<link rel=stylesheet href=a.css>")
        else:
            visitor.reply("", status=302, head=f"Location: {target}\r\n")

    return serve_both


def new_links(visitor: Visitor) -> None:
    visitor.reply("".join(f"<a href=/{next(numbers)}/>x</a>" for _ in range(20_000)))


def new_imports(visitor: Visitor) -> None:
    if visitor.path == "/":
        visitor.reply("<link rel=stylesheet href=a.css>")
    else:
        visitor.reply("".join(f"@import '{next(numbers)}.css';" for _ in range(500)), "text/css")


def long_headers(visitor: Visitor) -> None:
    """A history of this would be long: every answer is new, and as long as it may be."""
    links = "".join(f"<img src=/{next(numbers)}{'x' * 3000}.png>" for _ in range(300))
    word = f"{next(numbers)}{'y' * 9000}"
    head = f"Cache-Control: {word}\r\nX-Release: {word}\r\nX-Pid: {word}\r\nRetry-After: {word}\r\n"
    visitor.reply(links, head=head)


def reuses(visitor: Visitor) -> None:
    """Every page needs the same assets: a few bytes of a history each, and much when it is read."""
    if visitor.path.endswith(".png"):
        visitor.reply("PNG", "image/png")
    else:
        pages = "".join(f"<a href=/{number}/>x</a>" for number in range(100))
        visitor.reply(pages + "".join(f"<img src=/{number}.png>" for number in range(1000)))


def cookies(visitor: Visitor) -> None:
    head = "".join(f"Set-Cookie: c{next(numbers)}={'x' * 600}\r\n" for _ in range(90))
    pages = "".join(f"<a href=/{number}/>x</a>" for number in range(90))
    visitor.reply(pages, head=head)


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m[/red][link=x]\u202egnp.exe\u2066"


def control_characters(visitor: Visitor) -> None:
    head = "X-Release: \x1b]0;owned\x07\x1b[2J[/red]\r\n"
    if visitor.path == "/":
        visitor.reply(
            f"<a href=/a>{ESCAPES}</a><img src=/b\x1b[2J.png><script src=c.js>", head=head
        )
    elif visitor.path == "/a":
        visitor.reply(f"\0\0{ESCAPES}", status=500, head=head)
    else:
        visitor.reply("\0", f"text/x\x1b[2J[/red]{next(numbers)}", head=head)


def unknown_type(visitor: Visitor) -> None:
    visitor.send(b"\x1b[2J\x1b]0;owned\x07\xff\xff\r\n\r\n")
    visitor.connection.shutdown(socket.SHUT_RDWR)


def robots(text: str) -> Serve:
    def serve_robots(visitor: Visitor) -> None:
        visitor.reply(text if visitor.path == "/robots.txt" else "<a href=/b>b</a>", "text/plain")

    return serve_robots


def sitemap(text: str) -> Serve:
    return asset("<link rel=sitemap href=s.xml>", "application/xml", text)


LAUGHS = (
    "<!DOCTYPE a [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(9))
    + "]><urlset><url><loc>&a9;</loc></url></urlset>"
)
STYLE, MODULE = "<link rel=stylesheet href=a.css>", "<script type=module src=a.js></script>"
ESM = "import './b.js';"
FORMATTING = "".join(f"<b a={number}>" for number in range(20_000)) + "<p>" * 20_000
MAP = json.dumps({"imports": {f"a{number}/": f"./{number}/" for number in range(60_000)}})

SITES = (
    Hostile("accepts-and-says-nothing", say_nothing, (UNAVAILABLE,), everything=True),
    Hostile("speaks-no-tls", say_nothing, (UNAVAILABLE,), everything=True, scheme="https"),
    Hostile("answers-the-page-with-silence", say_nothing, (UNAVAILABLE,)),
    Hostile("drips-a-status-line", drip("HTTP/1."), (UNAVAILABLE,), "not in time"),
    Hostile("drips-headers", drip(HEAD, "X-A: b\r\n"), (UNAVAILABLE,), "not in time"),
    Hostile("sends-headers-without-end", drip(HEAD, "X-A: b\r\n", 0), (UNAVAILABLE,)),
    Hostile("sends-a-header-without-end", drip(f"{HEAD}X: ", "b" * 999, 0), (UNAVAILABLE,)),
    Hostile(
        "goes-on-and-on", drip("", "HTTP/1.1 100 Continue\r\n\r\n", 0), (UNAVAILABLE,), "headers"
    ),
    Hostile(
        "goes-on-slowly",
        drip("", "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"),
        (UNAVAILABLE,),
        "not in time",
    ),
    Hostile("drips-the-size-of-a-chunk", drip(CHUNKED, "0"), (UNAVAILABLE,), "not in time"),
    Hostile(
        "drips-the-extension-of-a-chunk", drip(f"{CHUNKED}1;", "x"), (UNAVAILABLE,), "not in time"
    ),
    Hostile("drips-chunks", drip(CHUNKED, "1\r\nx\r\n"), (UNAVAILABLE,), "not in time"),
    Hostile(
        "drips-trailers",
        drip(f"{CHUNKED}1\r\nx\r\n0\r\n", "X: y\r\n"),
        (UNAVAILABLE,),
        "not in time",
    ),
    Hostile("floods-trailers", drip(f"{CHUNKED}0\r\n", "X: y\r\n" * 999, 0), (UNAVAILABLE,)),
    Hostile("drips-a-body", drip(f"{HEAD}\r\n"), (UNAVAILABLE,), "not in time"),
    Hostile("floods-a-page", endless("200 OK"), (UNKNOWN,), "is too long to be read"),
    Hostile("floods-a-redirect", endless("302 Found\r\nLocation: /x"), (FAIL,)),
    Hostile("floods-an-error", endless("500 Oops"), (FAIL,)),
    Hostile("gzip-bomb", bomb("gzip", GZIP_BOMB), (UNKNOWN,), "is too long to be read"),
    Hostile("brotli-bomb", bomb("br", BROTLI_BOMB), (UNKNOWN,)),
    Hostile("zstd-bomb", bomb("zstd", ZSTD_BOMB), (UNKNOWN,)),
    Hostile("bomb-in-a-redirect", bomb("gzip", GZIP_BOMB, 302, REDIRECT), (FAIL,)),
    Hostile(
        "nothing-but-empty-gzip", bomb("gzip", gzip.compress(b"") * 500_000), (UNKNOWN, UNAVAILABLE)
    ),
    Hostile("packed-a-thousand-times", bomb("gzip," * 1000 + "gzip", b"x"), (UNAVAILABLE,)),
    Hostile("redirects-without-end", redirect("/{}"), (FAIL,), "redirects without end"),
    Hostile(
        "redirects-inside",
        redirect("http://169.254.169.254/latest/meta-data/"),
        (UNAVAILABLE,),
        "link-local address 169.254.169.254",
    ),
    Hostile(
        "sends-an-asset-inside",
        page_then_redirect("http://[::ffff:10.0.0.1]/a.css"),
        (UNKNOWN,),
        "private address",
    ),
    Hostile("redirects-to-a-file", page_then_redirect("file:///etc/passwd"), (FAIL,)),
    Hostile("redirects-to-no-port", page_then_redirect("http://127.0.0.1:0/"), (UNKNOWN,)),
    Hostile("nested-elements", answer("<div>" * 300_000), (UNKNOWN,), "elements"),
    Hostile("formatting-elements", answer(FORMATTING), (UNKNOWN,)),
    Hostile("one-element", answer("<a " + "b=c " * 400_000 + ">"), (UNKNOWN,)),
    Hostile("unclosed-comments", answer("<!--" * 500_000 + "<!"), (UNKNOWN,)),
    Hostile("references", answer(f"<a href='{'&#99999999;' * 150_000}'>"), (UNKNOWN,)),
    Hostile("a-style-of-brackets", answer(f"<a style='{'(' * MILLION}'>"), (UNKNOWN,), "tokens"),
    Hostile("styles", answer("<a style='(((((((((((((((('>" * 70_000), (UNKNOWN,)),
    Hostile("a-long-density", answer(f"<img srcset='a {'9' * MILLION}x'>"), (UNKNOWN,)),
    Hostile("an-import-map", answer(f"<script type=importmap>{MAP}</script>"), (UNKNOWN,), "map"),
    Hostile("brackets-in-css", asset(STYLE, "text/css", "(" * 5 * MILLION), (UNKNOWN,)),
    Hostile("more-brackets-in-css", asset(STYLE, "text/css", "[" * 290_000), (PASS,)),
    Hostile(
        "brackets-in-a-script",
        asset(MODULE, "text/javascript", ESM + "[" * 390_000),
        (PASS, UNKNOWN),
    ),
    Hostile(
        "brackets-in-json", answer("<link rel=manifest href=/>" + "[" * 500_000), (FAIL, UNKNOWN)
    ),
    Hostile(
        "a-long-script", asset(MODULE, "text/javascript", ESM + "a+" * 3 * MILLION), (FAIL, UNKNOWN)
    ),
    Hostile("links-without-end", new_links, (UNKNOWN,), "names more than 5,000 things"),
    Hostile("imports-without-end", new_imports, (PASS,)),
    Hostile("a-sitemap-that-laughs", sitemap(LAUGHS), (UNKNOWN,)),
    Hostile("a-deep-sitemap", sitemap("<a>" * 500_000), (UNKNOWN,)),
    Hostile("cookies", cookies, (UNKNOWN,)),
    Hostile("control-characters", control_characters, (FAIL,)),
    Hostile("no-http", unknown_type, (UNAVAILABLE,), everything=True),
    Hostile(
        "a-history-without-end",
        long_headers,
        (UNKNOWN, FAIL),
        "the history has its 1 MB",
        options=("--for", "30s", "--history-size", "1"),
    ),
    Hostile(
        "reuses",
        reuses,
        (UNKNOWN,),
        "the history was full",
        options=("--for", "60s", "--history-size", "2"),
    ),
    Hostile("robots-without-end", endless("200 OK"), (UNKNOWN,), everything=True),
    Hostile("drips-robots", drip(f"{HEAD}\r\n", "#"), (UNAVAILABLE,), everything=True),
    Hostile(
        "a-long-delay",
        robots("User-agent: *\nCrawl-delay: 1000000"),
        (USAGE,),
        "asks for 1e+06 s between two requests",
        everything=True,
    ),
    Hostile(
        "a-delay",
        robots("User-agent: *\nCrawl-delay: 50"),
        (UNKNOWN,),
        everything=True,
    ),
    Hostile(
        "robots-of-many",
        robots("User-agent: a*\n" * 900 + "".join(f"Allow: /{n}*\n" for n in range(9000))),
        (UNKNOWN,),
        everything=True,
    ),
)
