"""A Docker that lacks its Compose plugin, and one that dies while the lab is at work."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.checkouts import Checkout

from lab.stacks.composeengine import DEFAULT_HOST
from lab.stacks.ports import free_port


@pytest.fixture
def compose(checkout: Checkout) -> str:
    """The engine, for which both releases are built."""
    return checkout.build("compose")


class Proxy(socketserver.ThreadingUnixStreamServer):
    """Stands for a Docker Engine that can be killed."""

    daemon_threads = True
    connections: list[socket.socket]

    def kill(self) -> None:
        """Refuse what comes, and cut what is there."""
        self.shutdown()
        self.server_close()
        Path(str(self.server_address)).unlink()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Relay(socketserver.BaseRequestHandler):
    """Passes bytes on to the real one, and back."""

    server: Proxy

    def handle(self) -> None:
        host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        with socket.socket(socket.AF_UNIX) as real:
            real.connect(host.removeprefix("unix://"))
            self.server.connections += [self.request, real]
            thread = threading.Thread(target=pump, args=(real, self.request), daemon=True)
            thread.start()
            pump(self.request, real)
            thread.join()


def pump(source: Any, target: Any) -> None:
    """Pass bytes on until there are no more."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    server = Proxy(str(tmp_path / "docker.sock"), Relay)
    server.connections = []
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_docker_without_the_compose_plugin_cannot_start_a_stack(
    checkout: Checkout, compose: str, tmp_path: Path, port: int
) -> None:
    docker = tmp_path / "docker"
    complaint = "docker: 'compose' is not a docker command."
    docker.write_text(f'#!/bin/sh\necho "{complaint}" >&2\nexit 1\n')
    docker.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = checkout.lab("up", "--port", port, "--engine", compose, PATH=path)
    assert (done.code, done.out) == (69, "")
    (line,) = done.complaints
    assert "install the Compose plugin of Docker, or choose --engine embedded" in line
    assert complaint in line


def test_a_stack_of_another_checkout_is_not_taken_for_ones_own(
    checkout: Checkout, compose: str, bare: Checkout
) -> None:
    name, ports = f"shared-{os.getpid()}", (free_port(), free_port())
    up = ("up", "--engine", compose, "--name", name, "--replicas", 1, "--port")
    assert checkout.lab(*up, ports[0]).code == 0
    done = bare.lab(*up, ports[1])
    assert (done.code, done.out) == (64, "")
    assert done.complaints == [
        f"lab: Docker has a project skewproof-{name} of {checkout.folder}: choose another --name, "
        f'or remove it with "docker compose -p skewproof-{name} down --volumes"'
    ]
    assert bare.stacks() == []
    assert checkout.lab("probe", "--name", name).code == 0
    assert checkout.lab("down", "--name", name).code == 0


def test_when_docker_dies_that_is_said_and_the_stack_can_be_taken_down_later(
    checkout: Checkout, compose: str, proxy: Proxy
) -> None:
    host = f"unix://{proxy.server_address!s}"
    lab = checkout.start("rollout", "--engine", compose, "--visitors", 2, DOCKER_HOST=host)
    lab.wait_for("» visitors look at v1")
    proxy.kill()
    done = lab.end()
    assert (done.code, done.out) == (69, "")
    (name,) = checkout.stacks()
    (line,) = done.complaints
    assert line.startswith(f"lab: stack {name} could not be taken down: Docker does not answer")
    assert line.endswith(f'try "lab down --name {name}" again')
    assert f"» the history until then: {checkout.histories('rollout')[-1]}" in done.err
    assert checkout.lab("down", "--all").code == 0
    assert not checkout.left()
