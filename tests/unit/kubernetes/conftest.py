"""An API of Kubernetes that answers as it is told, and a kubeconfig that leads to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab import checkout


@dataclass
class Api:
    """What it answers by verb and path, and what it was asked."""

    port: int = 0
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def tell(self, verb: str, path: str, body: Any, status: int = 200) -> None:
        """Say what comes for a request; its query does not matter."""
        self.answers[verb, path] = (status, body)

    def refuse(self, verb: str, path: str, status: int, message: str) -> None:
        """Refuse a request as Kubernetes does."""
        self.tell(verb, path, {"kind": "Status", "message": message}, status)

    def bodies(self, verb: str) -> list[Any]:
        """What was sent by a verb."""
        return [body for asked, _, body in self.asked if asked == verb]


@pytest.fixture
def api() -> Iterator[Api]:
    told = Api()
    told.tell("GET", "/version", {"gitVersion": "v1.34.4"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = json.loads(self.rfile.read(length)) if length else None
            path = self.path.partition("?")[0]
            told.asked.append((self.command, self.path, sent))
            missing = {"kind": "Status", "message": f"{path} not found"}
            status, body = told.answers.get((self.command, path), (404, missing))
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class's names

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that KUBECONFIG names; there is none yet."""
    path = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("LAB_IMAGES", raising=False)
    monkeypatch.setattr(checkout, "WORK", tmp_path / "lab")
    return path


def write_context(path: Path, port: int, name: str = "kind-shop") -> None:
    """Write a kubeconfig with one context."""
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {"token": "for-tests-only"}}],
            }
        )
    )


@pytest.fixture
def context(api: Api, kubeconfig: Path) -> Api:
    """The API, and a context that leads there."""
    write_context(kubeconfig, api.port)
    return api
