"""What the gateway lets through to the store and back, whatever either side says."""

from __future__ import annotations

import gzip
import http.client
import resource
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.conftest import HANG_UP, Answer

from lab.deadline import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.gateway.conftest import Gateway

NO_FILES = (
    "/static",
    "/static/",
    "/static//",
    "/static/.",
    "/static/css/..",
    "/static/css/",
    "/static/css//",
    "/static/css/.",
    "/static/css/%2e",
    "/static/css/%2E%2e/js/",
    "/static//css/site.css",
    "//static/css/site.css",
    "/./static/css/site.css",
    "/static/./css/site.css",
    "/static/css/../css/site.css",
    "/static/css/%2e%2e/css/site.css",
    "/static/%2fcss/site.css",
    "/static/css%2Fsite.css",
    "/static/css%2f",
    "/static/css%5csite.css",
    "/static/css\\site.css",
    "/static/css/#/site.css",
    "/%73tatic/css/site.css",
)
QUERIES = (
    "",
    "?",
    "?list-type=2&delimiter=/",
    "?prefix=css/site.css",
    "?/static/css/site.css",
    "?a?/b",
)
FILES = (
    "css/site.css",
    "css/site.0123456789ab.css",
    "no-extension",
    ".well-known/x",
    "css/..site..css",
    "a%20b/%C3%A9t%C3%A9@2x,(1)~!*'+=&;:$.png",
    "css/%252e%252e/x",
    "long/" + 1500 * "a%20b" + ".css",
)
fresh = (f"/static/css/fresh-{number}.0123456789ab.css" for number in count())
"""Names that no cache has seen."""


class TestAPathThatIsNoFile:
    @pytest.mark.parametrize("query", QUERIES)
    @pytest.mark.parametrize("path", NO_FILES)
    def test_is_a_miss_and_the_store_is_not_asked(
        self, gateway: Gateway, path: str, query: str
    ) -> None:
        status, headers, body = gateway.ask(path + query)
        assert (status, body) == (404, "no such asset\n")
        assert headers["Cache-Control"] == "no-store"
        assert gateway.store.asked == []


HOSTILE = {
    "Authorization": "Basic eDp5",
    "Cache_Control": "no-cache",
    "Cookie": "sessionid=1",
    "Accept_Encoding": "gzip",
    "If_Modified_Since": "Thu, 01 Jan 2026 00:00:00 GMT",
    "If_None_Match": '"x"',
    "Range": "bytes=0-1",
    "X_Amz_Security_Token": "x",
    "X_Amz_Meta_Anything": "x",
    "X_Forwarded_For": "192.0.2.1",
    "X_Http_Method_Override": "DELETE",
    "X_Made_Up": "x",
}


class TestTheStore:
    @pytest.mark.parametrize("name", FILES)
    def test_is_asked_for_a_file_by_its_path_alone(self, gateway: Gateway, name: str) -> None:
        gateway.ask(f"/static/{name}?acl&list-type=2", **HOSTILE)
        (request,) = gateway.store.asked
        assert request.target == f"/skewproof/static/{name}"
        assert request.headers == {"Host": f"127.0.0.1:{gateway.store.port}"}

    @pytest.mark.parametrize("target", ["/static/css/site.css", "/static/css/a.0123456789ab.css"])
    @pytest.mark.parametrize(
        ("method", "body", "length"),
        [
            ("HEAD", b"", {}),
            ("GET", b"planted", {"Content_Length": "7"}),
            ("HEAD", b"planted", {"Content_Length": "7"}),
            ("GET", b"7\r\nplanted\r\n0\r\n\r\n", {"Transfer_Encoding": "chunked"}),
        ],
    )
    def test_gets_no_body_and_no_other_method(
        self, gateway: Gateway, target: str, method: str, body: bytes, length: dict[str, str]
    ) -> None:
        assert gateway.ask(target, method, body, **HOSTILE, **length)[0] in (200, 206, 304)
        (request,) = gateway.store.asked
        assert (request.method, request.body) == ("GET", b"")
        assert request.headers.keys() == {"Host"}

    def test_is_asked_once_for_a_hashed_name_and_each_time_for_another(
        self, gateway: Gateway
    ) -> None:
        hashed, unhashed = next(fresh), "/static/css/again.css"
        for target in (hashed, f"{hashed}?x", unhashed, unhashed):
            gateway.ask(target)
        names = [each.target.removeprefix("/skewproof") for each in gateway.store.asked]
        assert names == [hashed, unhashed, unhashed]
        gateway.ask(hashed, Cache_Control="no-cache")
        assert len(gateway.store.asked) == 4

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
    def test_is_not_asked_to_do_anything(self, gateway: Gateway, method: str) -> None:
        assert gateway.ask(next(fresh), method)[0] == 405
        assert gateway.store.asked == []


OURS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
    "X-Cache": "MISS",
}
PASSED = {
    "Content-Type": "text/css",
    "ETag": '"5d41402abc4b2a76"',
    "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
}
WRITTEN_BY_NGINX = {"Accept-Ranges", "Connection", "Content-Length", "Date", "Server"}
DROPPED = (
    *("Age", "Alt-Svc", "Expires", "Link", "Location", "Pragma", "Refresh", "Set-Cookie"),
    *("Strict-Transport-Security", "Vary", "Via", "WWW-Authenticate", "X-Amz-Id-2"),
    *("X-Amz-Meta-Owner", "X-Amz-Request-Id", "X-Made-Up", "X-Ratelimit-Limit"),
    *("X-Minio-Deployment-Id", "X-Powered-By", "X-Release", "X-Xss-Protection"),
)


class TestAnAnswerOfTheStore:
    def test_brings_the_headers_that_are_needed_and_no_other(self, gateway: Gateway) -> None:
        gateway.store.answer = Answer(200, dict.fromkeys((*DROPPED, *OURS), "x") | PASSED)
        target = next(fresh)
        for cache in ("MISS", "HIT"):
            _status, headers, _body = gateway.ask(target)
            assert headers.keys() == WRITTEN_BY_NGINX | OURS.keys() | PASSED.keys()
            assert (PASSED | OURS | {"X-Cache": cache}).items() <= headers.items()

    def test_is_given_in_part_and_confirmed_by_the_gateway(self, gateway: Gateway) -> None:
        gateway.store.answer = Answer(200, PASSED)
        target = next(fresh)
        for _cache in ("MISS", "HIT"):
            assert gateway.ask(target, Range="bytes=1-2")[::2] == (206, "ou")
            assert gateway.ask(target, If_None_Match=PASSED["ETag"])[::2] == (304, "")

    @pytest.mark.parametrize(
        "said",
        [
            {"X-Accel-Redirect": "/livez"},
            {"X-Accel-Expires": "0"},
            {"X-Accel-Limit-Rate": "900"},
            {"X-Accel-Buffering": "no"},
            {"Cache-Control": "private, no-store"},
            {"Expires": "Thu, 01 Jan 1970 00:00:01 GMT"},
            {"Set-Cookie": "sessionid=1"},
            {"Vary": "*"},
        ],
    )
    def test_gives_nginx_no_orders(self, gateway: Gateway, said: dict[str, str]) -> None:
        gateway.store.answer = Answer(200, {**PASSED, **said}, 9000 * b"x")
        target, began = next(fresh), time.monotonic()
        for cache in ("MISS", "HIT"):
            status, headers, body = gateway.ask(target)
            assert (status, headers["X-Cache"], len(body)) == (200, cache, 9000)
            assert headers["Content-Type"] == "text/css"
        assert time.monotonic() - began < 9000 / 900
        assert not [each for replica in gateway.replicas for each in replica.asked]


STYLES = b"".join(b".c%d { color: #%06x }\n" % (n, n * 7919) for n in range(40_000))
ZIPPED = {**PASSED, "Content-Encoding": "gzip"}


class TestAnAssetThatIsStoredCompressed:
    @pytest.mark.parametrize("content", [b".a {}", STYLES])
    @pytest.mark.parametrize(
        "accepted", ["", "br", "identity", "gzip;q=0", "gzip; q=0.0", "deflate, x-gzip;q=0.000"]
    )
    def test_is_unpacked_for_who_takes_no_gzip(
        self, gateway: Gateway, accepted: str, content: bytes
    ) -> None:
        gateway.store.answer = Answer(200, ZIPPED, gzip.compress(content, mtime=0))
        target = next(fresh)
        for _cache in ("MISS", "HIT"):
            status, headers, body = gateway.ask(target, Accept_Encoding=accepted)
            assert (status, body == content.decode()) == (200, True)
            assert headers.keys().isdisjoint({"Content-Encoding", "Content-Length"})
            assert (headers["Vary"], headers["ETag"]) == ("Accept-Encoding", f"W/{PASSED['ETag']}")
            assert gateway.ask(target, "HEAD", Accept_Encoding=accepted)[0] == 200

    @pytest.mark.parametrize("accepted", ["gzip", "br, GZIP", "x-gzip;q=0.5", "gzip;q=0.01, br"])
    def test_comes_as_it_is_for_who_takes_it(self, gateway: Gateway, accepted: str) -> None:
        packed = gzip.compress(STYLES, mtime=0)
        gateway.store.answer = Answer(200, ZIPPED, packed)
        status, headers, body = gateway.ask(next(fresh), Accept_Encoding=accepted)
        assert (status, body.encode("latin-1") == packed) == (200, True)
        assert (headers["Content-Encoding"], headers["Vary"]) == ("gzip", "Accept-Encoding")
        assert headers["ETag"] == PASSED["ETag"]

    def test_is_never_mixed_with_another_one(self, gateway: Gateway) -> None:
        targets = [next(fresh) for _ in range(8)]
        for number, target in enumerate(targets):
            gateway.store.answer = Answer(200, ZIPPED, gzip.compress(b"%d" % number + STYLES))
            gateway.ask(target)
        with ThreadPoolExecutor(8) as pool:
            bodies = list(pool.map(lambda target: gateway.ask(target)[2], 4 * targets))
        wanted = [str(number) + STYLES.decode() for number in range(len(targets))]
        assert bodies == 4 * wanted

    @pytest.mark.parametrize(
        "stored", [gzip.compress(STYLES, mtime=0)[:-5000], b"\x1f\x8b no gzip at all", b"", STYLES]
    )
    def test_is_broken_off_if_it_is_none(self, gateway: Gateway, stored: bytes) -> None:
        gateway.store.answer = Answer(200, ZIPPED, stored)
        with pytest.raises((http.client.HTTPException, OSError)):
            gateway.ask(next(fresh))


MISSES = (400, 401, 403, 404, 410)
TOLD = (300, 301, 302, 303, 307, 308, 429, 500, 502, 503, 504, HANG_UP)
UNHEARD = (201, 202, 204, 206, 304, 305, 402, 405, 412, 416, 418, 451, 501, 507, 599)
ANSWERS = {
    **dict.fromkeys(MISSES, (404, "no such asset\n")),
    **dict.fromkeys(TOLD, (502, "the store does not answer\n")),
    **dict.fromkeys(UNHEARD, (502, "")),
}
"""What a visitor gets, by what the store says."""


class TestAFailure:
    @pytest.mark.parametrize("said", ANSWERS)
    def test_says_nothing_of_the_store_and_is_not_kept(self, gateway: Gateway, said: int) -> None:
        target = next(fresh)
        kept = {
            "Cache-Control": "max-age=60",
            "X-Accel-Expires": "60",
            "Expires": "Thu, 01 Jan 2099",
        }
        inside = {"Location": "http://store/inside", "X-Amz-Request-Id": "x", "Set-Cookie": "x=y"}
        gateway.store.answer = Answer(said, kept | inside | PASSED, b"<Error>inside</Error>")
        status, headers, body = gateway.ask(target)
        assert (status, body) == ANSWERS[said]
        assert headers["Cache-Control"] == "no-store"
        assert headers.keys().isdisjoint({*kept, *inside, "ETag"} - {"Cache-Control"})
        gateway.store.forget()
        assert gateway.ask(target)[::2] == (200, "found")


class TestAReplicaThatDies:
    def test_in_a_get_costs_no_visitor_an_error(self, gateway: Gateway) -> None:
        gateway.replicas[0].answer = Answer(HANG_UP)
        assert [gateway.ask("/")[0] for _ in range(4)] == [200] * 4
        assert gateway.replicas[0].asked

    def test_in_a_post_does_not_have_it_done_twice(self, gateway: Gateway) -> None:
        for replica in gateway.replicas:
            replica.answer = Answer(HANG_UP)
        assert gateway.ask("/cart/add/", "POST", Content_Length="0")[0] == 502
        assert sum(len(replica.asked) for replica in gateway.replicas) == 1


HALF_A_HEADER = b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: "
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"
PATIENCE = 5.0
"""Seconds, as the template has them, for a header, and between two bytes of a body."""
SOCKETS = 4096


@pytest.fixture
def hold(gateway: Gateway) -> Iterator[Callable[[int, bytes], list[socket.socket]]]:
    """Open so many connections, and say so much on each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(SOCKETS, hard)), hard))
    host, _, port = gateway.host.partition(":")
    with ExitStack() as opened:

        def connect(count: int, said: bytes) -> list[socket.socket]:
            held = []
            for _ in range(count):
                held.append(opened.enter_context(socket.create_connection((host, int(port)), 10)))
                held[-1].sendall(said)
            return held

        yield connect
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_closed(held: socket.socket) -> bool:
    """Return whether the other side has ended it."""
    held.setblocking(False)
    try:
        while held.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


class TestAClientThatSaysHalf:
    def test_of_its_header_2200_times_stops_nobody_and_is_sent_away(
        self, gateway: Gateway, hold: Callable[[int, bytes], list[socket.socket]]
    ) -> None:
        held = hold(2200, HALF_A_HEADER)
        began = time.monotonic()
        for _ in range(20):
            assert gateway.ask("/")[0] == 200
            assert gateway.ask(next(fresh))[0] == 200
        assert time.monotonic() - began < PATIENCE
        wait_until(
            lambda: all(map(is_closed, held)), 2 * PATIENCE, "they stay", lambda: "half a header"
        )

    def test_of_its_body_takes_512_places_of_its_own_address_and_of_no_other(
        self, gateway: Gateway, hold: Callable[[int, bytes], list[socket.socket]]
    ) -> None:
        held = hold(520, HALF_A_BODY)
        wait_until(lambda: gateway.ask("/")[0] == 429, PATIENCE, "no limit", lambda: "half a body")
        assert gateway.ask("/", source="127.0.0.2")[0] == 200
        assert gateway.ask(next(fresh))[1]["Cache-Control"] == "no-store"
        wait_until(
            lambda: all(map(is_closed, held)), 2 * PATIENCE, "they stay", lambda: "half a body"
        )
        assert gateway.ask("/")[0] == 200
        assert sum(len(replica.asked) for replica in gateway.replicas) == 2
