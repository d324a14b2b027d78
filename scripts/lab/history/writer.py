"""Writes a history: begun before anything is started, ended when everything went well."""

from __future__ import annotations

import json
import math
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Self

from lab.errors import UnavailableError
from lab.history.values import Answer, Fetch, Header, HistoryError, Record, Reuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path


class History:
    """Writes a history, thread-safe, a line at a time, flushed: a killed run keeps what it saw.

    Args:
        path: the file, which must not be there yet.
        clock: a monotonic clock.
        most: bytes that it may have; then it is full, says so, and takes no more but its end.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        most: float = math.inf,
    ) -> None:
        try:
            self.file: IO[str] = path.open("x", encoding="utf-8")
        except FileExistsError:
            message = f"history {path}: it is there already; a run writes a new one, choose another"
            raise HistoryError(message) from None
        except OSError as error:
            raise HistoryError(f"history {path}: cannot be written: {error.strerror}") from error
        self.path = path
        self.clock = clock
        self.zero = clock()
        self.lock = threading.Lock()
        self.count = 0
        self.room = most
        self.full = False

    def now(self) -> float:
        """Return the seconds since this history began."""
        return self.clock() - self.zero

    def begin(self, header: Header) -> None:
        """Write what runs."""
        self.write({"kind": "run", "t": 0.0, **asdict(header)})

    def add_release(self, record: Record | Mapping[str, Any]) -> None:
        """Write what a release consists of: a `Record`, or the document that its build wrote."""
        document = asdict(record) if isinstance(record, Record) else record
        self.write({"kind": "record", "t": self.stamp(), **document})

    def add_event(self, event: str, release: str | None = None, **detail: Any) -> None:
        """Write that something happened."""
        document = {"event": event, "release": release, "detail": detail}
        self.write({"kind": "event", "t": self.stamp(), **document})

    def add_fetch(self, fetch: Fetch) -> int:
        """Write one request and its answer; return its id."""
        with self.lock:
            self.count += 1
            number = self.count
            self.put({"kind": "fetch", "id": number, **flatten(fetch)})
        return number

    def add_reuse(self, page: Fetch, uses: Iterable[Reuse]) -> None:
        """Write what else the page needs of that which its visitor had already fetched."""
        rows = [[use.fetch, use.how, use.via] for use in uses]
        if rows:
            names = {"page": page.url, "release": page.release, "visitor": page.visitor}
            line = {"kind": "reuse", "t": self.stamp(), **names, "uses": rows}
            with self.lock:
                self.put(line, REUSE_BYTES * len(rows))

    def end(self) -> None:
        """Write that the run came to its end, and close."""
        self.write({"kind": "end", "t": self.stamp()})
        self.close()

    def close(self) -> None:
        """Close the file; the lines are on disk since they were written."""
        with self.lock:
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def stamp(self) -> float:
        """Return the moment that a line carries."""
        return round(self.now(), 6)

    def write(self, line: Mapping[str, Any]) -> None:
        """Write one line, while no other thread does."""
        with self.lock:
            self.put(line)

    def put(self, line: Mapping[str, Any], more: int = 0) -> None:
        """Write one line; the caller holds the lock.

        Args:
            line: what to write.
            more: bytes that it counts for beyond those that it has.
        """
        text = json.dumps(line, separators=(",", ":"))
        self.room -= len(text) + more
        if self.room < 0 and line["kind"] not in ("run", "end"):
            if self.full:
                return
            self.full = True
            full = {"kind": "event", "t": self.stamp(), "event": "full", "release": None}
            text = json.dumps({**full, "detail": {}}, separators=(",", ":"))
        self.file.write(text + "\n")
        self.file.flush()


REUSE_BYTES = 200
"""What an asset that is used again counts for: who reads it needs as much as for a fetch."""
SELDOM = ("nosniff", "truncated", "retried", "excerpt", "retry_after")
"""Left out of a line when they say nothing: most lines need none of them."""


def flatten(fetch: Fetch) -> dict[str, Any]:
    """Return a fetch as the flat object of its line, where `release` is the page's."""
    line = {name: getattr(fetch, name) for name in Fetch.__slots__ if name != "answer"}
    del line["cached"]
    answer = {name: getattr(fetch.answer, name) for name in Answer.__slots__ if name != "release"}
    for name in SELDOM:
        if not answer[name]:
            del answer[name]
    line["t"], answer["ms"] = round(fetch.t, 6), round(fetch.answer.ms, 3)
    return line | answer


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM while a history was being written; what is in it stays."""

    def __init__(self, history: Path) -> None:
        super().__init__()
        self.history = history


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a history says of its site, the folder that takes it, and the most bytes it may have."""

    folder: Path
    base: str
    strategy: str | None = None
    engine: str | None = None
    most: float = math.inf

    @property
    def static(self) -> str | None:
        """Return the URL prefix of hashed assets; that of an external site is not known."""
        return f"{self.base}static/" if self.engine else None


@contextmanager
def open_history(about: About, action: str, say: Callable[[str], None]) -> Iterator[History]:
    """Yield a new history, and end it when the block comes to its own end.

    Raises:
        Interrupted: the block was.
    """
    stamp = datetime.now(UTC)
    started = stamp.isoformat(timespec="seconds")
    with create_history(about.folder, f"{stamp:%Y%m%d-%H%M%S}-{action}", about.most) as history:
        history.begin(
            Header(
                strategy=about.strategy,
                engine=about.engine,
                action=action,
                base=about.base,
                static=about.static,
                started=started,
            )
        )
        try:
            yield history
        except KeyboardInterrupt:
            raise Interrupted(history.path) from None
        except Exception:
            say(f"the history until then: {history.path}")
            raise
        history.end()


def create_history(folder: Path, name: str, most: float = math.inf) -> History:
    """Begin a history under a name that no other has.

    Raises:
        UnavailableError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, number = folder / f"{name}.jsonl", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.jsonl"
    try:
        return History(path, most=most)
    except HistoryError as error:
        raise UnavailableError(str(error)) from error
