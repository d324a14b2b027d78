"""An HTTP proxy in front of the S3 server that notes every request and fails at chosen ones."""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What a fault does: "lost" closes the connection before the request has reached the store,
# "unanswered" after it has been carried out, "dead" is "lost" for all that follows as well;
# a number is the status of an answer that the store has nothing to do with.
Fault = str | int | None
Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Request:
    """One request as the store would see it."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Proxy:
    """What has come through, and what is to go wrong."""

    endpoint: str = ""
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[int, Request], Fault] = lambda number, request: None  # noqa: ARG005
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, request: Request) -> Fault:
        with self.lock:
            self.requests.append(request)
            return self.fault(len(self.requests), request)

    def reset(self, fault: Callable[[int, Request], Fault]) -> None:
        with self.lock:
            self.requests = []
            self.fault = fault

    def writes(self) -> list[Request]:
        return [each for each in self.requests if each.method not in ("GET", "HEAD")]


class Front(ThreadingHTTPServer):
    """The listening side, which knows the server behind it."""

    daemon_threads = True

    def __init__(self, upstream: str, proxy: Proxy, handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.upstream = urlsplit(upstream).netloc
        self.proxy = proxy


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Front

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.proxy.note(Request(self.command, self.path, dict(self.headers)))
        if fault in ("lost", "dead"):
            self.close_connection = True
        elif isinstance(fault, int):
            self.answer(fault, {}, b"<Error><Code>SlowDown</Code></Error>")
        else:
            self.forward(body, answered=fault is None)

    def forward(self, body: bytes, *, answered: bool) -> None:
        answer = self.exchange(self.command, self.path, body, dict(self.headers))
        if answered:
            self.answer(*answer)
        else:
            self.close_connection = True

    def exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Ask the server behind; return its status, headers and body."""
        connection = http.client.HTTPConnection(self.server.upstream, timeout=10)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()
        finally:
            connection.close()

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers.items()}.get("content-length")
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def proxying(upstream: str, handler: type[Handler] = Handler) -> Iterator[Proxy]:
    """Run a proxy before the server; yield what controls it."""
    proxy = Proxy()
    with Front(upstream, proxy, handler) as server:
        proxy.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
