"""Ports of 127.0.0.1: which are free, and a clear refusal of those that are not."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import socket
import tempfile
import threading
from functools import cache
from pathlib import Path

from lab.errors import UnavailableError

LOWEST, HIGHEST = 12000, 22000
GRPC_DISTANCE = 10_000
"""SeaweedFS adds it; the sum, too, is below 32,768, where the ports of outgoing connections are."""

given: set[int] = set()
"""Ports that `free_port` has given away; who took one may not have bound it yet."""

one_by_one = threading.Lock()


def free_port() -> int:
    """Find a port that nobody listens on, and that no process of this user has been given.

    It stays this process's own until that ends: whoever listens there may come later, or again.

    Raises:
        UnavailableError: there is none, or it cannot be claimed.
    """
    span = HIGHEST - LOWEST
    start = random.randrange(span)  # noqa: S311 - no secret
    for offset in range(span):
        port = LOWEST + (start + offset) % span
        if is_free(port) and is_free(port + GRPC_DISTANCE) and claim(port):
            return port
    raise UnavailableError(f"no free port between {LOWEST} and {HIGHEST}: stop what listens there")


def claim(port: int) -> bool:
    """Make a port this process's own, unless it is another's."""
    with one_by_one:  # the lock of a byte keeps out other processes, and no other thread
        if port in given:
            return False
        try:
            fcntl.lockf(claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except (BlockingIOError, PermissionError):  # which of them is up to the system: fcntl(2)
            return False
        given.add(port)
    return True


@cache
def claims() -> int:
    """Open the file in which a byte is locked for each port that is somebody's.

    It is never closed: a process that closes any descriptor of a file loses its locks: fcntl(2).

    Raises:
        UnavailableError: something else stands in its place.
    """
    path = Path(tempfile.gettempdir(), f"skewproof-ports-{os.getuid()}")
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UnavailableError(
            f"{path}, where ports are claimed, cannot be opened: {error.strerror}; remove it"
        ) from error


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
