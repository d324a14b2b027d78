"""HTTP that ends: one moment until which a request has to be over, and addresses that it may reach.

The time-outs of requests hold for each call of recv, so that a server which sends a byte a second
is never late. Here every wait of a request, for DNS, a connection, headers, a body or trailers, is
for what is left until one moment (docs/adr/0040).
"""

from __future__ import annotations

import http.client
import ipaddress
import math
import queue
import socket
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.cookiejar import Cookie

    from typing_extensions import Buffer

HEAD_BYTES = 64 * 1024
"""Bytes of a status line and its headers, with all that comes before them by `100 Continue`."""
COOKIES, COOKIE_BYTES = 50, 4096
"""How many cookies a visitor keeps, and how long each may be, as https://www.rfc-editor.org/rfc/rfc6265#section-6.1
asks of browsers."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class LateError(TimeoutError):
    """A request was not over in time."""


class UnaskedError(OSError):
    """A host has an address that the probe does not ask."""


@dataclass(slots=True)
class Reach:
    """Which addresses may be asked: public ones, and inside ones only of kinds that the base has.

    Attributes:
        base: addresses of the host that a person has named.
        everywhere: whether any address may be asked.
    """

    base: tuple[Address, ...] = ()
    everywhere: bool = True
    kinds: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        kinds = {name_kind(address) for address in self.base}
        self.kinds = frozenset() if "public" in kinds else frozenset(kinds)

    def require(self, host: str, address: str) -> None:
        """See that an address may be asked.

        Raises:
            UnaskedError: it may not.
        """
        kind = "public" if self.everywhere else name_kind(read_address(address))
        if kind != "public" and kind not in self.kinds:
            raise UnaskedError(
                f"{host} has the {kind} address {address}, which the site does not have itself: "
                "ask it too by --private"
            )


def read_address(text: str) -> Address:
    """Return an address; of one that stands for an IPv4 address inside of IPv6, that one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


NAT64 = ipaddress.ip_network("64:ff9b::/96")  # https://www.rfc-editor.org/rfc/rfc6052#section-2.1


def name_kind(address: Address) -> str:
    """Return loopback, link-local, private or reserved for an inside address; else public."""
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return "reserved"
    return "public" if address.is_global else "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What holds for one request: when it has to be over, how long a wait may be, whom it asks."""

    end: float = math.inf
    connect: float = math.inf
    read: float = math.inf
    reach: Reach = field(default_factory=Reach)
    clock: Callable[[], float] = time.monotonic

    def left(self, most: float) -> float | None:
        """Return the seconds that a wait may take; None for as long as it likes.

        Raises:
            LateError: none are left.
        """
        seconds = min(self.end - self.clock(), most)
        if seconds <= 0:
            raise LateError("the answer did not come to its end in time")
        return None if math.isinf(seconds) else seconds


BOUNDS: ContextVar[Bounds] = ContextVar("bounds", default=Bounds())  # noqa: B039 - it is frozen


@contextmanager
def bounded(bounds: Bounds) -> Iterator[None]:
    """Let bounds hold for what this thread requests in the block."""
    token = BOUNDS.set(bounds)
    try:
        yield
    finally:
        BOUNDS.reset(token)


def resolve_host(host: str, port: int, seconds: float | None) -> list[tuple[Any, ...]]:
    """Return the addresses of a host, as getaddrinfo does, which itself knows no time-out.

    Raises:
        LateError: they did not come in time.
        OSError: there are none.
    """
    answers: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answers.put(error)

    # a daemon, for it may stay as long as the resolver takes
    threading.Thread(target=ask, daemon=True, name=f"resolve-{host}").start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise LateError(f"{host} was not resolved in time") from None
    if isinstance(found, Exception):
        raise found
    return found


def open_connection(host: str, port: int, options: Any) -> socket.socket:
    """Connect to the first address of a host that takes the connection and may be asked.

    Raises:
        OSError: none does.
    """
    bounds = BOUNDS.get()
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _name, address in resolve_host(
        host.strip("[]"), port, bounds.left(bounds.read)
    ):
        opened = socket.socket(family, kind, protocol)
        try:
            bounds.reach.require(host, address[0])
            for option in options or ():
                opened.setsockopt(*option)
            opened.settimeout(bounds.left(bounds.connect))
            opened.connect(address)
        except LateError:
            opened.close()
            raise
        except OSError as error:
            opened.close()
            failure = error
        else:
            return opened
    raise failure


class TimedReader(RawIOBase):
    """Reads a socket, each time for no longer than is left, and of a head no more than it may have.

    `room` is how many bytes of the head may still come; None once it has come.
    """

    def __init__(self, connected: socket.socket) -> None:
        self.connected = connected
        self.raw = connected.makefile("rb", buffering=0)
        self.room: int | None = HEAD_BYTES

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        """Read once."""
        bounds = BOUNDS.get()
        self.connected.settimeout(bounds.left(bounds.read))
        count: int | None = self.raw.readinto(buffer)
        if self.room is not None:
            self.room -= count or 0
            if self.room < 0:
                raise http.client.HTTPException(f"headers of more than {HEAD_BYTES} bytes")
        return count

    def close(self) -> None:
        """Let go of the socket."""
        self.raw.close()
        super().close()


class Response(http.client.HTTPResponse):
    """A response that is read through such a reader."""

    def __init__(self, connected: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(connected, *arguments, **named)
        self.fp.close()
        self.reader = TimedReader(connected)
        self.fp = BufferedReader(self.reader)

    def begin(self) -> None:
        """Read the status line and the headers."""
        super().begin()
        self.reader.room = None


class Connection(HTTPConnection):
    """Connects within the bounds."""

    response_class = Response

    def _new_conn(self) -> socket.socket:
        """Connect."""
        return open_connection(self.host, self.port or self.default_port, self.socket_options)


class SecureConnection(HTTPSConnection):
    """Connects within the bounds, by TLS; the time of a handshake is a whole one in Python."""

    response_class = Response

    def _new_conn(self) -> socket.socket:
        """Connect."""
        return open_connection(self.host, self.port or self.default_port, self.socket_options)


class Pool(HTTPConnectionPool):
    """Connections to one host."""

    ConnectionCls = Connection


class SecurePool(HTTPSConnectionPool):
    """Connections to one host by TLS."""

    ConnectionCls = SecureConnection


class Adapter(HTTPAdapter):
    """Sends requests through such connections."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}


class Cookies(RequestsCookieJar):
    """As many cookies as a browser keeps, at least."""

    def set_cookie(self, cookie: Cookie, *arguments: Any, **named: Any) -> None:
        """Take a cookie, unless it is too long, or one too many."""
        size = len(cookie.name) + len(cookie.value or "")
        if size <= COOKIE_BYTES and (len(self) < COOKIES or cookie.name in self.keys()):
            super().set_cookie(cookie, *arguments, **named)


class Session(requests.Session):
    """A session that leaves the body of a redirect alone: requests would read it to its end.

    A single request may bring headers and a body; all else is the session's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cookies = Cookies()
        self.trust_env = False

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request with the session's headers and cookies.

        What requests does to merge settings that no visitor has takes a quarter of its time.
        """
        prepared = requests.PreparedRequest()
        headers = {**self.headers, **(request.headers or {})}
        prepared.prepare(
            request.method, request.url, headers, data=request.data, cookies=self.cookies
        )
        return prepared

    def resolve_redirects(self, *_arguments: Any, **_named: Any) -> Iterator[requests.Response]:
        """Follow none; see `lab.probe.client.follow`."""
        return iter(())
