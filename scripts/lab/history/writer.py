"""Writes a history."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, Self

from lab.history.values import Answer, Fetch, Header, HistoryError, Record, Reuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


class History:
    """Writes a history, thread-safe, a line at a time, flushed: a killed run keeps what it saw."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            self._file: IO[str] = path.open("x", encoding="utf-8")
        except FileExistsError:
            message = f"history {path}: it is there already; a run writes a new one, choose another"
            raise HistoryError(message) from None
        except OSError as error:
            raise HistoryError(f"history {path}: cannot be written: {error.strerror}") from error
        self.path = path
        self._clock = clock
        self._zero = clock()
        self._lock = threading.Lock()
        self._fetches = 0

    def now(self) -> float:
        """Return the seconds since this history began."""
        return self._clock() - self._zero

    def run(self, header: Header) -> None:
        """Write what runs."""
        self._write({"kind": "run", "t": 0.0, **asdict(header)})

    def record(self, record: Record | Mapping[str, Any]) -> None:
        """Write what a release consists of: a `Record`, or the document that its build wrote."""
        document = asdict(record) if isinstance(record, Record) else record
        self._write({"kind": "record", "t": self._t(), **document})

    def event(self, event: str, release: str | None = None, **detail: Any) -> None:
        """Write that something happened."""
        document = {"event": event, "release": release, "detail": detail}
        self._write({"kind": "event", "t": self._t(), **document})

    def fetch(self, fetch: Fetch) -> int:
        """Write one request and its answer; returns its id."""
        with self._lock:
            self._fetches += 1
            number = self._fetches
            self._put({"kind": "fetch", "id": number, **_flatten(fetch)})
        return number

    def reuse(self, page: Fetch, uses: Iterable[Reuse]) -> None:
        """Write what else the page needs of that which its visitor had already fetched."""
        rows = [[use.fetch, use.how, use.via] for use in uses]
        if rows:
            names = {"page": page.url, "release": page.release, "visitor": page.visitor}
            self._write({"kind": "reuse", "t": self._t(), **names, "uses": rows})

    def end(self) -> None:
        """Write that the run came to its end, and close."""
        self._write({"kind": "end", "t": self._t()})
        self.close()

    def close(self) -> None:
        """Close the file; the lines are on disk since they were written."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _t(self) -> float:
        return round(self.now(), 6)

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            self._put(line)

    def _put(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self._file.flush()


_SELDOM = ("nosniff", "truncated", "retried", "excerpt", "retry_after")
"""Left out of a line when they say nothing: most lines need none of them."""


def _flatten(fetch: Fetch) -> dict[str, Any]:
    """Return a fetch as the flat object of its line, where `release` is the page's."""
    line = {name: getattr(fetch, name) for name in Fetch.__slots__ if name != "answer"}
    del line["cached"]
    answer = {name: getattr(fetch.answer, name) for name in Answer.__slots__ if name != "release"}
    for name in _SELDOM:
        if not answer[name]:
            del answer[name]
    line["t"], answer["ms"] = round(fetch.t, 6), round(fetch.answer.ms, 3)
    return line | answer
