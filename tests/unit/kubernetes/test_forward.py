"""The way to the gateway: all that has come is handed on, both ways, whoever closes first."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.kubernetes.conftest import Api, write_context

from lab.errors import LabError
from lab.stacks.kubernetesapi import reach_cluster
from lab.stacks.kubernetesforward import Forwarder, Pod, find_pod

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # https://www.rfc-editor.org/rfc/rfc6455#section-1.3
BINARY, CLOSE = 2, 8
Serve = Callable[["Peer"], None]


class Peer:
    """The kubelet's end of a stream: frames as the protocol v4.channel.k8s.io has them."""

    def __init__(self, connection: socket.socket) -> None:
        self.file = connection.makefile("rwb")
        self.request = self.file.readline().decode()
        headers = dict(self.read_headers())
        accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"] + GUID).digest())  # noqa: S324
        self.file.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        for channel in (0, 1):
            self.send(channel, struct.pack("<H", 8080))

    def read_headers(self) -> Iterator[tuple[str, bytes]]:
        while line := self.file.readline().strip():
            name, _, value = line.partition(b":")
            yield name.decode().lower(), value.strip()

    def send(self, channel: int, data: bytes, opcode: int = BINARY) -> None:
        body = bytes([channel]) + data if opcode == BINARY else data
        self.file.write(bytes([0x80 | opcode, 127]) + struct.pack(">Q", len(body)) + body)
        self.file.flush()

    def receive(self) -> bytes:
        """Return the data of one frame, without its channel; empty for a close."""
        first, second = self.file.read(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self.file.read(2))
        mask, body = self.file.read(4), self.file.read(length)
        clear = bytes(each ^ mask[index % 4] for index, each in enumerate(body))
        return b"" if first & 0x0F == CLOSE else clear[1:]


@contextmanager
def kubelet(serve: Serve) -> Iterator[int]:
    """Answer streams, each in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection:
                peer = Peer(connection)
                asked.append(peer.request)
                serve(peer)
                peer.file.close()

        asked: list[str] = []
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextmanager
def forwarded(api: Api, kubeconfig: Path, serve: Serve) -> Iterator[socket.socket]:
    """Hold a connection of a visitor that leads to what `serve` does."""
    write_context(kubeconfig, api.port)
    cluster = reach_cluster()
    with kubelet(serve) as port:
        cluster.host = f"http://127.0.0.1:{port}"
        with Forwarder(cluster, 0, choose) as forwarder:
            thread = threading.Thread(target=forwarder.serve_forever, args=(0.02,))
            thread.start()
            try:
                with socket.create_connection(forwarder.server_address[:2], 10) as visitor:
                    yield visitor
            finally:
                forwarder.shutdown()
                thread.join()


def choose(_again: bool) -> Pod:
    return "skewproof-shop", "gateway-1", 8080


def read_all(visitor: socket.socket) -> bytes:
    return b"".join(iter(lambda: visitor.recv(1 << 16), b""))


@pytest.mark.parametrize("size", [1, 65_000, 3_000_000])
def test_what_came_before_the_pod_closed_is_handed_on(
    api: Api, kubeconfig: Path, size: int
) -> None:
    body = b"x" * size

    def serve(peer: Peer) -> None:
        assert peer.receive() == b"GET / HTTP/1.0\r\n\r\n"
        peer.send(0, body)
        peer.send(0, b"", CLOSE)  # at once, in the same packet if it can be

    with forwarded(api, kubeconfig, serve) as visitor:
        visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_all(visitor) == body


def test_a_pod_that_is_cut_off_ends_the_connection(api: Api, kubeconfig: Path) -> None:
    with forwarded(api, kubeconfig, lambda peer: peer.send(0, b"half")) as visitor:
        assert read_all(visitor) == b"half"


def test_a_visitor_who_leaves_closes_the_stream(api: Api, kubeconfig: Path) -> None:
    left = threading.Event()

    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(0, b"answer")
        if peer.receive() == b"":
            left.set()

    with forwarded(api, kubeconfig, serve) as visitor:
        visitor.sendall(b"hello")
        assert visitor.recv(6) == b"answer"
        visitor.close()
        assert left.wait(10)


def test_an_error_of_the_port_is_said_and_ends_the_connection(
    api: Api, kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(peer: Peer) -> None:
        peer.send(1, b"connection refused by the pod")
        peer.receive()

    with forwarded(api, kubeconfig, serve) as visitor:
        assert read_all(visitor) == b""
    assert "connection refused by the pod" in capsys.readouterr().err


def test_the_first_pod_that_is_ready_is_taken(context: Api) -> None:
    def pod(name: str, ready: str) -> object:
        conditions = [{"type": "Ready", "status": ready}]
        return {"metadata": {"name": name}, "status": {"conditions": conditions}}

    place = "/api/v1/namespaces/skewproof-shop/pods"
    context.tell("GET", place, {"items": [pod("a", "False"), {"metadata": {}, "status": {}}]})
    with pytest.raises(LabError, match="no pod of gateway in namespace skewproof-shop is ready"):
        find_pod(reach_cluster(), "skewproof-shop", "gateway")
    context.tell("GET", place, {"items": [pod("a", "False"), pod("b", "True")]})
    assert find_pod(reach_cluster(), "skewproof-shop", "gateway") == "b"
