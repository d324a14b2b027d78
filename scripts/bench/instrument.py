"""Whether the gateway may be believed: what it adds to a request, and how many it lets through."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from bench.gateway import ask
from bench.servers import open_bucket
from lab.stacks.objectstore import BUCKET

if TYPE_CHECKING:
    from bench.servers import Servers

PATH = f"/{BUCKET}/warm/0"
"""An object that the public may not read: the store's answer is short, a 403."""
ONE_BY_ONE = 100
CONNECTIONS, REQUESTS = 64, 3200
LARGE = 4 << 20  # bytes: a body of many packets


@dataclass(frozen=True)
class Way:
    """One way to the store.

    Attributes:
        name: The store itself, or the gateway without or with latency.
        first: Milliseconds of a request on a connection of its own.
        next: Milliseconds of the following requests on one connection, the median.
        large: Milliseconds of one PUT with a body of many packets.
        rate: Requests a second over many connections at once.
    """

    name: str
    first: float
    next: float
    large: float
    rate: float


def measure(servers: Servers) -> list[dict[str, Any]]:
    """Return what the three ways to the store take."""
    gateway = servers.gateway
    ways = {
        "store": gateway.store,
        "gateway": gateway.prompt,
        f"gateway, {gateway.latency} ms": gateway.late,
    }
    return [
        asdict(Way(name, first(port), following(port), large(port), rate(port)))
        for name, port in ways.items()
    ]


def first(port: int) -> float:
    """Return the median of requests that each open a connection."""
    return statistics.median(timed(lambda: ask(port, PATH)) for _ in range(20))


def following(port: int) -> float:
    """Return the median of requests on one connection."""
    connection = HTTPConnection("127.0.0.1", port)

    def request() -> None:
        connection.request("GET", PATH)
        connection.getresponse().read()

    request()
    found = statistics.median(timed(request) for _ in range(ONE_BY_ONE))
    connection.close()
    return found


def large(port: int) -> float:
    """Return the median of PUTs whose body has many packets."""
    bucket, body = open_bucket(port), bytes(LARGE)
    bucket.put("large", b"")
    return statistics.median(
        timed(lambda: bucket.put("large", body, use_multipart=False)) for _ in range(5)
    )


def timed(work: Any) -> float:
    """Return the milliseconds that the work takes."""
    started = time.perf_counter()
    work()
    return round(1000 * (time.perf_counter() - started), 2)


def rate(port: int) -> float:
    """Return how many requests a second come back over many connections."""
    started = time.perf_counter()
    asyncio.run(flood(port))
    return round(REQUESTS / (time.perf_counter() - started))


async def flood(port: int) -> None:
    """Ask over all connections at once, on each one request after another."""
    await asyncio.gather(*(ask_often(port, REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS)))


async def ask_often(port: int, times: int) -> None:
    """Ask over one connection; what comes back is the head and a body of known length."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
    writer.close()
    await writer.wait_closed()
