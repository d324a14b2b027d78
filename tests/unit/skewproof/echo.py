"""A server of any kind that refuses, and says in its answer everything that it was sent."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def as_xml(said: str) -> tuple[str, str]:
    text = escape(said)
    return "application/xml", f"<Error><Code>Refused</Code><Message>{text}</Message></Error>"


def as_sts(said: str) -> tuple[str, str]:
    text = escape(said)
    error = f"<Error><Type>Sender</Type><Code>Refused</Code><Message>{text}</Message></Error>"
    return "text/xml", f"<ErrorResponse>{error}</ErrorResponse>"


def as_json(said: str) -> tuple[str, str]:
    error = {"code": 0, "message": said, "errors": [{"reason": "refused", "message": said}]}
    return "application/json", json.dumps({"error": error})


def as_html(said: str) -> tuple[str, str]:
    return "text/html", f"<h1>Refused</h1><pre>{escape(said)}</pre>"


def as_text(said: str) -> tuple[str, str]:
    return "text/plain", said


@dataclass(frozen=True)
class Echo:
    """A running server.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        heard: All requests, as they came.
    """

    port: int
    heard: list[str]


@contextmanager
def echoing(status: int, form: Callable[[str], tuple[str, str]]) -> Iterator[Echo]:
    """Run a server that answers every request with a status and the request itself."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def refuse(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = f"{self.requestline}\n{self.headers}{body.decode('latin-1')}"
            heard.append(said)
            kind, text = form(said)
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("x-ms-error-code", "Refused")
            self.send_header("x-ms-request-id", "1")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_CONNECT = refuse  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield Echo(server.server_address[1], heard)
        finally:
            server.shutdown()
            thread.join()
