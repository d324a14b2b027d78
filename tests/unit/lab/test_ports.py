from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab.errors import UnavailableError
from lab.stacks import ports


def test_free_ports_differ_and_can_be_listened_on() -> None:
    found = [ports.free_port() for _ in range(10)]
    assert len(set(found)) == 10
    for port in found:
        with socket.socket() as server:
            server.bind(("127.0.0.1", port))


def test_no_port_is_given_to_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener may come minutes after its port was found; a gateway's does."""
    code = f"""
import sys
from lab.stacks import ports
ports.HIGHEST = {ports.LOWEST + 20}
print(ports.free_port(), flush=True)
sys.stdin.read()
"""
    monkeypatch.setattr(ports, "given", set())
    monkeypatch.setattr(ports, "HIGHEST", ports.LOWEST + 20)
    command = [sys.executable, "-c", code]
    with contextlib.ExitStack() as stack:
        others = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(4)
        ]
        theirs = [int(other.stdout.readline()) for other in others if other.stdout]
        assert len(set(theirs)) == 4
        ours: list[int] = []
        with contextlib.suppress(UnavailableError):
            ours.extend(iter(ports.free_port, None))
        assert not set(ours) & set(theirs)
        assert ours
    # Whoever has ended has no port any more.
    assert ports.free_port() in theirs


def test_what_stands_where_ports_are_claimed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / f"skewproof-ports-{os.getuid()}"
    place.symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    with pytest.raises(UnavailableError, match=f"{place}, where ports are claimed, .*; remove it"):
        ports.claims.__wrapped__()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - somebody else's server
def test_a_port_that_somebody_listens_on_is_not_free(address: str) -> None:
    with socket.socket() as server:
        server.bind((address, 0))
        server.listen()
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(UnavailableError, match=f"port {port} of 127.0.0.1 is in use"):
            ports.require_free(port)


def test_a_port_that_this_user_may_not_have_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(ports, "refusal", lambda _port: refused)
    with pytest.raises(
        UnavailableError, match=r"port 80 of 127\.0\.0\.1: Permission denied; choose"
    ):
        ports.require_free(80)


def test_when_no_ports_are_left_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(UnavailableError, match="no free port between 12000 and 22000"):
        ports.free_port()


def test_no_port_is_one_that_an_outgoing_connection_may_have() -> None:
    """https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html, ip_local_port_range."""
    assert ports.HIGHEST + ports.GRPC_DISTANCE <= 32_768
