"""Reads a history."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lab.history.text import show_all_plainly
from lab.history.values import (
    FORMAT,
    Answer,
    Asset,
    Event,
    Fetch,
    Header,
    HistoryError,
    Record,
    Run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CLEAN = re.compile(rb"[ -\[\]-~]*(?:\\[\"\\/nt][ -\[\]-~]*)*\n?\Z")
"""A line of which no text can have a control character: most have not, and a history is long."""
ANSWER_FIELDS = tuple(name for name in Answer.__slots__ if name != "release")
FETCH_FIELDS = tuple(name for name in Fetch.__slots__ if name not in ("answer", "cached"))


def read_history(path: Path) -> Run:
    """Read a history; a line that a kill cut short is dropped, any other damage is reported in it.

    Raises:
        HistoryError: there is no such file, or a newer lab wrote it.
    """
    reader = Reader()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                reader.take_line(number, line)
    except OSError as error:
        message = f"history {path}: cannot be read: {error.strerror}"
        raise HistoryError(message) from error
    header = reader.header
    if header and header.format > FORMAT:
        message = f"history {path}: format {header.format} is newer than this lab's {FORMAT}"
        raise HistoryError(message)
    return reader.conclude()


class Reader:
    """What has been read so far, and how each kind of line is read."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.records: dict[str, Record] = {}
        self.events: list[Event] = []
        self.fetches: list[Fetch] = []
        self.by_id: dict[int, Fetch] = {}
        self.ended = False
        self.damage: list[str] = []
        self.strings: dict[str, str] = {}

    def take_line(self, number: int, raw: bytes) -> None:
        """Take in one line of the file."""
        try:
            line = json.loads(raw)
            if not CLEAN.match(raw):
                line = show_all_plainly(line)
            READERS[line["kind"]](self, line)
        except DAMAGE as error:
            if raw.endswith(b"\n"):
                self.damage.append(f"line {number}: {type(error).__name__}: {error}")

    def conclude(self) -> Run:
        """Return what was read, in the order of time."""
        return Run(
            header=self.header,
            records=self.records,
            events=tuple(sorted(self.events, key=lambda event: event.t)),
            fetches=tuple(sorted(self.fetches, key=lambda fetch: fetch.t)),
            ended=self.ended,
            damage=tuple(self.damage),
        )

    def read_run(self, line: Mapping[str, Any]) -> None:
        """Take in what ran."""
        expect_types(line, HEADER_TYPES)
        known = {name: line[name] for name in Header.__slots__} | {"format": int(line["format"])}
        self.header = Header(**known)

    def read_record(self, line: Mapping[str, Any]) -> None:
        """Take in what a release consists of."""
        expect_types(line, RECORD_TYPES)
        self.records[line["release"]] = parse_record(line)

    def read_event(self, line: Mapping[str, Any]) -> None:
        """Take in something that was done to the stack."""
        expect_types(line, EVENT_TYPES)
        detail = dict(line.get("detail") or {})
        self.events.append(
            Event(
                t=float(line["t"]), event=line["event"], release=line.get("release"), detail=detail
            )
        )

    def read_fetch(self, line: Mapping[str, Any]) -> None:
        """Take in a request and its answer."""
        known = {name: self.intern(value) for name, value in line.items()}
        expect_types(known, FETCH_TYPES)
        answer = Answer(**{name: known[name] for name in ANSWER_FIELDS if name in known})
        if (answer.status is None) == (answer.error is None):
            raise ValueError("a fetch has either a status or an error")
        fetch = Fetch(**{name: known[name] for name in FETCH_FIELDS}, answer=answer)
        self.fetches.append(fetch)
        if "id" in line:
            self.by_id[line["id"]] = fetch

    def read_reuse(self, line: Mapping[str, Any]) -> None:
        """Take in what a page needs that its visitor had already fetched."""
        expect_types(line, REUSE_TYPES)
        names = {name: self.intern(line[name]) for name in ("t", "page", "release", "visitor")}
        for fetch, how, via in line["uses"]:
            used = self.by_id[fetch]
            known = {"url": used.url, "via": self.by_id[via].url, "how": self.intern(how)}
            self.fetches.append(
                Fetch(role="asset", answer=used.answer, cached=True, **known, **names)
            )

    def read_end(self, _line: Mapping[str, Any]) -> None:
        """Take in that the run came to its end."""
        self.ended = True

    def intern(self, value: Any) -> Any:
        """Return one object for equal strings: a history repeats the same few thousand."""
        return self.strings.setdefault(value, value) if isinstance(value, str) else value


READERS: Mapping[str, Callable[[Reader, Mapping[str, Any]], None]] = {
    "run": Reader.read_run,
    "record": Reader.read_record,
    "event": Reader.read_event,
    "fetch": Reader.read_fetch,
    "reuse": Reader.read_reuse,
    "end": Reader.read_end,
}
"""The kinds of line."""


def parse_record(document: Mapping[str, Any]) -> Record:
    """Return a release as its build wrote it down."""
    bodies = document["assets"].items()
    assets = {name: Asset(body["sha256"], body["bytes"]) for name, body in bodies}
    paths = dict(document["paths"])
    return Record(
        release=document["release"], paths=paths, assets=assets, django=document.get("django")
    )


def expect_types(line: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse a line whose fields are of other types than those who read it rely on."""
    for name, types in expected.items():
        value = line.get(name)
        if not isinstance(value, types) or (types is TIME and not abs(value) < LONG):
            raise TypeError(f"{name} is {value!r}")


DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)
TEXT = (str, type(None))
TIME = (int, float)
LONG = 1e12
HEADER_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("action", "base", "started"), str),
    **dict.fromkeys(("strategy", "engine", "static"), TEXT),
}
RECORD_TYPES: Mapping[str, Any] = {"release": str}
EVENT_TYPES: Mapping[str, Any] = {"t": TIME, "event": str, "release": TEXT}
REUSE_TYPES: Mapping[str, Any] = {"t": TIME, "visitor": str, "page": TEXT, "release": TEXT}
FETCH_TYPES: Mapping[str, Any] = {
    "t": TIME,
    "status": (int, type(None)),
    **dict.fromkeys(("role", "url", "how", "visitor"), str),
    **dict.fromkeys(("page", "release", "error", "content_type", "cache_control"), TEXT),
    **dict.fromkeys(("sha256", "md5", "redirected_to", "excerpt"), TEXT),
}
