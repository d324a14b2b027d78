from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
import requests

from lab.probe import Limits, Site
from lab.probe.client import Client, make_session, name_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.lab_probe.conftest import Reply, Request, Shop


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    opened = Client(site, make_session(), time.monotonic)
    yield opened
    opened.close()


class RawServer:
    """Answers each connection with a function of its socket: for what no HTTP server would send."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            with connection:
                try:
                    self._answer(connection)
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    servers: list[RawServer] = []

    def start(answer: Callable[[socket.socket], None]) -> str:
        servers.append(RawServer(answer))
        return servers[-1].url

    yield start
    for server in servers:
        server.close()


def impatient(base: str) -> Client:
    """Return a client that waits a fraction of a second."""
    limits = Limits(connect=0.3, read=0.3, total=0.5, body=100_000)
    return Client(Site(base=base, limits=limits), make_session(), time.monotonic)


def test_an_answer_says_what_came(client: Client, shop: Shop) -> None:
    path, body = shop.asset("css/site.css"), shop.body("css/site.css")
    answer, got = client.get(shop.base + path[1:])
    assert got == body
    assert (answer.status, answer.error, answer.bytes) == (200, None, len(body))
    assert answer.sha256 == hashlib.sha256(body).hexdigest()
    assert answer.md5 == hashlib.md5(body, usedforsecurity=False).hexdigest()
    assert answer.content_type == "text/css; charset=utf-8"
    assert answer.cache_control == "public, max-age=31536000, immutable"
    assert answer.ms > 0
    assert (answer.nosniff, answer.truncated, answer.retried) == (False, False, False)


def test_an_answer_says_who_made_it(client: Client, shop: Shop) -> None:
    answer, _body = client.get(shop.base)
    assert (answer.release, answer.replica, answer.pid) == ("v1", "web-v1", "17")


def test_a_compressed_body_is_judged_as_what_it_holds(
    client: Client, shop: Shop, reply: type[Reply]
) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/css"}
    shop.plant("/zipped.css", reply(gzip.compress(b"a {}" * 1000), headers=headers))
    answer, body = client.get(f"{shop.base}zipped.css")
    assert (body, answer.bytes) == (b"a {}" * 1000, 4000)


def test_an_encoding_that_is_a_lie_is_an_error(
    client: Client, shop: Shop, reply: type[Reply]
) -> None:
    shop.plant("/lie", reply(b"this is no gzip", headers={"Content-Encoding": "gzip"}))
    answer, _body = client.get(f"{shop.base}lie")
    assert answer.status is None
    assert (answer.error or "").startswith("other: DecodeError")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_enormous_body_is_read_up_to_the_bound(
    client: Client, shop: Shop, reply: type[Reply], pack: Callable[[bytes], bytes]
) -> None:
    headers = {"Content-Encoding": "gzip"} if pack is gzip.compress else {}
    shop.plant("/big", reply(pack(b"\0" * 5_000_000), headers=headers))
    answer, body = client.get(f"{shop.base}big")
    assert (answer.status, answer.truncated, len(body)) == (200, True, 200_000)
    assert (answer.sha256, answer.md5) == (None, None)


def test_the_connection_is_kept_and_fresh_after_a_bounded_body(
    client: Client, shop: Shop, reply: type[Reply]
) -> None:
    shop.plant("/big", reply(b"\0" * 5_000_000))
    for path in ("", "", "big", "", ""):
        client.get(shop.base + path)
    assert [request.number_on_connection for request in shop.seen] == [1, 2, 3, 1, 2]


@pytest.mark.parametrize(
    ("chunk", "label"),
    [(b"x", "identity"), (b"1\r\nx\r\n", "chunked")],
)
def test_a_body_that_never_ends_is_a_timeout(
    raw_server: Callable[..., str], chunk: bytes, label: str
) -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {label}\r\n\r\n".encode())
        while not stop.wait(0.02):
            connection.sendall(chunk)

    url = raw_server(drip)
    answer, _body = impatient(url).get(url)
    stop.set()
    assert answer.error == "timeout"
    assert answer.ms < 3000


def test_a_server_that_says_nothing_is_a_timeout(raw_server: Callable[..., str]) -> None:
    stop = threading.Event()
    url = raw_server(lambda _connection: stop.wait(5))
    answer, _body = impatient(url).get(url)
    stop.set()
    assert (answer.status, answer.error) == (None, "timeout")


def test_a_body_that_stops_in_the_middle_is_a_timeout(raw_server: Callable[..., str]) -> None:
    stop = threading.Event()

    def stall(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
        stop.wait(5)

    url = raw_server(stall)
    answer, _body = impatient(url).get(url)
    stop.set()
    assert (answer.status, answer.error) == (None, "timeout")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    ],
)
def test_a_server_that_hangs_up_early_is_a_reset(
    raw_server: Callable[..., str], sent: bytes
) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(sent)

    url = raw_server(hang_up)
    answer, _body = impatient(url).get(url)
    assert (answer.status, answer.error, answer.retried) == (None, "reset", False)


def test_what_is_no_http_is_named(raw_server: Callable[..., str]) -> None:
    def babble(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    url = raw_server(babble)
    answer, _body = impatient(url).get(url)
    assert (answer.error or "").startswith("other: ")


def test_a_port_with_nobody_on_it_refuses(shop: Shop, client: Client) -> None:
    shop.stop()
    answer, _body = client.get(shop.base)
    assert (answer.status, answer.error, answer.retried) == (None, "refused", False)


def test_a_host_without_an_address_is_named(client: Client) -> None:
    answer, _body = client.get("http://host.invalid/")
    assert (answer.error or "").startswith("other: ")


def test_a_reset_by_the_peer_is_a_reset(client: Client, shop: Shop, reply: type[Reply]) -> None:
    shop.plant("/cut", reply(b"x" * 1000, cut=10))
    answer, _body = client.get(f"{shop.base}cut")
    assert (answer.status, answer.error) == (None, "reset")


def test_a_kept_connection_that_was_closed_is_tried_once_more(
    client: Client, shop: Shop, reply: type[Reply]
) -> None:
    """The server closes an idle connection in the moment of its next use."""

    def close_when_reused(request: Request) -> Reply:
        return reply(b"fine") if request.number_on_connection == 1 else reply(hang_up=True)

    shop.plant("/", close_when_reused)
    first, _body = client.get(shop.base)
    second, body = client.get(shop.base)
    assert (first.retried, second.retried, second.status, body) == (False, True, 200, b"fine")
    assert len(shop.seen) == 3


def test_a_fresh_connection_that_is_closed_is_not_tried_again(
    client: Client, shop: Shop, reply: type[Reply]
) -> None:
    shop.plant("/", reply(hang_up=True))
    answer, _body = client.get(shop.base)
    assert (answer.error, answer.retried) == ("reset", False)
    assert len(shop.seen) == 1


def test_a_second_try_that_fails_too_is_named_by_its_own_failure(
    client: Client, shop: Shop, reply: type[Reply]
) -> None:
    def close_when_reused(request: Request) -> Reply:
        if request.number_on_connection == 1:
            return reply(b"fine") if len(shop.seen) == 1 else reply(b"?" * 9, cut=3)
        return reply(hang_up=True)

    shop.plant("/", close_when_reused)
    client.get(shop.base)
    answer, _body = client.get(shop.base)
    assert (answer.status, answer.error, answer.retried) == (None, "reset", True)


def test_a_redirect_is_recorded_and_not_followed(
    client: Client, shop: Shop, reply: type[Reply]
) -> None:
    answer, _body = client.get(f"{shop.base}account/")
    assert (answer.status, answer.redirected_to) == (302, f"{shop.base}login/")
    assert len(shop.seen) == 1
    shop.plant("/nowhere", reply(b"", 302, {"Location": "mailto:a@b.c"}))
    answer, _body = client.get(f"{shop.base}nowhere")
    assert (answer.status, answer.redirected_to) == (302, None)


def test_a_failing_page_keeps_the_beginning_of_what_it_says(
    client: Client, shop: Shop, reply: type[Reply]
) -> None:
    headers = {"Content-Type": "text/html; charset=iso-8859-1"}
    shop.plant("/broken/", reply(("caf\u00e9 " * 1000).encode("latin-1"), 500, headers))
    answer, _body = client.get(f"{shop.base}broken/", excerpt=True)
    assert answer.excerpt == ("caf\u00e9 " * 1000)[:300]
    answer, _body = client.get(f"{shop.base}broken/")
    assert answer.excerpt is None
    answer, _body = client.get(shop.base, excerpt=True)
    assert answer.excerpt is None


def test_a_hard_reload_asks_past_the_caches(site: Site, shop: Shop) -> None:
    for hard in (True, False):
        client = Client(site, make_session(), time.monotonic, hard=hard)
        client.get(shop.base)
        client.close()
    assert [request.headers.get("Cache-Control") for request in shop.seen] == ["no-cache", None]


def test_a_pinned_visitor_says_so_by_the_cookie(site: Site, shop: Shop) -> None:
    client = Client(site, make_session(), time.monotonic, pin="v2")
    answer, _body = client.get(shop.base)
    client.close()
    assert answer.release == "v2"
    assert shop.seen[0].headers["Cookie"] == "release=v2"


def test_nosniff_is_recorded(client: Client, shop: Shop, reply: type[Reply]) -> None:
    shop.plant("/", reply(b"", headers={"X-Content-Type-Options": " NoSniff "}))
    assert client.get(shop.base)[0].nosniff


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ConnectionRefusedError(), "refused"),
        (requests.ConnectionError(requests.ConnectionError(BrokenPipeError())), "reset"),
        (requests.ConnectTimeout(), "timeout"),
        (TimeoutError(), "timeout"),
        (requests.exceptions.InvalidURL("no host"), "other: InvalidURL: no host"),
    ],
)
def test_errors_have_names(error: Exception, name: str) -> None:
    assert name_error(error) == name
