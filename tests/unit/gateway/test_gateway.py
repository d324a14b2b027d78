"""What the gateway lets through to the store and back, whatever either side says."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.conftest import HANG_UP, Answer

if TYPE_CHECKING:
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


class TestTheStore:
    @pytest.mark.parametrize("name", FILES)
    def test_is_asked_for_a_file_by_its_path_alone(self, gateway: Gateway, name: str) -> None:
        asked = {
            "Cache_Control": "no-cache",
            "Authorization": "Basic eDp5",
            "Cookie": "sessionid=1",
        }
        assert gateway.ask(f"/static/{name}?acl&list-type=2", **asked)[0] == 200
        (request,) = gateway.store.asked
        assert request.target == f"/skewproof/static/{name}"
        assert request.headers.keys().isdisjoint({"Authorization", "Cookie"})
        assert request.headers["Host"] == f"127.0.0.1:{gateway.store.port}"

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

    def test_keeps_its_own_headers_to_itself(self, gateway: Gateway) -> None:
        own = ("Strict-Transport-Security", "Vary", "X-Amz-Id-2", "X-Amz-Request-Id")
        own += ("X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Xss-Protection")
        ours = {"Cache-Control": "public, max-age=31536000, immutable"}
        ours |= {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}
        gateway.store.answer = Answer(200, dict.fromkeys((*own, *ours), "the store's"))
        _status, headers, _body = gateway.ask(next(fresh))
        assert headers.keys().isdisjoint(own)
        assert ours.items() <= headers.items()


class TestAFailure:
    @pytest.mark.parametrize("said", [400, 403, 404, 500, 502, 503, 504, HANG_UP])
    def test_says_nothing_of_the_store_and_is_not_kept(self, gateway: Gateway, said: int) -> None:
        target = next(fresh)
        gateway.store.answer = Answer(
            said, {"Cache-Control": "max-age=60"}, "<Error>inside</Error>"
        )
        status, headers, body = gateway.ask(target)
        shown = (
            (404, "no such asset\n")
            if said in (400, 403, 404)
            else (502, "the store does not answer\n")
        )
        assert (status, body) == shown
        assert headers["Cache-Control"] == "no-store"
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
