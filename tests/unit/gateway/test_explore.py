"""The explore page, which the gateway serves by itself, and the record of a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.conftest import HANG_UP, PAGES, Answer

if TYPE_CHECKING:
    from tests.unit.gateway.conftest import Gateway

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
OURS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": POLICY,
}
TYPES = {
    "/lab/": ("explore/index.html", "text/html; charset=utf-8"),
    "/lab/?release=v2": ("explore/index.html", "text/html; charset=utf-8"),
    "/lab/index.html": ("explore/index.html", "text/html; charset=utf-8"),
    "/lab/judge.js": ("explore/judge.js", "text/javascript; charset=utf-8"),
    "/lab/parts/list.js": ("explore/parts/list.js", "text/javascript; charset=utf-8"),
    "/lab/explore.css": ("explore/explore.css", "text/css; charset=utf-8"),
    "/lab/icon.svg": ("explore/icon.svg", "image/svg+xml"),
    "/lab/README.md": ("explore/README.md", "text/plain; charset=utf-8"),
    "/lab/charts/uPlot.min.css": ("charts/uPlot.min.css", "text/css; charset=utf-8"),
}
NOTHING = (
    "/lab/no-such-file.js",
    "/lab/parts/",
    "/lab/charts/",
    "/lab/charts/no-such-file.js",
    "/lab/explore",
    "/lab/../static/css/site.css",
    "/lab/%2e%2e/static/css/site.css",
    "/lab/charts/../../static/secret",
)
TRICKS = (
    "/lab/../secret",
    "/lab/%2e%2e/secret",
    "/lab/..%2fsecret",
    "/lab/%2e%2e%2fsecret",
    "/lab/..%5csecret",
    "/lab/%252e%252e%252fsecret",
    "/lab../secret",
    "/lab..%2fsecret",
    "/lab/charts/..%2f..%2fsecret",
    "/lab/charts../secret",
    "//lab//..//secret",
)
"""Ways to a file beside those of the page."""


def unasked(gateway: Gateway) -> bool:
    """Whether neither a replica nor the store has heard of it."""
    return not [each for behind in (gateway.store, *gateway.replicas) for each in behind.asked]


def record_of(release: str) -> str:
    """Where the record of a release is asked for."""
    return f"/lab/record?release={release}"


class TestTheExplorePage:
    @pytest.mark.parametrize("target", TYPES)
    def test_comes_with_its_type_and_may_load_from_here_alone(
        self, gateway: Gateway, target: str
    ) -> None:
        file, kind = TYPES[target]
        for method in ("GET", "HEAD"):
            status, headers, body = gateway.ask(target, method)
            assert (status, headers["Content-Type"]) == (200, kind)
            assert headers.items() >= OURS.items()
            assert "Set-Cookie" not in headers
            wanted = PAGES[file] if method == "GET" else ""
            assert body.encode("latin-1").decode() == wanted
        assert unasked(gateway)

    def test_comes_when_no_replica_answers(self, gateway: Gateway) -> None:
        for replica in gateway.replicas:
            replica.answer = Answer(HANG_UP)
        assert gateway.ask("/lab/")[0] == 200
        assert gateway.ask("/")[0] == 502

    @pytest.mark.parametrize("target", TRICKS)
    def test_is_no_way_to_other_files(self, gateway: Gateway, target: str) -> None:
        _status, _headers, body = gateway.ask(target)
        assert body in ("no such asset\n", "found")  # the replica's word
        assert gateway.store.asked == []

    @pytest.mark.parametrize("target", NOTHING)
    def test_lists_nothing_and_is_no_way_to_the_store(self, gateway: Gateway, target: str) -> None:
        status, headers, body = gateway.ask(target)
        assert (status, body) == (404, "no such asset\n")
        assert headers["Cache-Control"] == "no-store"
        assert unasked(gateway)

    @pytest.mark.parametrize("target", ["/lab/", "/lab/judge.js", "/lab/charts/uPlot.min.css"])
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
    def test_can_be_read_and_nothing_else(self, gateway: Gateway, method: str, target: str) -> None:
        status, headers, _body = gateway.ask(target, method, Content_Length="0")
        assert status == 405
        assert headers.items() >= OURS.items()
        assert unasked(gateway)

    def test_is_found_without_its_slash(self, gateway: Gateway) -> None:
        status, headers, _body = gateway.ask("/lab")
        assert (status, headers["Location"]) == (302, "/lab/")
        assert headers["Cache-Control"] == "no-store"

    def test_is_moved_to_the_host_whose_pages_it_may_ask_for(self, gateway: Gateway) -> None:
        status, headers, _body = gateway.ask("/lab/?x", Host="localhost")
        assert (status, headers["Location"]) == (302, f"http://{gateway.host}/lab/?x")


class TestTheRecord:
    def test_is_that_of_the_release_and_nobody_keeps_it(self, gateway: Gateway) -> None:
        for replica in gateway.replicas:
            said = {"Cache-Control": "max-age=60", "Set-Cookie": "x=y", "X-Release": "v1"}
            kind = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}
            replica.answer = Answer(200, said | kind, b"{}")
        for method, wanted in (("GET", "{}"), ("HEAD", "")):
            status, headers, body = gateway.ask(record_of("v1"), method)
            assert (status, body) == (200, wanted)
            assert headers["Content-Type"] == "application/json"
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Release"] == "v1"
            assert "Set-Cookie" not in headers

    def test_is_asked_for_without_a_word_about_who_asks(self, gateway: Gateway) -> None:
        told = {
            "Cookie": "release=v1; sessionid=1",
            "Authorization": "Basic eDp5",
            "X_Made_Up": "x",
        }
        gateway.ask(f"{record_of('v1')}&x=y", body=b"planted", Content_Length="7", **told)
        (request,) = [each for replica in gateway.replicas for each in replica.asked]
        assert (request.method, request.target) == ("GET", "/record.json?release=v1")
        assert request.body == b""
        assert request.headers == {"Host": gateway.host, "Connection": "close"}

    @pytest.mark.parametrize("query", ["", "?", "?release=", "?other=v1"])
    def test_of_no_release_is_a_miss(self, gateway: Gateway, query: str) -> None:
        status, headers, body = gateway.ask(f"/lab/record{query}", Cookie="release=v1")
        assert (status, headers["Cache-Control"]) == (404, "no-store")
        assert body == "name a release, as in /lab/record?release=v1\n"
        assert unasked(gateway)

    @pytest.mark.parametrize("release", ["v9", "any", "v1|v2", "../v1", "v1%0d%0aX:%20y", "%76"])
    def test_of_another_release_is_what_a_replica_says_of_it(
        self, gateway: Gateway, release: str
    ) -> None:
        for replica in gateway.replicas:
            replica.answer = Answer(404, {"Set-Cookie": "x=y"})
        status, headers, _body = gateway.ask(record_of(release))
        assert (status, headers["Cache-Control"]) == (404, "no-store")
        assert "Set-Cookie" not in headers
        (request,) = [each for replica in gateway.replicas for each in replica.asked]
        assert request.target == f"/record.json?release={release}"

    def test_of_a_release_whose_replicas_are_gone_is_not_kept_either(
        self, gateway: Gateway
    ) -> None:
        for replica in gateway.replicas:
            replica.answer = Answer(HANG_UP)
        status, headers, _body = gateway.ask(record_of("v1"))
        assert (status, headers["Cache-Control"]) == (502, "no-store")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
    def test_can_be_read_and_nothing_else(self, gateway: Gateway, method: str) -> None:
        assert gateway.ask(record_of("v1"), method, Content_Length="0")[0] == 405
        assert unasked(gateway)
