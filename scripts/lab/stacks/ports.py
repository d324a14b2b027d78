"""Ports of 127.0.0.1: which are free, and a clear refusal of those that are not."""

from __future__ import annotations

import errno
import os
import socket
import time

from lab.errors import UnavailableError

LOWEST, HIGHEST = 12000, 22000
GRPC_DISTANCE = 10_000
"""SeaweedFS adds it; the sum, too, is below 32,768, where the ports of outgoing connections are."""

given: set[int] = set()
"""Ports that `free_ports` has given away; who took one may not have bound it yet."""


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, starting at a place of this process's own.

    Raises:
        UnavailableError: there are not so many.
    """
    found: list[int] = []
    span = HIGHEST - LOWEST
    start = (os.getpid() * 37 + time.monotonic_ns() // 1_000_000) % span
    for offset in range(span):
        port = LOWEST + (start + offset) % span
        if port not in given and is_free(port) and is_free(port + GRPC_DISTANCE):
            given.add(port)
            found.append(port)
            if len(found) == count:
                return found
    raise UnavailableError(
        f"no {count} free ports between {LOWEST} and {HIGHEST}: stop what listens there"
    )


def is_free(port: int) -> bool:
    """Return whether 127.0.0.1:port can be listened on."""
    return refusal(port) is None


def refusal(port: int) -> OSError | None:
    """Return why 127.0.0.1:port cannot be listened on; None when it can."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            return error
    return None


def require_free(port: int) -> None:
    """Refuse a port that cannot be listened on.

    Raises:
        UnavailableError: somebody listens there, or this user may not.
    """
    error = refusal(port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        raise UnavailableError(
            f"port {port} of 127.0.0.1 is in use: stop what listens there, "
            "or choose another with --port"
        )
    raise UnavailableError(
        f"port {port} of 127.0.0.1: {error.strerror}; choose another with --port"
    )
