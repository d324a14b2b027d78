"""An HTTP proxy in front of the S3 server that notes every request and fails at chosen ones."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# What a fault does, beside the failures below: "lost" closes the connection before the request has
# reached the store, "unanswered" after it has been carried out, "dead" is "lost" for all that
# follows as well; a number is the status of an answer that the store has nothing to do with.
Fault = "Failure | str | int | None"
Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Failure:
    """What goes wrong with one request.

    Attributes:
        how: A status to answer, "reset" (a TCP reset), "silence" (no answer until the proxy is told
            that it is over), "drip" (until then, an answer byte by byte), "drip in the headers",
            "flood" (an answer without an end), or "nothing".
        after: Whether the store carries the request out first.
        happens: Is called in that moment.
        code: The code in the body of an answer.
        message: The message in it.
        more: What else is in it.
    """

    how: int | str
    after: bool = False
    happens: Callable[[], None] = lambda: None
    code: str = "SlowDown"
    message: str = ""
    more: str = ""

    def body(self) -> bytes:
        message = f"<Message>{self.message}</Message>" if self.message else ""
        return f"<Error><Code>{self.code}</Code>{message}{self.more}</Error>".encode()


def at(number: int, fault: Fault) -> Callable[[int, Request], Fault]:
    """Return a plan that fails at one request, and for "dead" at all that follow."""

    def plan(current: int, _: Request) -> Fault:
        return fault if current == number or (fault == "dead" and current > number) else None

    return plan


@dataclass(frozen=True)
class Request:
    """One request as the store would see it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Proxy:
    """What has come through, and what is to go wrong."""

    endpoint: str = ""
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[int, Request], Fault] = lambda number, request: None  # noqa: ARG005
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def note(self, request: Request) -> Fault:
        with self.lock:
            self.requests.append(request)
            return self.fault(len(self.requests), request)

    def reset(self, fault: Callable[[int, Request], Fault]) -> None:
        with self.lock:
            self.over.set()
            self.over = threading.Event()
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
        body = self.read_body()
        fault = self.server.proxy.note(Request(self.command, self.path, dict(self.headers), body))
        if isinstance(fault, Failure):
            self.fail(fault, body)
        elif fault in ("lost", "dead"):
            self.close_connection = True
        elif isinstance(fault, int):
            self.refuse(Failure(fault))
        else:
            answer = self.carried_out(body)
            if fault is None:
                self.answer(*answer)
            else:
                self.close_connection = True

    def read_body(self) -> bytes:
        """Return the body of a request, which comes in chunks where its length is not known."""
        if "Transfer-Encoding" not in self.headers:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def fail(self, failure: Failure, body: bytes) -> None:
        over = self.server.proxy.over
        answer = self.carried_out(body) if failure.after else None
        failure.happens()
        if failure.how == "nothing":
            self.answer(*(answer or self.carried_out(body)))
        elif isinstance(failure.how, int):
            self.refuse(failure)
        else:
            if failure.how in ("drip", "drip in the headers"):
                self.drip(over, in_headers=failure.how != "drip")
            elif failure.how == "flood":
                self.flood(over)
            elif failure.how == "silence":
                over.wait(30)
            self.reset()

    def refuse(self, failure: Failure) -> None:
        """Answer as the store would say it."""
        self.answer(int(failure.how), {}, failure.body())

    def drip(self, over: threading.Event, *, in_headers: bool) -> None:
        """Answer so slowly that no socket's time-out ends it."""
        self.send_response_only(200)
        self.send_header("Content-Length", "10000")
        if in_headers:
            self.send_header("X-Never-Ending", "")
            self._headers_buffer[-1] = b"X-Never-Ending: "
            self.flush_headers()
        else:
            self.end_headers()
        while not over.wait(0.2):
            self.wfile.write(b" ")

    def flood(self, over: threading.Event) -> None:
        """Answer without an end, as fast as anybody reads."""
        self.send_response_only(200)
        self.send_header("Content-Length", str(2**40))
        self.end_headers()
        while not over.is_set():
            self.wfile.write(b" " * 2**16)

    def reset(self) -> None:
        """End the connection with a reset instead of a proper end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def carried_out(self, body: bytes) -> Answer:
        """Have the store answer."""
        return self.exchange(self.command, self.path, body, dict(self.headers))

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
def proxying(
    upstream: str, handler: type[Handler] = Handler, certificate: Path | None = None
) -> Iterator[Proxy]:
    """Run a proxy before the server, with a certificate behind TLS; yield what controls it."""
    proxy = Proxy()
    with Front(upstream, proxy, handler) as server:
        proxy.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            proxy.endpoint = proxy.endpoint.replace("http:", "https:")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.over.set()
            server.shutdown()
            thread.join()
