"""A proxy before the store, in which a request waits at a breakpoint until it may go on.

It runs beside the store by `python -m lab.matrix.storeproxy`, in a container as well; so it imports
nothing of the lab but breakpoints.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from lab.matrix.breakpoint import PAUSE_SECONDS, Pause

OPERATIONS = {"PUT": "write", "DELETE": "delete"}
NOT_FORWARDED = ("connection", "expect", "transfer-encoding")


class StoreProxy:
    """Forwards to the store as it is, Host and signature included.

    Args:
        store: host and port of the store.
        bucket: what comes before the keys in a path.
        pause: asked about each write and delete, before it is forwarded.
        address: where to listen; port 0 is any that is free.
    """

    def __init__(
        self, store: str, bucket: str, pause: Pause, address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        self.store, self.bucket, self.pause = store, bucket, pause
        self.breakpoint, self.lock = pause.read(), threading.Lock()
        handler = type("BoundHandler", (Handler,), {"proxy": self})
        self.server = ThreadingHTTPServer(address, handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.serve, name="store proxy", daemon=True)

    def serve(self) -> None:
        """Answer until somebody shuts it down."""
        self.server.serve_forever(0.05)

    def stops(self, method: str, path: str) -> bool:
        """Return whether this is a change of the store from the breakpoint on.

        A publish writes side by side: what comes after the request that is waited for waits too.
        """
        if (operation := OPERATIONS.get(method)) is None:
            return False
        key = unquote(urlsplit(path).path).removeprefix(f"/{self.bucket}/")
        with self.lock:
            return self.breakpoint.is_hit(operation, key) or not self.breakpoint.armed

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection of a client, with one of its own to the store."""

    protocol_version = "HTTP/1.1"
    proxy: StoreProxy

    def handle(self) -> None:
        """Answer until the client is gone."""
        with suppress(ConnectionError):  # the client has been killed
            super().handle()

    def setup(self) -> None:
        """Open a connection to the store for each of a client."""
        super().setup()
        self.store = HTTPConnection(self.proxy.store, timeout=PAUSE_SECONDS)

    def finish(self) -> None:
        """Close both."""
        self.store.close()
        super().finish()

    def still_here(self) -> None:
        """Say so: a client that hears something now and then does not time out."""
        self.send_response_only(HTTPStatus.CONTINUE)
        self.end_headers()

    def forward(self) -> None:
        """Forward a request when it may go on, and its answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.proxy
        if proxy.stops(self.command, self.path) and not proxy.pause.wait(self.still_here):
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


def main(store: str, bucket: str, folder: str, address: str) -> None:
    """Serve as a process or in a container, and say so."""
    host, _, port = address.rpartition(":")
    proxy = StoreProxy(store, bucket, Pause(Path(folder)), (host, int(port)))
    print(f"listens at {address}", flush=True)
    proxy.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
