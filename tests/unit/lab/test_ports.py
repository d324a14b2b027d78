from __future__ import annotations

import errno
import socket

import pytest

from lab.errors import UnavailableError
from lab.stacks import ports


def test_free_ports_differ_and_can_be_listened_on() -> None:
    found = ports.free_ports(5) + ports.free_ports(5)
    assert len(set(found)) == 10
    for port in found:
        with socket.socket() as server:
            server.bind(("127.0.0.1", port))


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
    with pytest.raises(UnavailableError, match="no 2 free ports between 12000 and 22000"):
        ports.free_ports(2)


def test_no_port_is_one_that_an_outgoing_connection_may_have() -> None:
    """https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html, ip_local_port_range."""
    assert ports.HIGHEST + ports.GRPC_DISTANCE <= 32_768
