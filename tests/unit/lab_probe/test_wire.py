"""Where the probe connects to, and how a request ends."""

from __future__ import annotations

import ipaddress
import math
import socket
import time
from typing import Any

import pytest

from lab.probe import Client, Limits, Manners, Reach, Site, make_session
from lab.probe.wire import (
    Bounds,
    Cookies,
    LateError,
    UnaskedError,
    bounded,
    name_kind,
    open_connection,
    read_address,
    resolve_host,
)

PUBLIC, LOOPBACK, PRIVATE = (
    ipaddress.ip_address(text) for text in ("93.184.216.34", "127.0.0.1", "10.0.0.1")
)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.216.34", "public"),
        ("2606:2800:220:1::1", "public"),
        ("127.0.0.1", "loopback"),
        ("127.255.0.9", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("169.254.169.254", "link-local"),
        ("::ffff:169.254.169.254", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("0.0.0.0", "reserved"),  # noqa: S104 - nothing is bound
        ("::", "reserved"),
        ("224.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
    ],
)
def test_an_address_is_of_a_kind(address: str, kind: str) -> None:
    assert name_kind(read_address(address)) == kind


@pytest.mark.parametrize(
    ("base", "asked", "allowed"),
    [
        ((PUBLIC,), "8.8.8.8", True),
        ((PUBLIC,), "127.0.0.1", False),
        ((PUBLIC,), "10.0.0.1", False),
        ((LOOPBACK,), "127.0.0.9", True),
        ((LOOPBACK,), "8.8.8.8", True),
        ((LOOPBACK,), "169.254.169.254", False),
        ((LOOPBACK,), "10.0.0.1", False),
        ((PRIVATE,), "192.168.0.1", True),
        ((PRIVATE,), "127.0.0.1", False),
        ((PUBLIC, LOOPBACK), "127.0.0.1", False),
    ],
)
def test_inside_addresses_are_asked_only_of_a_kind_that_the_site_has(
    base: tuple[Any, ...], asked: str, allowed: bool
) -> None:
    reach = Reach(base, everywhere=False)
    if allowed:
        reach.require("host", asked)
    else:
        with pytest.raises(UnaskedError, match="--private"):
            reach.require("host", asked)
    Reach(base, everywhere=True).require("host", asked)


def test_a_name_that_leads_inside_only_now_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the address is looked at that is connected to."""
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.2)
        port = inside.getsockname()[1]
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_a, **_n: answer)
        site = Site(base=f"http://rebinds.test:{port}/")
        manners = Manners(site, Reach((PUBLIC,), everywhere=False))  # type: ignore[arg-type]
        client = Client(site, make_session(), time.monotonic, manners=manners)
        got, _body = client.get(site.base)
        assert (got.error or "").startswith("unasked: rebinds.test has the loopback address")
        with pytest.raises(TimeoutError):
            inside.accept()


def test_a_resolver_that_never_answers_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_a, **_n: time.sleep(5))
    began = time.monotonic()
    with pytest.raises(LateError):
        resolve_host("slow.test", 80, 0.1)
    assert time.monotonic() - began < 4


def test_a_connection_that_nobody_takes_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(opened: socket.socket, _address: object) -> None:
        seconds = opened.gettimeout()
        assert seconds is not None
        assert seconds <= 0.2
        raise TimeoutError

    monkeypatch.setattr("socket.socket.connect", hang)
    bounds = Bounds(end=time.monotonic() + 0.2)
    with bounded(bounds), pytest.raises(TimeoutError):
        open_connection("127.0.0.1", 9, None)


def test_what_is_left_is_never_more_than_there_is() -> None:
    bounds = Bounds(end=10.0, clock=lambda: 9.0)
    assert (bounds.left(0.5), bounds.left(5.0), bounds.left(math.inf)) == (0.5, 1.0, 1.0)
    with pytest.raises(LateError):
        Bounds(end=10.0, clock=lambda: 10.0).left(1.0)


def test_cookies_are_as_many_as_a_browser_keeps() -> None:
    jar = Cookies()
    for number in range(99):
        jar.set(f"c{number}", "x")
    jar.set("long", "x" * 5000)
    jar.set("c1", "new")
    assert (len(jar), jar["c1"], "long" in jar) == (50, "new", False)


def test_the_end_of_all_cuts_an_answer_and_is_no_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        site = Site(base=f"http://127.0.0.1:{silent.getsockname()[1]}/", limits=Limits(total=30))
        manners = Manners(site)
        manners.last_moment = time.monotonic() + 0.3
        got, _body = Client(site, make_session(), time.monotonic, manners=manners).get(site.base)
    assert got.error == "over"
