"""The way to a stack's gateway: a port of 127.0.0.1 that leads to a pod, through the API.

    python -m lab.stacks.kubernetesforward CONTEXT NAMESPACE APP PORT

runs as long as the stack is up. It does what `kubectl port-forward` does, with a stream for each
connection. The client's own port forwarding is not used: when the pod closes a connection, it drops
what has come and is not handed on yet.
"""

from __future__ import annotations

import select
import socket
import ssl
import sys
from collections.abc import Callable
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import websocket

from lab.errors import LabError, UnavailableError, describe_error
from lab.stacks.kubernetesapi import FAILURES, Cluster, path_of, reach_cluster, shut

CHUNK = 1 << 16
POD_PORT = 8080
DATA = b"\0"
"""The channel that carries the data of a stream's one port; the next one carries errors.

The first frame on each repeats the port.
"""
Pod = tuple[str, str, int]
"""Namespace, name, and port."""


class Forwarder(ThreadingTCPServer):
    """Listens on 127.0.0.1, and leads each connection to a pod that is chosen as it comes.

    Args:
        cluster: whose API is asked.
        port: where to listen; 0 for any that is free.
        choose: returns the pod; it is told whether the one of before could not be reached.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, cluster: Cluster, port: int, choose: Callable[[bool], Pod]) -> None:
        self.cluster, self.choose = cluster, choose
        super().__init__(("127.0.0.1", port), Passage)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as the base class has it
        """Say in one line why a connection, which is closed now, led nowhere."""
        error = sys.exc_info()[1]
        print(describe_error(error) if error else "", file=sys.stderr, flush=True)


class Passage(BaseRequestHandler):
    """One connection of a visitor."""

    server: Forwarder
    request: socket.socket

    def handle(self) -> None:
        """Lead it to a pod, until one of the two closes it."""
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            stream = self.open(self.server.choose(False))
        except UnavailableError:
            stream = self.open(self.server.choose(True))
        try:
            relay(self.request, stream)
        finally:
            shut(stream)

    def open(self, pod: Pod) -> websocket.WebSocket:
        """Open a stream to a pod."""
        namespace, name, port = pod
        return self.server.cluster.open(namespace, name, "portforward", ("ports", str(port)))


def relay(visitor: socket.socket, stream: websocket.WebSocket) -> None:
    """Copy in both directions until one side has ended; what has come is handed on first."""
    greeted: set[bytes] = set()
    while True:
        ready = find_ready(visitor, stream)
        if stream in ready:
            try:
                opcode, frame = stream.recv_data_frame(control_frame=True)
            except FAILURES:
                return
            channel, data = frame.data[:1], frame.data[1:]
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return
            if opcode != websocket.ABNF.OPCODE_BINARY:
                continue
            if channel not in greeted:
                greeted.add(channel)
            elif channel == DATA:
                visitor.sendall(data)
            else:
                raise UnavailableError(data.decode(errors="replace"))
        if visitor in ready:
            data = visitor.recv(CHUNK)
            if not data:
                return
            stream.send_binary(DATA + data)


def find_ready(
    visitor: socket.socket, stream: websocket.WebSocket
) -> list[socket.socket | websocket.WebSocket]:
    """Wait until one of the two has something to read."""
    if isinstance(stream.sock, ssl.SSLSocket) and stream.sock.pending():
        return [stream]
    ends: list[Any] = [visitor, stream]
    found, _, _ = select.select(ends, [], [])
    return found


def find_pod(cluster: Cluster, namespace: str, app: str) -> str:
    """Return the first pod of an app that is ready.

    Raises:
        LabError: there is none.
    """
    selector = {"labelSelector": f"app={app}"}
    for pod in cluster.items(path_of("v1", "Pod", namespace), **selector):
        conditions = pod["status"].get("conditions", ())
        if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
            return str(pod["metadata"]["name"])
    raise LabError(f"no pod of {app} in namespace {namespace} is ready")


def main(context: str, namespace: str, app: str, port: int) -> None:
    """Lead a port to the pod of an app, as long as nobody ends this process."""
    cluster = reach_cluster(context)
    pods = [find_pod(cluster, namespace, app)]

    def choose(again: bool) -> Pod:
        if again:
            pods[:] = [find_pod(cluster, namespace, app)]
        return namespace, pods[0], POD_PORT

    with Forwarder(cluster, port, choose) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
