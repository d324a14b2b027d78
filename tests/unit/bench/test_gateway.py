from __future__ import annotations

import http.client
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from bench.gateway import Gateway, counted
from lab.stacks.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LATENCY = 20


class Store(BaseHTTPRequestHandler):
    """Says how much it was sent, and fails if it is told to."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        received = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = str(len(received)).encode()
        self.send_response_only(503 if self.path == "/fail" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = answer  # noqa: N815 - the base class's names


@contextmanager
def store() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    processes = Processes(tmp_path_factory.mktemp("bench"))
    with store() as port:
        gateway = Gateway(processes, port, LATENCY)
        try:
            gateway.start()
            yield gateway
        finally:
            processes.stop_all()


def ask(port: int, requests: list[tuple[str, str, bytes]]) -> list[str]:
    """Ask over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    answers = []
    for method, path, body in requests:
        connection.request(method, path, body)
        answers.append(connection.getresponse().read().decode())
    connection.close()
    return answers


@pytest.mark.parametrize("way", ["prompt", "late"])
def test_every_request_is_counted_by_its_method_and_once(gateway: Gateway, way: str) -> None:
    gateway.count()
    body = bytes(3_000_000)
    asked = [
        ("GET", "/a%20b", b""),
        ("PUT", "/x", body),
        ("PUT", "/y", b"1"),
        ("GET", "/fail", b""),
    ]
    assert ask(getattr(gateway, way), asked) == ["0", str(len(body)), "1", "0"]
    assert gateway.count() == {"GET": 2, "PUT": 2, "failed": 1}
    assert gateway.count() == {}


def test_each_request_on_a_kept_connection_is_late(gateway: Gateway) -> None:
    started = time.monotonic()
    ask(gateway.late, [("GET", "/", b"")] * 10)
    # It is never less, however fast the machine; how much more it is depends on the machine.
    assert time.monotonic() - started > 10 * 0.9 * LATENCY / 1000


def test_a_body_of_many_packets_is_late_but_once(gateway: Gateway) -> None:
    """Counted, not timed: nginx asks what delays once for each request."""
    before = asked_for_delay(gateway)
    ask(gateway.late, [("PUT", "/x", bytes(3_000_000))] * 3)
    assert asked_for_delay(gateway) - before == 3


def asked_for_delay(gateway: Gateway) -> int:
    log: Path = gateway.folder / "delay.log"
    return len(log.read_text().splitlines())


def test_lines_of_the_log_are_counted() -> None:
    lines = ["80 GET 200 /a b", "80 GET 404 /", "81 PUT 500 /x", "81 PUT 502 /x"]
    assert counted(lines) == {"GET": 2, "PUT": 2, "failed": 2}
