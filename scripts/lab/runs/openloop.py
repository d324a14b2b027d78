"""Asks for pages on time, and says when each answer had come: the process behind `lab.runs.load`.

The loop is open: page n is due n/rate seconds after the first, whatever became of those before it,
and its time counts from when it was due. A slow answer cannot hide by delaying the next question,
https://www.scylladb.com/2021/04/22/on-coordinated-omission/.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from lab.probe.client import name_error

THREADS = 64
"""Pages that may be on their way at once; any more wait here, which counts as their time."""
SECONDS = 10.0
"""For an answer, as the probe's visitors wait."""


class Caller:
    """One thread with one connection, which it keeps as browsers do."""

    def __init__(self, host: str) -> None:
        self.connection = HTTPConnection(host, timeout=SECONDS)

    def ask(self, path: str) -> tuple[HTTPResponse, int, bool]:
        """GET a page; returns its answer, its length and whether it was asked for twice."""
        reused = self.connection.sock is not None
        try:
            return *self.ask_once(path), False
        except (HTTPException, OSError) as error:
            self.connection.close()
            if not reused or name_error(error) != "reset":
                raise
        # https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1, as the probe's visitors do
        return *self.ask_once(path), True

    def ask_once(self, path: str) -> tuple[HTTPResponse, int]:
        """GET a page."""
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        return response, len(response.read())


class Loop:
    """Callers that take the next page that is due, one after another."""

    def __init__(self, pages: Sequence[str], rate: float) -> None:
        parts = [urlsplit(page) for page in pages]
        self.host = parts[0].netloc
        self.pages = [f"{each.path}?{each.query}" if each.query else each.path for each in parts]
        self.rate = rate
        self.turns = itertools.count()
        self.began = time.monotonic()
        self.stopped = threading.Event()
        self.writing = threading.Lock()

    def call(self, thread: int) -> None:
        """Ask for what is due until there is an end."""
        caller = Caller(self.host)
        while True:
            turn = next(self.turns)
            due = self.began + turn / self.rate
            if self.stopped.wait(max(0.0, due - time.monotonic())):
                return
            page = turn % len(self.pages)
            self.write([due, thread, page, *self.time(caller, self.pages[page], due)])

    def time(self, caller: Caller, path: str, due: float) -> list[Any]:
        """Return how long a page took since it was due, and what came."""
        try:
            response, length, retried = caller.ask(path)
        except (HTTPException, OSError) as error:
            caller.connection.close()
            return [elapsed(due), None, name_error(error), None, None, None, False]
        release, replica = (response.headers.get(name) for name in ("X-Release", "X-Replica"))
        return [elapsed(due), response.status, None, release, replica, length, retried]

    def write(self, sample: list[Any]) -> None:
        """Hand one line over."""
        with self.writing:
            sys.stdout.write(json.dumps(sample) + "\n")
            sys.stdout.flush()


def elapsed(due: float) -> float:
    """Return the milliseconds since then."""
    return (time.monotonic() - due) * 1000


def main(rate: str) -> None:
    """Read the pages, ask for them until the input ends."""
    loop = Loop(json.loads(sys.stdin.readline()), float(rate))
    callers = [threading.Thread(target=loop.call, args=(each,)) for each in range(THREADS)]
    for caller in callers:
        caller.start()
    sys.stdin.read()
    loop.stopped.set()
    for caller in callers:
        caller.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
