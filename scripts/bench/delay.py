"""Answers every request after so many milliseconds; run as a script: delay.py SOCKET MILLISECONDS.

nginx asks it before it forwards a request. The body of that request never comes here, so that the
time is added once per request, however many packets it has.
"""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
END = b"\r\n\r\n"
OWN = 0.0006
"""Seconds that asking takes beside: the ways to and fro, and timers that end at full ms."""


class Delay(asyncio.Protocol):
    """One connection, which nginx keeps for many requests, one after another."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type alone
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that has come whole, later."""
        *whole, self.received = (self.received + data).split(END)
        loop = asyncio.get_running_loop()
        for _ in whole:
            loop.call_later(self.seconds - OWN, self.transport.write, ANSWER)


async def serve(socket: str, seconds: float) -> None:
    """Listen on a Unix socket for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: Delay(seconds), socket, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], float(sys.argv[2]) / 1000))
