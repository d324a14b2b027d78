"""A site that is nasty to whoever reads it: one real HTTP server, and a folder for each trap."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML, CSS, JS, SVG, JSON = (
    {"Content-Type": kind}
    for kind in ("text/html", "text/css", "text/javascript", "image/svg+xml", "application/json")
)
Headers = Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """What is answered; `{here}` and `{other}` in it become the URLs of the trap on both servers.

    Args:
        closes: the connection is closed afterwards, and the answer does not say so.
        cut: it is closed after so many bytes of the body.
        endless: the body is repeated for as long as anybody listens, with so many seconds between.
    """

    body: bytes | str = b""
    headers: Headers = field(default_factory=dict)
    status: int = 200
    closes: bool = False
    cut: int | None = None
    endless: float | None = None


Route = Reply | Callable[[int, Headers], Reply]
"""An answer, or what gives one to the so manieth request."""


def page(body: str | bytes, **headers: str) -> Reply:
    return Reply(body, {**HTML, **headers})


def hashed(name: str, body: bytes | str) -> str:
    """Return the name that Django gives to a file with this content."""
    content = body.encode() if isinstance(body, str) else body
    root, dot, extension = name.rpartition(".")
    return f"{root}.{hashlib.md5(content).hexdigest()[:12]}{dot}{extension}"  # noqa: S324


class Server:
    """Answers by a table of paths; `asked` counts what was asked for."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: Counter[str] = Counter()
        self.over = threading.Event()
        self.other: Server | None = None
        self.scheme = "http"
        self.port = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/"

    def reply(self, path: str, headers: Headers) -> Reply:
        self.asked[path] += 1
        route = self.routes.get(path, Reply("<h1>Not Found</h1>", HTML, 404))
        return route(self.asked[path], headers) if callable(route) else route

    def fill(self, path: str, content: bytes | str) -> bytes:
        """Put the URLs of the trap in."""
        folder = path.split("/")[1]
        raw = content if isinstance(content, bytes) else content.encode()
        for name, server in (("{here}", self), ("{other}", self.other)):
            if server:
                raw = raw.replace(name.encode(), f"{server.url}{folder}/".encode())
        return raw


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Server

    def do_GET(self) -> None:
        reply = self.site.reply(self.path, dict(self.headers))
        body = self.site.fill(self.path, reply.body)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, self.site.fill(self.path, value).decode("latin-1"))
        if reply.endless is None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.close_connection = reply.closes or reply.cut is not None or reply.endless is not None
        self.wfile.write(body[: reply.cut])
        while reply.endless is not None and not self.site.over.wait(reply.endless):
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments: object) -> None:
        """Say nothing: a probe that has had enough goes away."""


@contextlib.contextmanager
def serve(certificate: str | None = None) -> Iterator[Server]:
    """Serve; with a file of a key and a certificate by TLS."""
    site = Server()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    site.port = server.server_address[1]
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        site.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
