"""An engine in a few lines: a stack is one real HTTP server, and every verb may be made to fail.

It serves a page and a stylesheet of each release, so that a whole rollout with visitors takes less
than a second.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.stacks.model import Plan, Publish, Replica, Say
from lab.stacks.stack import start
from lab.stacks.state import State

RELEASES = ("v1", "v2")


def stylesheet(release: str) -> tuple[str, bytes]:
    """The hashed name of a release's stylesheet, and its content."""
    body = f"body {{ content: '{release}' }}".encode()
    digest = hashlib.md5(body).hexdigest()[:12]  # noqa: S324 - Django's own choice
    return f"css/site.{digest}.css", body


def page_of(release: str) -> bytes:
    name, _body = stylesheet(release)
    return f'<!doctype html><link rel=stylesheet href="/static/{name}">'.encode()


class Site(BaseHTTPRequestHandler):
    """Answers as the gateway would: a page of the release that serves, and the published assets."""

    protocol_version = "HTTP/1.1"
    stack: MiniatureStack

    def do_GET(self) -> None:
        release = self.stack.drawn(self.headers.get("Cookie", ""))
        if self.path.startswith("/static/"):
            found = [
                stylesheet(name)[1]
                for name in dict.fromkeys((release, *RELEASES))
                if self.path.endswith(stylesheet(name)[0]) and name not in self.stack.forgotten
            ]
            body = found[0] if found else b""
            cache = "public, max-age=9, immutable" if found else "no-store"
            self.reply(200 if found else 404, "text/css", body, cache)
        elif self.path in ("/", "/readyz"):
            self.reply(200, "text/html", page_of(release), "no-cache", release)
        else:
            self.reply(404, "text/plain", b"", "no-store")

    def reply(self, status: int, kind: str, body: bytes, cache: str, release: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", cache)
        if release:
            self.send_header("X-Release", release)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


Tamper = Callable[[str], None]
"""Called with the name of a verb before it is carried out; what it raises, the verb raises."""


@dataclass
class MiniatureStack:
    state: State
    tamper: Tamper
    store: str = "a store"
    running: dict[str, list[str]] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    weights: dict[str, int] = field(default_factory=dict)
    server: ThreadingHTTPServer | None = None
    missing: list[str] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    """The releases whose publish forgot the stylesheet."""
    exit_code: int = 0
    """Of the publish jobs."""

    def __post_init__(self) -> None:
        self.name, self.strategy = self.state.name, self.state.strategy
        self.base, self.folder = self.state.base, self.state.folder
        self.machine = self

    def drawn(self, cookie: str) -> str:
        for release in self.weights:
            if f"release={release}" in cookie:
                return release
        return max(self.weights, key=lambda release: self.weights[release])

    def find_missing(self) -> list[str]:
        return self.missing

    def start_store(self) -> None:
        self.tamper("start_store")

    def publish(self, release: str) -> Publish:
        self.tamper("publish")
        self.published.append(release)
        copied = "1 static file copied"
        return Publish(release=release, exit_code=self.exit_code, seconds=0.1, log=copied)

    def inventory(self) -> dict[str, dict[str, Any]]:
        self.tamper("inventory")
        return {f"static/{stylesheet(name)[0]}": {"last_modified": "x"} for name in self.published}

    def record(self, release: str) -> dict[str, Any]:
        self.tamper("record")
        name, body = stylesheet(release)
        digest = {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
        return {
            "release": release,
            "django": "5.2",
            "paths": {"css/site.css": name},
            "assets": {name: digest},
        }

    def replicas(self, release: str) -> list[Replica]:
        return [Replica(release, name) for name in self.running.get(release, [])]

    def add_replica(self, release: str) -> Replica:
        self.tamper("add_replica")
        name = f"web-{release}-{sum(map(len, self.running.values())) + 1}"
        self.running.setdefault(release, []).append(name)
        return Replica(release, name)

    def recycle(self, replica: Replica) -> None:
        assert replica.name in self.running[replica.release]
        self.tamper("recycle")

    def drain(self, replica: Replica) -> None:
        self.tamper("drain")
        self.running[replica.release].remove(replica.name)

    def start_gateway(self, weights: Mapping[str, int]) -> None:
        self.tamper("start_gateway")
        self.weights = dict(weights)
        handler = type("Handler", (Site,), {"stack": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", self.state.port), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def route(self, weights: Mapping[str, int]) -> None:
        self.tamper("route")
        self.weights = dict(weights)

    def logs(self, service: str, lines: int = 20) -> str:
        return f"the last {lines} lines of {service}"

    def down(self) -> None:
        self.tamper("down")
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        self.state.forget()


class MiniatureEngine:
    """Remembers its stacks, as a machine would."""

    name = "miniature"
    pauses = True

    def __init__(self) -> None:
        self.stacks: dict[str, MiniatureStack] = {}
        self.verbs: list[str] = []
        self.plans: dict[str, tuple[int, BaseException]] = {}
        self.unbuilt: set[str] = set()
        self.forgotten: set[str] = set()

    def plan_failure(self, verb: str, error: BaseException, stack: int = 0) -> None:
        """Let the next call of a verb raise this, from the so manieth stack on."""
        self.plans[verb] = (stack, error)

    def tamper(self, verb: str) -> None:
        self.verbs.append(verb)
        stack, error = self.plans.get(verb, (0, None))
        if error and len(self.stacks) >= stack:
            del self.plans[verb]
            raise error

    def build(self, releases: Sequence[str], say: Say) -> None:
        self.tamper("build")
        for release in releases:
            say(f"building {release}")

    def is_built(self, release: str) -> bool:
        return release not in self.unbuilt

    def up(self, plan: Plan, say: Say) -> MiniatureStack:
        state = State(name=plan.name, engine=self.name, strategy=plan.strategy, port=plan.port)
        state.claim()
        stack = self.remember(state)
        start(stack, plan, say)
        return stack

    def remember(self, state: State) -> MiniatureStack:
        stack = self.stacks[state.name] = MiniatureStack(state, self.tamper)
        stack.forgotten = self.forgotten
        return stack

    def attach(self, name: str) -> MiniatureStack | None:
        return self.stacks.get(name)

    def reach(self, name: str) -> MiniatureEngine:
        """What `lab.stacks.engines.reach` and `choose` do."""
        if name not in ("auto", self.name):
            raise LabError(f"unknown engine {name}: there are auto, {self.name}")
        return self

    def still_up(self) -> list[str]:
        return [name for name, stack in self.stacks.items() if stack.server is not None]


def histories(work: Path) -> list[Path]:
    return sorted(work.glob("*/*.jsonl"))
