"""The engine swarm where there is no swarm, and how it reads what Swarm says."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.lab.conftest import Command

from lab.stacks.orchestrator import Phase
from lab.stacks.state import stack_names
from lab.stacks.swarmengine import INIT
from lab.stacks.swarmobjects import is_as_wanted, make_tmpfs, see

SWARMS: dict[str, dict[str, Any]] = {
    "no swarm": {"LocalNodeState": "inactive", "ControlAvailable": False},
    "a worker of a swarm": {"LocalNodeState": "active", "ControlAvailable": False},
}


class Api(BaseHTTPRequestHandler):
    """Answers as a Docker Engine that has every image."""

    swarm: dict[str, Any]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        answer: dict[str, Any] = {"ApiVersion": "1.41"}
        if path.endswith("/info"):
            answer = {"Swarm": self.swarm}
        elif "/images/" in path:
            answer = {"Id": "sha256:0"}
        body = b"OK" if path.endswith("/_ping") else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


class Engine(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture(params=SWARMS)
def docker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    path = tmp_path / "docker.sock"
    handler = type("Handler", (Api,), {"swarm": SWARMS[request.param]})
    with Engine(str(path), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield
        server.shutdown()


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("command", [("up",), ("rollout",), ("gotcha",)])
def test_an_engine_that_is_in_no_swarm_is_one_line_with_the_remedy(
    lab: Command,
    command: tuple[str, ...],
    free_port: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = ("--port", free_port) if command == ("up",) else ()
    assert lab(*command, "--engine", "swarm", *place) == 69
    complaints = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("»")]
    (line,) = complaints
    assert line.startswith(f'lab: the Docker Engine is no manager of a swarm: run "{INIT}"')
    assert stack_names() == []


IMAGES = {"sha256:1": "v1", "sha256:2": "v2"}


def task(
    state: str, desired: str = "running", release: str = "v1", **status: str
) -> dict[str, Any]:
    return {
        "ID": "abc",
        "Slot": 2,
        "DesiredState": desired,
        "Status": {"State": state, **status},
        "Spec": {"ContainerSpec": {"Image": f"sha256:{release[1]}"}},
    }


@pytest.mark.parametrize(
    ("state", "desired", "phase"),
    [
        ("running", "running", Phase.READY),
        ("starting", "running", Phase.STARTING),
        ("preparing", "ready", Phase.STARTING),
        ("running", "shutdown", Phase.LEAVING),
        ("starting", "remove", Phase.LEAVING),
        ("failed", "shutdown", None),
        ("complete", "shutdown", None),
        ("shutdown", "shutdown", None),
        ("rejected", "running", None),
    ],
)
def test_a_task_is_a_replica_as_long_as_it_may_run(
    state: str, desired: str, phase: Phase | None
) -> None:
    seen = see(task(state, desired), IMAGES)
    assert (seen.phase if seen else None) == phase


def test_a_task_is_named_as_it_names_itself_and_says_what_it_waits_for() -> None:
    seen = see(task("pending", release="v2", Err="no suitable node"), IMAGES)
    assert seen
    assert (seen.name, seen.release, seen.why) == ("web.2.abc", "v2", "no suitable node")


def test_a_service_is_as_wanted_when_all_its_tasks_are_ready_and_no_other_is_there() -> None:
    spec = {
        "Mode": {"Replicated": {"Replicas": 2}},
        "TaskTemplate": {"ContainerSpec": {"Image": "sha256:2"}},
    }
    service: Any = SimpleNamespace(attrs={"Spec": spec})
    new, old, begun = (
        see(task("running", release="v2"), IMAGES),
        see(task("running"), IMAGES),
        see(task("starting", release="v2"), IMAGES),
    )
    assert new
    assert old
    assert begun
    assert is_as_wanted(service, [new, new], IMAGES)
    for others in ([new], [new, old], [new, begun], [new, new, old]):
        assert not is_as_wanted(service, others, IMAGES)


def test_a_tmpfs_has_the_size_that_compose_gives_it() -> None:
    sized = make_tmpfs("/tmp", "size=32m")  # noqa: S108 - inside a container
    assert (sized["Target"], sized["TmpfsOptions"]) == ("/tmp", {"SizeBytes": 32 * 2**20})  # noqa: S108
    assert "TmpfsOptions" not in make_tmpfs("/x", "")
