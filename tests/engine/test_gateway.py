"""The gateway in front of two releases: traffic, pins, the bucket behind its cache, the log."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from tests.engine.buckets import publisher
from tests.engine.journeys import crawl
from tests.engine.pages import hash_of, look_at, wrong_pages
from tests.engine.stacks import is_embedded

from lab.deadline import wait_until
from lab.history import read_history
from lab.probe.client import make_session
from lab.stacks.stack import Stack

IMMUTABLE = "public, max-age=31536000, immutable"
HEADERS = ("X-Release", "X-Replica", "X-Pid", "X-Strategy")
EVEN = {"v1": 50, "v2": 50}


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """One visitor: cookies and connections."""
    with make_session() as opened:
        yield opened


@pytest.fixture
def asset(both: Stack) -> str:
    """The URL of an asset that both releases have."""
    return f"{both.base}static/{both.record('v1')['paths']['css/reset.css']}"


def draw(stack: Stack, session: requests.Session, count: int) -> Counter[str]:
    """Ask so many times, and count who answered."""
    answers = [session.get(f"{stack.base}livez", timeout=10) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {200}
    return Counter(answer.headers["X-Release"] for answer in answers)


def raw(stack: Stack, method: str, target: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Send a request whose target nobody has put in order."""
    connection = http.client.HTTPConnection(stack.base.split("/")[2], timeout=10)
    try:
        connection.putrequest(method, target, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode("latin-1")
    finally:
        connection.close()


@contextmanager
def weights(stack: Stack, **shares: int) -> Iterator[None]:
    """Give the traffic other weights while the block runs."""
    stack.route(shares)
    try:
        yield
    finally:
        stack.route(EVEN)


class TestTraffic:
    # By Hoeffding's bound these fail by chance once in 10**10 runs, or more seldom.
    def test_even_weights_split_the_requests_evenly(
        self, both: Stack, session: requests.Session
    ) -> None:
        drawn = draw(both, session, 400)
        assert 130 < drawn["v1"] < 270
        assert drawn.total() == drawn["v1"] + drawn["v2"]

    def test_uneven_weights_split_them_unevenly(
        self, both: Stack, session: requests.Session
    ) -> None:
        with weights(both, v1=90, v2=10):
            drawn = draw(both, session, 400)
        assert 290 < drawn["v1"] < 400

    def test_a_release_without_a_share_answers_those_who_ask_for_it(
        self, both: Stack, session: requests.Session
    ) -> None:
        with weights(both, v1=100, v2=0):
            assert draw(both, session, 40) == {"v1": 40}
            session.get(f"{both.base}livez?release=v2", timeout=10)
            assert draw(both, session, 40) == {"v2": 40}

    def test_no_request_of_a_stream_is_refused_while_weights_change(self, both: Stack) -> None:
        stop, seen, failed = threading.Event(), Counter[str](), list[str]()

        def visit(keeps_its_connection: bool) -> None:
            with make_session() as session:
                while not stop.is_set():
                    try:
                        answer = session.get(f"{both.base}cart/", timeout=10)
                    except requests.RequestException as error:
                        failed.append(str(error))
                        continue
                    seen[f"{answer.status_code} {answer.headers.get('X-Release')}"] += 1
                    if not keeps_its_connection:
                        session.close()

        visitors = [threading.Thread(target=visit, args=(number % 2 == 0,)) for number in range(4)]
        for visitor in visitors:
            visitor.start()
        try:
            for share in (0, 100, 30, 50):
                both.route({"v1": share, "v2": 100 - share})
        finally:
            stop.set()
            for visitor in visitors:
                visitor.join()
        assert failed == []
        assert set(seen) == {"200 v1", "200 v2"}
        assert seen.total() > 50


class TestPins:
    @pytest.mark.parametrize("release", ["v1", "v2"])
    def test_a_visitor_who_asks_for_a_release_keeps_it(
        self, both: Stack, session: requests.Session, release: str
    ) -> None:
        answer = session.get(f"{both.base}?release={release}", timeout=10)
        assert answer.headers["X-Release"] == release
        assert answer.headers["Set-Cookie"].startswith(f"release={release}; Path=/")
        assert draw(both, session, 40) == {release: 40}

    def test_a_visitor_may_ask_for_another_one_later(
        self, both: Stack, session: requests.Session
    ) -> None:
        for release in ("v1", "v2", "v1"):
            session.get(f"{both.base}?release={release}", timeout=10)
            assert draw(both, session, 20) == {release: 20}

    def test_a_visitor_who_asks_for_any_is_let_go(
        self, both: Stack, session: requests.Session
    ) -> None:
        session.get(f"{both.base}?release=v1", timeout=10)
        session.get(f"{both.base}?release=any", timeout=10)
        assert "release" not in session.cookies
        assert set(draw(both, session, 60)) == {"v1", "v2"}

    @pytest.mark.parametrize(
        "asked", ["v9", "v10", "v1|v2", "../v1", "v1%0d%0aSet-Cookie:%20x=y", "%76", ""]
    )
    def test_an_unknown_release_pins_nobody(
        self, both: Stack, session: requests.Session, asked: str
    ) -> None:
        answer = session.get(f"{both.base}?release={asked}", timeout=10)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert set(draw(both, session, 60)) == {"v1", "v2"}

    def test_a_cookie_of_a_release_that_is_gone_pins_nobody(
        self, both: Stack, session: requests.Session
    ) -> None:
        session.cookies.set("release", "v0")
        assert set(draw(both, session, 60)) == {"v1", "v2"}


class TestAssets:
    def test_a_hashed_name_is_immutable_and_may_be_used_by_other_origins(
        self, session: requests.Session, asset: str
    ) -> None:
        for answer in (session.get(asset, timeout=10), session.head(asset, timeout=10)):
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == IMMUTABLE
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Type"].startswith("text/css")

    def test_a_part_of_it_is_immutable_as_well(self, session: requests.Session, asset: str) -> None:
        whole = session.get(asset, timeout=10).content
        answer = session.get(asset, headers={"Range": "bytes=3-9"}, timeout=10)
        assert (answer.status_code, answer.content) == (206, whole[3:10])
        assert answer.headers["Cache-Control"] == IMMUTABLE

    def test_so_is_the_word_that_it_has_not_changed(
        self, session: requests.Session, asset: str
    ) -> None:
        tag = session.get(asset, timeout=10).headers["ETag"]
        answer = session.get(asset, headers={"If-None-Match": tag}, timeout=10)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["Cache-Control"] == IMMUTABLE

    def test_the_second_visitor_gets_it_from_the_cache_unless_it_is_a_hard_reload(
        self, session: requests.Session, asset: str
    ) -> None:
        session.get(asset, timeout=10)
        hard = {"Cache-Control": "no-cache"}
        assert session.get(asset, timeout=10).headers["X-Cache"] == "HIT"
        assert session.get(asset, headers=hard, timeout=10).headers["X-Cache"] == "BYPASS"

    def test_an_unhashed_name_has_to_be_asked_for_again(
        self, both: Stack, session: requests.Session
    ) -> None:
        for _ in range(2):
            answer = session.get(f"{both.base}static/css/reset.css", timeout=10)
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["X-Cache"] != "HIT"

    def test_a_miss_is_not_kept_and_the_asset_is_found_as_soon_as_it_is_there(
        self, both: Stack, session: requests.Session
    ) -> None:
        body = f".late {{ color: {uuid.uuid4().hex} }}".encode()
        name = f"css/late.{hash_of(body)}.css"
        act, url = publisher(both), f"{both.base}static/{name}"
        for _ in range(2):
            miss = session.get(url, timeout=10)
            assert (miss.status_code, miss.headers["Cache-Control"]) == (404, "no-store")
        assert act("put", f"static/{name}", body) == "done"
        try:
            found = session.get(url, timeout=10)
            assert (found.status_code, found.content) == (200, body)
            assert found.headers["Cache-Control"] == IMMUTABLE
        finally:
            assert act("delete", f"static/{name}") == "done"

    @pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
    def test_whoever_wants_more_than_to_read_is_refused(
        self, session: requests.Session, asset: str, method: str
    ) -> None:
        before = session.get(asset, timeout=10).content
        refused = session.request(method, asset, data=b"body { display: none }", timeout=10)
        assert refused.status_code == 405
        assert "immutable" not in refused.headers.get("Cache-Control", "")
        hard = {"Cache-Control": "no-cache"}
        assert session.get(asset, headers=hard, timeout=10).content == before


MANIFEST = "releases/v1/staticfiles.json"
TRICKS = (
    f"/{MANIFEST}",
    f"/skewproof/{MANIFEST}",
    f"/static/{MANIFEST}",
    f"/static/../{MANIFEST}",
    f"/static/%2e%2e/{MANIFEST}",
    f"/static/.%2e/{MANIFEST}",
    f"/static/..%2f{MANIFEST}",
    f"/static/%2e%2e%2f{MANIFEST}",
    f"/static/%252e%252e/{MANIFEST}",
    f"/static/..%252f{MANIFEST}",
    f"/static/..%5c{MANIFEST}",
    f"/static/..;/{MANIFEST}",
    f"/static/./../{MANIFEST}",
    f"/static/css/../../{MANIFEST}",
    f"/static/css/%2e%2e/%2e%2e/{MANIFEST}",
    f"/static//../../{MANIFEST}",
    f"//static//..//{MANIFEST}",
    f"/static/../../skewproof/{MANIFEST}",
    f"/static/%c0%ae%c0%ae/{MANIFEST}",
    f"/static/..%00/{MANIFEST}",
    f"/static?/../../{MANIFEST}",
    f"/static/?/../{MANIFEST}",
    f"/static/#/../../{MANIFEST}",
    f"http://store/skewproof/{MANIFEST}",
)
LISTINGS = (
    "/static",
    "/static/",
    "/static//",
    "/static/%2f",
    "/static/.",
    "/static/?list-type=2",
    "/static/?list-type=2&prefix=releases/",
    "/static/?policy",
    "/static/css",
    "/static/css?list-type=2",
    "/static/css/",
    "/static/css/?list-type=2&delimiter=/",
    "/static/css/.?list-type=2",
    "/static/css%2f?list-type=2",
    "/static/css%252f?list-type=2",
    "/static/?prefix=css/",
    "/static/%20?list-type=2",
)


class TestADeletedAsset:
    def test_is_missed_on_its_page_until_its_release_is_published_again(
        self, both: Stack, tmp_path: Path
    ) -> None:
        promo = both.record("v1")["paths"]["js/promo.js"]
        assert publisher(both)("delete", f"static/{promo}") == "done"
        try:
            broken = self.look(both, tmp_path / "broken")
        finally:
            published = both.publish("v1")
        assert published.exit_code == 0, published.log
        assert broken == {"/cart/": [f"{promo} answered 404"]}
        assert self.look(both, tmp_path / "healed") == {}

    def look(self, stack: Stack, path: Path) -> dict[str, list[str]]:
        """Visit v1 past every cache, and say what is wrong."""
        run = read_history(crawl(stack, "any", path, "v1"))
        return wrong_pages(look_at(run, "v1"), run.records["v1"])


class TestWhatIsPrivate:
    def test_the_manifest_that_they_look_for_is_there(self, both: Stack) -> None:
        assert publisher(both)("get", MANIFEST) == "done"

    @pytest.mark.parametrize("target", TRICKS)
    def test_no_trick_with_the_path_reaches_a_manifest(self, both: Stack, target: str) -> None:
        status, _headers, body = raw(both, "GET", target)
        assert status >= 300
        assert '"paths"' not in body

    @pytest.mark.parametrize("target", LISTINGS)
    def test_nobody_gets_a_list_of_what_there_is(self, both: Stack, target: str) -> None:
        status, headers, body = raw(both, "GET", target)
        assert (status, headers["Cache-Control"], body) == (404, "no-store", "no such asset\n")

    @pytest.mark.parametrize(
        "query", ["acl", "uploads", "versionId=1", "response-cache-control=private", "tagging"]
    )
    def test_a_query_does_not_reach_the_store(
        self, session: requests.Session, asset: str, query: str
    ) -> None:
        hard = {"Cache-Control": "no-cache"}  # else the cache would answer
        answer = session.get(f"{asset}?{query}", headers=hard, timeout=10)
        assert (answer.status_code, answer.headers["X-Cache"]) == (200, "BYPASS")
        assert answer.headers["Cache-Control"] == IMMUTABLE
        assert answer.text == session.get(asset, timeout=10).text


class TestTheHost:
    def test_localhost_is_sent_to_the_address_that_the_assets_carry(self, both: Stack) -> None:
        port = both.base.rpartition(":")[2].strip("/")
        for host in (f"localhost:{port}", "localhost"):
            status, headers, _body = raw(both, "GET", "/cart/?a=b&c=d", Host=host)
            assert (status, headers["Location"]) == (302, f"{both.base}cart/?a=b&c=d")

    def test_an_asset_is_not_sent_anywhere(self, both: Stack, asset: str) -> None:
        target = asset.removeprefix(both.base.rstrip("/"))
        assert raw(both, "GET", target, Host="localhost")[0] == 200


class TestReplicas:
    @pytest.mark.parametrize("release", ["v1", "v2"])
    def test_alive_and_ready_are_answered_by_a_replica(self, both: Stack, release: str) -> None:
        pin = {"release": release}
        alive = requests.get(f"{both.base}livez", cookies=pin, timeout=10)
        ready = requests.get(f"{both.base}readyz", cookies=pin, timeout=10)
        assert (alive.status_code, alive.text) == (200, "alive\n")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "release": release})
        assert alive.headers["X-Replica"] == ready.headers["X-Replica"]

    @pytest.mark.parametrize(
        ("method", "target", "status"),
        [
            ("GET", "/", 200),
            ("HEAD", "/", 200),
            ("GET", "/admin/", 302),
            ("GET", "/products/no-such-pot/", 404),
            ("GET", "/cart/add/", 405),
            ("POST", "/cart/add/", 403),
        ],
    )
    def test_every_response_says_who_made_it(
        self, both: Stack, method: str, target: str, status: int
    ) -> None:
        answered, headers, _body = raw(both, method, target, Cookie="release=v2")
        assert answered == status
        assert all(headers.get(name) for name in HEADERS)
        assert (headers["X-Release"], headers["X-Strategy"]) == ("v2", "skewproof")

    def test_a_bad_host_is_refused_by_a_replica_that_says_who_it_is(self, both: Stack) -> None:
        status, headers, _body = raw(both, "GET", "/", Host="elsewhere.example")
        assert status == 400
        assert all(headers.get(name) for name in HEADERS)

    def test_workers_that_find_no_manifest_say_so_and_heal_when_it_is_there(
        self, both: Stack
    ) -> None:
        act, pin = publisher(both), {"release": "v1"}
        assert act("delete", MANIFEST) == "done"
        try:
            for replica in both.replicas("v1"):
                both.recycle(replica)
            page = requests.get(both.base, cookies=pin, timeout=10)
            ready = requests.get(f"{both.base}readyz", cookies=pin, timeout=10)
            alive = requests.get(f"{both.base}livez", cookies=pin, timeout=10)
        finally:
            published = both.publish("v1")
        assert (page.status_code, ready.status_code, alive.status_code) == (500, 503, 200)
        assert all(page.headers.get(name) for name in HEADERS)
        assert page.headers["X-Release"] == "v1"
        assert "release v1: no manifest from s3://skewproof/releases/v1/staticfiles.j" in page.text
        assert ready.json()["reason"].startswith("manifest ")
        assert published.exit_code == 0, published.log
        # Each of the two workers asks for itself, at most once a second.
        healed = Counter[str]()

        def all_answer() -> bool:
            answer = requests.get(both.base, cookies=pin, timeout=10)
            if answer.status_code == 200:
                healed[answer.headers["X-Pid"]] += 1
            else:
                healed.clear()
            return len(healed) == 2

        wait_until(all_answer, 60, "v1 does not heal", lambda: both.logs("web-v1"))


class TestTheAccessLog:
    def lines(self, stack: Stack, marker: str) -> list[dict[str, str]]:
        """Wait for the line with this marker, and return all that have it."""
        found: list[dict[str, str]] = []

        def arrived() -> bool:
            found[:] = [line for line in self.log(stack) if marker in line["uri"]]
            return bool(found)

        wait_until(arrived, 20, f"the log has no line with {marker}", lambda: stack.logs("gateway"))
        return found

    def log(self, stack: Stack) -> list[dict[str, str]]:
        """Every request so far; each line has to be JSON."""
        if is_embedded(stack):
            text = (stack.folder / "logs" / "access.log").read_text()
        else:
            text = stack.logs("gateway", 2000)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def test_a_page_is_logged_with_its_replica_its_release_and_its_times(self, both: Stack) -> None:
        marker = f"no-such-page-{uuid.uuid4().hex}"
        began = time.monotonic()
        raw(both, "GET", f"/{marker}/", Cookie="release=v2", Referer=both.base)
        took = time.monotonic() - began
        (line,) = self.lines(both, marker)
        assert (line["method"], line["uri"], line["status"]) == ("GET", f"/{marker}/", "404")
        assert (line["release"], line["upstream_status"]) == ("v2", "404")
        assert line["upstream"].rpartition(":")[2].isdigit()
        assert 0 <= float(line["upstream_seconds"]) <= took + 0.01
        assert 0 <= float(line["seconds"]) <= took + 0.01
        assert line["referer"] == both.base
        assert line["time"][:4].isdigit()

    def test_an_asset_is_logged_with_what_the_cache_knew_of_it(self, both: Stack) -> None:
        marker = f"absent-{uuid.uuid4().hex}"
        raw(both, "GET", f"/static/css/{marker}.000000000000.css")
        (line,) = self.lines(both, marker)
        assert (line["status"], line["cache"], line["release"]) == ("404", "MISS", "")

    def test_nothing_in_a_request_spoils_the_line(self, both: Stack) -> None:
        marker = uuid.uuid4().hex
        raw(both, "GET", f"/%22%0a%7b%7d%5c%ff-{marker}/", Referer='"}\\\t{"')
        (line,) = self.lines(both, marker)
        assert line["referer"] == '"}\\\t{"'
