"""A request is paused at the store, and a publish into a directory at its system calls."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

from lab.deadline import wait_until
from lab.matrix.breakpoint import Breakpoint, Pause, write_hook
from lab.matrix.storeproxy import StoreProxy

SCRIPTS = Path(__file__).parents[3] / "scripts"


class Echo(BaseHTTPRequestHandler):
    """Remembers what it is asked; as S3, it answers a PUT with nothing."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.seen.append((self.command, self.path, self.headers["Host"], body))
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "4" if self.command in ("GET", "HEAD") else "0")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"done")

    do_GET = do_DELETE = do_HEAD = do_PUT  # noqa: N815 - as http.server says

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def store() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = []
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def pause(tmp_path: Path) -> Pause:
    return Pause(tmp_path / "pause")


def behind(store: Any, pause: Pause, point: Breakpoint) -> StoreProxy:
    pause.write(point)
    return StoreProxy(f"127.0.0.1:{store.server_port}", "bucket", pause)


def await_pause(pause: Pause) -> None:
    wait_until(pause.is_paused, 10, "not paused", lambda: "")


def test_requests_pass_as_they_are(store: Any, pause: Pause) -> None:
    with (
        behind(store, pause, Breakpoint(at="half-way", after=9)) as proxy,
        requests.Session() as session,
    ):
        answer = session.put(f"{proxy.url}/bucket/static/a%20b?x=1", data=b"body")
        assert (answer.text, answer.headers["ETag"]) == ("", '"1"')
        assert session.get(f"{proxy.url}/bucket/static/a").text == "done"
        assert session.head(f"{proxy.url}/bucket/static/a").headers["Content-Length"] == "4"
        host = proxy.url.removeprefix("http://")
    assert store.seen == [
        ("PUT", "/bucket/static/a%20b?x=1", host, b"body"),
        ("GET", "/bucket/static/a", host, b""),
        ("HEAD", "/bucket/static/a", host, b""),
    ]


def test_the_write_after_a_delete_is_paused_until_it_is_resumed(store: Any, pause: Pause) -> None:
    point = Breakpoint(at="rewrite", used=frozenset({"static/a"}))
    with behind(store, pause, point) as proxy:
        url = f"{proxy.url}/bucket/static/a"
        requests.delete(url, timeout=5)
        writing = threading.Thread(target=requests.put, args=(url, b"again"))
        writing.start()
        await_pause(pause)
        assert [seen[0] for seen in store.seen] == ["DELETE"]
        pause.resume()
        writing.join(5)
    assert [seen[0] for seen in store.seen] == ["DELETE", "PUT"]


def test_what_is_written_side_by_side_waits_as_well(store: Any, pause: Pause) -> None:
    with behind(store, pause, Breakpoint(at="half-way", after=1)) as proxy:
        urls = [f"{proxy.url}/bucket/static/{name}" for name in "abc"]
        requests.put(urls[0], b"before", timeout=5)
        writings = [threading.Thread(target=requests.put, args=(url, b"")) for url in urls[1:]]
        for writing in writings:
            writing.start()
            await_pause(pause)
        assert requests.get(urls[0], timeout=5).text == "done"
        assert [seen[0] for seen in store.seen] == ["PUT", "GET"]
        pause.resume()
        for writing in writings:
            writing.join(5)
    assert [seen[0] for seen in store.seen] == ["PUT", "GET", "PUT", "PUT"]


def test_a_client_that_is_paused_for_long_does_not_time_out(
    store: Any, pause: Pause, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.matrix.breakpoint.PATIENCE_SECONDS", 0.1)
    once = Config(read_timeout=1.5, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    with behind(store, pause, Breakpoint(at="half-way")) as proxy:
        client = boto3.client("s3", "us-east-1", endpoint_url=proxy.url, config=once, **keys)
        threading.Timer(2, pause.resume).start()
        client.put_object(Bucket="bucket", Key="static/a", Body=b"late")
        assert pause.is_paused()
        client.close()
    assert [seen[0] for seen in store.seen] == ["PUT"]
    assert b"late" in store.seen[0][3]


def test_a_request_that_is_lost_never_reaches_the_store(store: Any, pause: Pause) -> None:
    with behind(store, pause, Breakpoint(at="half-way")) as proxy:
        pause.resume(dropped=True)
        with pytest.raises(requests.ConnectionError):
            requests.put(f"{proxy.url}/bucket/static/a", b"lost", timeout=5)
    assert store.seen == []


def test_a_store_that_is_away_closes_the_connection(store: Any, pause: Pause) -> None:
    with behind(store, pause, Breakpoint(at="half-way", after=9)) as proxy:
        store.shutdown()
        store.server_close()
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{proxy.url}/bucket/static/a", timeout=5)


def test_a_process_waits_between_removing_a_file_and_writing_it_again(
    pause: Pause, tmp_path: Path
) -> None:
    root = tmp_path / "static"
    root.mkdir()
    asset = root / "a.css"
    asset.write_text("old")
    pause.write(Breakpoint(at="rewrite", used=frozenset({"static/a.css"})))
    write_hook(pause, root)
    code = "import os, sys; os.remove(sys.argv[1]); open(sys.argv[1], 'x').write('new')"
    path = os.pathsep.join(map(str, (pause.folder, SCRIPTS)))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(asset)], env={**os.environ, "PYTHONPATH": path}
    )
    try:
        await_pause(pause)
        assert not asset.exists()
        pause.resume()
        assert process.wait(10) == 0
        assert asset.read_text() == "new"
    finally:
        process.kill()
        process.wait()


def test_who_is_paused_for_too_long_goes_on(pause: Pause, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.matrix.breakpoint.PAUSE_SECONDS", 0.05)
    pause.write(Breakpoint(at="half-way"))
    assert pause.wait()


def test_a_breakpoint_is_read_as_it_was_written(pause: Pause) -> None:
    point = Breakpoint(at="rewrite", used=frozenset({"a", "b"}), manifest=False, after=3)
    pause.write(point)
    assert pause.read() == point
