"""The image's health check, compiled as its Dockerfile does, against servers in every state."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.s3servers import SCRIPTS

from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def healthcheck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("healthcheck") / "healthcheck"
    source = SCRIPTS / "healthcheck" / "main.go"
    subprocess.run(
        ["go", "build", "-o", str(program), str(source)],  # noqa: S607 - whichever go there is
        env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
        check=True,
    )
    return program


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that the path names; /302 leads to a page that is fine."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def run(program: Path, url: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program)],
        env={"HEALTHCHECK_URL": url, **environ},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_of_2xx_is_healthy(healthcheck: Path, status: int) -> None:
    with serving() as server:
        done = run(healthcheck, f"{server}/{status}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("status", [302, 403, 404, 500, 503])
def test_any_other_answer_is_unhealthy_and_said(healthcheck: Path, status: int) -> None:
    with serving() as server:
        done = run(healthcheck, f"{server}/{status}")
    assert done.returncode == 1
    assert f"/{status} answers {status}" in done.stderr


def test_a_closed_port_is_unhealthy(healthcheck: Path) -> None:
    done = run(healthcheck, f"http://127.0.0.1:{free_port()}/")
    assert done.returncode == 1
    assert "connection refused" in done.stderr


def test_a_server_that_hangs_is_unhealthy_in_bounded_time(healthcheck: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = run(healthcheck, f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert done.returncode == 1
    assert "Client.Timeout exceeded" in done.stderr
    assert time.monotonic() - began < 15


def test_a_proxy_in_the_environment_is_not_asked(healthcheck: Path) -> None:
    with serving() as server:
        proxy = f"http://127.0.0.1:{free_port()}"
        done = run(healthcheck, f"{server}/200", HTTP_PROXY=proxy, http_proxy=proxy)
    assert done.returncode == 0
