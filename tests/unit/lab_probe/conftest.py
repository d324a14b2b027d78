"""A small site of two releases, served for real on a free port, whose faults are planted."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from lab.history import Asset, Header, History, Record
from lab.judge.verdict import Verdict, judge
from lab.probe import Limits, Probe, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IMMUTABLE = "public, max-age=31536000, immutable"
TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript",
    "map": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
}


@dataclass(frozen=True)
class Reply:
    """What the server answers; `cut` resets the connection after so many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang_up: bool = False


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    number_on_connection: int


@dataclass(frozen=True)
class Release:
    """The sources of one release, hashed and rewritten as Django does it."""

    name: str
    files: dict[str, bytes]
    paths: dict[str, str]
    pages: dict[str, str]

    @property
    def record(self) -> Record:
        assets = {
            name: Asset(hashlib.sha256(body).hexdigest(), len(body))
            for name, body in self.files.items()
        }
        return Record(self.name, self.paths, assets, "5.2")


def make_release(name: str, extra: str) -> Release:
    """Return a release; `extra` is the source of a file that only it has."""
    files: dict[str, bytes] = {}
    paths: dict[str, str] = {}

    def add(source: str, text: str | bytes) -> str:
        body = text.encode() if isinstance(text, str) else text
        root, dot, extension = source.rpartition(".")
        hashed = f"{root}.{hashlib.md5(body).hexdigest()[:12]}{dot}{extension}"  # noqa: S324
        files[hashed], paths[source] = body, hashed
        return hashed.rpartition("/")[2]

    font = add("fonts/shop.woff2", b"wOF2 the same in every release")
    sprite = add("img/sprite.svg", "<svg xmlns='http://www.w3.org/2000/svg'><g id='cart'/></svg>")
    logo = add("img/logo.png", b"\x89PNG the same in every release")
    large = add("img/logo@2x.png", b"\x89PNG twice the size")
    base = add("css/base.css", f"@font-face {{ font-family: s; src: url(../fonts/{font}) }}")
    site = add(
        "css/site.css",
        f'@import "{base}"; body {{ color: {name}; background: url(../img/{logo}) }}',
    )
    add("js/cart.js", f"export const cart = '{name}'")
    add("js/viewer.js", "export default 1")
    source_map = add("js/app.js.map", f'{{"version": 3, "file": "{name}"}}')
    add(
        "js/app.js",
        f"import 'shop/cart'; onclick = () => import('shop/viewer'); // import 'no'\n"
        f"//# sourceMappingURL={source_map}",
    )
    add(extra, f"window.only = '{name}'")
    static = {source: f"/static/{hashed}" for source, hashed in paths.items()}
    frame = (
        f"<!doctype html><title>{name}</title><link rel=stylesheet href='/static/css/{site}'>"
        f'<script type=importmap>{{"imports": {{"shop/cart": "{static["js/cart.js"]}", '
        f'"shop/viewer": "{static["js/viewer.js"]}"}}}}</script>'
        f"<script type=module src={static['js/app.js']}></script>"
        f"<a href=/>home</a><a href=/products/1/#top>product</a><a href=/account/>account</a>"
        f"<a href=/log-out/>log out</a><a href=http://elsewhere.test/>elsewhere</a>"
    )
    pages = {
        "/": f"{frame}<svg><use href='/static/img/{sprite}#cart'></use></svg>",
        "/products/1/": f"{frame}<img src=/static/img/{logo} srcset='/static/img/{large} 2x'>",
        "/login/": f"{frame}<script src={static[extra]}></script>",
        "/about/": frame,
    }
    return Release(name, files, paths, pages)


class Shop:
    """The site: both releases' assets, and the pages of the one that a visitor gets.

    `plant` puts a fault in the place of what a path answers; `seen` lists what was asked.
    """

    def __init__(self) -> None:
        self.releases = {
            "v1": make_release("v1", "js/old.js"),
            "v2": make_release("v2", "js/new.js"),
        }
        self.serving = "v1"
        self.planted: dict[str, Callable[[Request], Reply]] = {}
        self.seen: list[Request] = []
        self.port = 0
        self.stop: Callable[[], None] = lambda: None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def asset(self, source: str, release: str = "v1") -> str:
        """Return the path of an asset."""
        return f"/static/{self.releases[release].paths[source]}"

    def body(self, source: str, release: str = "v1") -> bytes:
        return self.releases[release].files[self.releases[release].paths[source]]

    def plant(self, path: str, reply: Reply | Callable[[Request], Reply]) -> None:
        self.planted[path] = reply if callable(reply) else lambda _request: reply

    def answer(self, request: Request) -> Reply:
        self.seen.append(request)
        if request.path in self.planted:
            return self.planted[request.path](request)
        if request.path.startswith("/static/"):
            return self._static(request.path.removeprefix("/static/"))
        return self._page(request)

    def _static(self, name: str) -> Reply:
        for release in self.releases.values():
            if name in release.files:
                kind = TYPES[name.rpartition(".")[2]]
                return Reply(
                    release.files[name], headers={"Content-Type": kind, "Cache-Control": IMMUTABLE}
                )
        return Reply(
            b"no such key", 404, {"Content-Type": "text/plain", "Cache-Control": "no-store"}
        )

    def _page(self, request: Request) -> Reply:
        cookie = SimpleCookie(request.headers.get("Cookie", ""))
        name = cookie["release"].value if "release" in cookie else self.serving
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "X-Release": name,
            "X-Replica": f"web-{name}",
            "X-Pid": "17",
        }
        if request.path == "/account/":
            return Reply(b"", 302, headers | {"Location": "/login/"})
        if request.path == "/sitemap.xml":
            body = f"<?xml version='1.0' encoding='UTF-8'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>{self.base}about/</loc></url></urlset>"
            return Reply(body.encode(), headers=headers | {"Content-Type": "application/xml"})
        page = self.releases[name].pages.get(request.path)
        if page is None:
            return Reply(b"<h1>Not Found</h1>", 404, headers)
        return Reply(page.encode(), headers=headers)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    shop: Shop
    requests = 0

    def do_GET(self) -> None:
        self.requests += 1
        reply = self.shop.answer(Request(self.path, dict(self.headers), self.requests))
        if reply.hang_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
        if reply.cut is not None:
            self._reset()

    def _reset(self) -> None:
        """Close with RST instead of FIN, as a server that is killed does."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *arguments: object) -> None:
        """Say nothing: clients that go away are part of the tests."""


@contextlib.contextmanager
def serve(shop: Shop) -> Iterator[Shop]:
    handler = type("Handler", (_Handler,), {"shop": shop})
    server = _Server(("127.0.0.1", 0), handler)
    shop.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    shop.stop = stop
    try:
        yield shop
    finally:
        stop()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with serve(Shop()) as served:
        yield served


@pytest.fixture
def site(shop: Shop) -> Site:
    return Site(
        shop.base,
        static=f"{shop.base}static/",
        seeds=("/sitemap.xml",),
        limits=Limits(connect=2.0, read=2.0, total=4.0, body=200_000),
    )


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.jsonl") as opened:
        yield opened


@pytest.fixture
def probe(site: Site, history: History) -> Iterator[Probe]:
    with Probe(site, history) as started:
        yield started


@dataclass
class Bench:
    """A shop, a probe on it and their history, ready to be judged."""

    shop: Shop
    probe: Probe
    history: History

    def begin(self, action: str = "rollout", *, records: bool = True, static: bool = True) -> None:
        prefix = self.probe.site.static if static else None
        self.history.run(
            Header("skewproof", "embedded", action, self.shop.base, prefix, "2026-11-23T15:00:00Z")
        )
        if records:
            for release in self.shop.releases.values():
                self.history.record(release.record)

    def publish(self, *assets: dict[str, str | None]) -> None:
        self.history.event("publish-started", "v2")
        self.history.event("publish-ended", "v2")
        self.history.event("rewritten", "v2", assets=list(assets))

    def visit(self, *releases: str) -> None:
        for release in releases or ("v1", "v2"):
            self.probe.crawl_once(release)

    def verdict(self, *, end: bool = True) -> Verdict:
        self.probe.stop()
        if end:
            self.history.end()
        self.history.close()
        return judge(self.history.path)


@pytest.fixture
def bench(shop: Shop, probe: Probe, history: History) -> Bench:
    return Bench(shop, probe, history)


@pytest.fixture
def reply() -> type[Reply]:
    """Return what the shop answers with: a module of tests cannot import it from here."""
    return Reply
