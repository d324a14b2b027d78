"""A gate between a publish job and the store: it lets so many writes through, and holds the rest.

    python gate.py LISTEN_HOST:PORT STORE_HOST:PORT WRITES

It says "held" once more writes have come than may pass; from then on nothing that the job says
reaches the store, and no connection is opened any more. What the store says still reaches the job,
so that the job sees it die. The file needs nothing but Python: it runs in a release's image too.
"""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio import StreamReader, StreamWriter

WRITE = re.compile(rb"PUT /\S+ HTTP/1\.1\r\n")
CHUNK = 1 << 16
LONGEST = 1024  # bytes of a request's first line that may have come in the chunk before


class Gate:
    """Counts the writes of all connections together."""

    def __init__(self, store: str, writes: int) -> None:
        self.host, _, self.port = store.partition(":")
        self.left = writes
        self.never = asyncio.Event()

    async def connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Join a connection of the job with one to the store, until the store's end closes."""
        if self.left < 0:
            writer.close()
            return
        try:
            answers, requests = await asyncio.open_connection(self.host, int(self.port))
        except OSError:
            writer.close()
            return
        asking = asyncio.create_task(self.ask(reader, requests))
        try:
            while chunk := await answers.read(CHUNK):
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            asking.cancel()
            requests.close()
            writer.close()

    async def ask(self, reader: StreamReader, requests: StreamWriter) -> None:
        """Pass on what the job says, as long as it may."""
        tail = b""
        while chunk := await reader.read(CHUNK):
            seen = tail + chunk
            new = [each for each in WRITE.finditer(seen) if each.end() > len(tail)]
            self.left -= len(new)
            if self.left < 0:
                print("held", flush=True)
                await self.never.wait()
            tail = seen[-LONGEST:]
            requests.write(chunk)
            await requests.drain()
        requests.close()


async def serve(listen: str, store: str, writes: str) -> None:
    """Serve until the process is ended."""
    host, _, port = listen.partition(":")
    gate = Gate(store, int(writes))
    server = await asyncio.start_server(gate.connect, host, int(port))
    print("open", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
