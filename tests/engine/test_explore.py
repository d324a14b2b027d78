"""The explore page on a stack, which the gateway serves apart from the releases; their records."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.engine.buckets import publisher
from tests.engine.journeys import crawl
from tests.engine.pages import PAGES
from tests.engine.stacks import ENGINES, build, running

from lab.checkout import CHARTS, EXPLORE
from lab.history import read_history
from lab.stacks.stack import Stack

MANIFEST = "releases/v1/staticfiles.json"
FILES = {
    *(path.relative_to(EXPLORE).as_posix() for path in EXPLORE.rglob("*") if path.is_file()),
    *(f"charts/{path.name}" for path in CHARTS.iterdir()),
}
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
TRICKS = (
    f"/lab/../{MANIFEST}",
    f"/lab/%2e%2e/{MANIFEST}",
    f"/lab/..%2f{MANIFEST}",
    f"/lab/../static/../{MANIFEST}",
    f"/lab/../skewproof/{MANIFEST}",
    f"/lab/charts/../../{MANIFEST}",
    "/lab/../gateway.conf.template",
    "/lab/..%2fgateway.conf.template",
    "/lab/%2e%2e%2fnginx.conf",
    "/lab/charts/..%2f..%2fanswers.js",
    "/lab../etc/passwd",
    "/lab/charts../etc/passwd",
)


def ask(stack: Stack, target: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    """Send a request whose target nobody has put in order."""
    connection = http.client.HTTPConnection(stack.base.split("/")[2], timeout=10)
    try:
        connection.putrequest(method, target)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class TestThePage:
    @pytest.mark.parametrize("name", sorted(FILES))
    def test_has_each_of_its_files(self, both: Stack, name: str) -> None:
        file = CHARTS / Path(name).name if name.startswith("charts/") else EXPLORE / name
        status, headers, body = ask(both, f"/lab/{name}")
        assert (status, body) == (200, file.read_bytes())
        assert headers["Content-Type"].startswith(TYPES.get(file.suffix, ""))
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert headers["Set-Cookie"] is headers["X-Release"] is None

    def test_is_at_its_folder(self, both: Stack) -> None:
        assert ask(both, "/lab/")[2] == (EXPLORE / "index.html").read_bytes()
        moved = requests.get(f"{both.base}lab", timeout=10)
        assert (moved.url, moved.status_code) == (f"{both.base}lab/", 200)
        status, _headers, body = ask(both, "/lab/", "HEAD")
        assert (status, body) == (200, b"")
        assert ask(both, "/lab/", "DELETE")[0] == 405

    @pytest.mark.parametrize("target", ["/lab/charts/", "/lab/no-such-file.js"])
    def test_lists_nothing(self, both: Stack, target: str) -> None:
        status, headers, body = ask(both, target)
        assert (status, headers["Cache-Control"], body) == (404, "no-store", b"no such asset\n")

    @pytest.mark.parametrize("target", TRICKS)
    def test_is_no_way_to_anything_else(self, both: Stack, target: str) -> None:
        status, _headers, body = ask(both, target)
        assert status >= 400
        assert not [word for word in (b'"paths"', b"upstream", b"root:") if word in body]


class TestTheRecord:
    @pytest.mark.parametrize("release", ["v1", "v2"])
    def test_is_the_one_of_the_build_whoever_asks(self, both: Stack, release: str) -> None:
        for pinned in ("v1", "v2", "v9"):
            target = f"/lab/record?release={release}"
            status, headers, body = ask(both, target, Cookie=f"release={pinned}")
            assert status == 200
            assert json.loads(body) == both.record(release)
            assert headers["Content-Type"] == "application/json"
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Release"] == release
            assert headers["Set-Cookie"] is None

    def test_pins_nobody(self, both: Stack) -> None:
        with requests.Session() as visitor:
            for _ in range(20):
                visitor.get(f"{both.base}lab/record?release=v2", timeout=10)
            assert not visitor.cookies
            answers = [visitor.get(f"{both.base}livez", timeout=10) for _ in range(60)]
        assert {answer.headers["X-Release"] for answer in answers} == {"v1", "v2"}

    @pytest.mark.parametrize(
        "query",
        ["", "?release=", "?release=v9", "?release=any", "?release=v1|v2", "?release=v1%00"],
    )
    def test_of_no_such_release_is_a_miss(self, both: Stack, query: str) -> None:
        status, headers, body = ask(both, f"/lab/record{query}", Cookie="release=v1")
        assert (status, headers["Cache-Control"]) == (404, "no-store")
        assert headers["Set-Cookie"] is None
        assert b'"paths"' not in body


class TestTheReleases:
    @pytest.mark.parametrize("release", ["v1", "v2"])
    def test_lead_to_it_and_have_nothing_of_it(self, both: Stack, release: str) -> None:
        home = requests.get(both.base, cookies={"release": release}, timeout=10)
        assert '<a href="/lab/"' in home.text
        record = both.record(release)
        files = [path for path in (*EXPLORE.iterdir(), *CHARTS.iterdir()) if path.is_file()]
        own = {f"{path.stem}." for path in files}
        names = [*record["paths"], *record["assets"]]
        assert not [name for name in names if "lab/" in name or name.startswith(tuple(own))]

    def test_are_all_that_is_stored(self, both: Stack) -> None:
        assert publisher(both)("get", MANIFEST) == "done"
        assert not [key for key in both.inventory() if "lab/" in key or "explore" in key]

    def test_are_all_that_a_probe_sees(self, both: Stack, tmp_path: Path) -> None:
        run = read_history(crawl(both, "any", tmp_path / "seen.jsonl", "v1", "v2"))
        pages = {fetch.url.removeprefix(both.base[:-1]) for fetch in run.fetches if fetch.page}
        assert len(pages) > len(PAGES)
        assert not [path for path in pages if path.startswith("/lab")]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_page_comes_when_every_replica_is_gone(engine: str) -> None:
    with running(build(engine), "explore", {"v1": 100}, replicas=1) as stack:
        for replica in stack.replicas("v1"):
            stack.machine.stop_replica(replica)
        status, headers, body = ask(stack, "/lab/")
        assert (status, body) == (200, (EXPLORE / "index.html").read_bytes())
        assert headers["Content-Security-Policy"]
        status, headers, _body = ask(stack, "/lab/record?release=v1")
        assert status in (502, 504)
        assert headers["Cache-Control"] == "no-store"
