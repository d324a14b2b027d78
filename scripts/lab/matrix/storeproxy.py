"""A proxy before the store, in which a request waits at a gate until somebody lets it through."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

OPERATIONS = {"PUT": "write", "DELETE": "delete"}
PATIENCE_SECONDS = 1.0
HOLD_SECONDS = 600.0
"""After so long a request is let go, whatever became of those who held it."""
NOT_FORWARDED = ("connection", "expect", "transfer-encoding")

Stops = Callable[[str, str], bool]
"""Whether to stop before an operation on a key."""


class StoreProxy:
    """Forwards to the store as it is, Host and signature included.

    Args:
        store: host and port of the store.
        bucket: what comes before the keys in a path.
        stops: asked about each write and delete, before it is forwarded.
    """

    def __init__(self, store: str, bucket: str, stops: Stops) -> None:
        self.store, self.bucket = store, bucket
        self.held = threading.Event()
        self.let_go = threading.Event()
        self.drops = False
        """Whether the request that is held is lost with whoever sent it."""
        self._stops, self._lock = stops, threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="store proxy", daemon=True
        )

    def stops(self, method: str, path: str) -> bool:
        """Whether this is the request that the gate waits for; everybody is told when it is."""
        if (operation := OPERATIONS.get(method)) is None:
            return False
        key = unquote(urlsplit(path).path).removeprefix(f"/{self.bucket}/")
        with self._lock:
            stops = self._stops(operation, key)
        if stops:
            self.held.set()
        return stops

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with one of its own to the store."""

    protocol_version = "HTTP/1.1"
    proxy: StoreProxy

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has been killed
            super().handle()

    def setup(self) -> None:
        super().setup()
        self.store = HTTPConnection(self.proxy.store, timeout=HOLD_SECONDS)

    def finish(self) -> None:
        self.store.close()
        super().finish()

    def wait(self) -> None:
        """Wait to be let go; a client that hears of it now and then does not time out."""
        deadline = time.monotonic() + HOLD_SECONDS
        while not self.proxy.let_go.wait(PATIENCE_SECONDS) and time.monotonic() < deadline:
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.proxy.stops(self.command, self.path):
            self.wait()
            if self.proxy.drops:
                self.close_connection = True
                return
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in NOT_FORWARDED
        }
        try:
            self.store.request(self.command, self.path, body or None, headers)
            answer = self.store.getresponse()
            content = answer.read()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in (*NOT_FORWARDED, "content-length"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except (OSError, HTTPException):  # the client has been killed, or the store is away
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward  # noqa: N815 - as http.server says

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing: the store has a log."""
