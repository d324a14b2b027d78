"""Reads a history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
    from collections.abc import Mapping
    from pathlib import Path

_ANSWER = tuple(name for name in Answer.__slots__ if name != "release")
_FETCH = tuple(name for name in Fetch.__slots__ if name not in ("answer", "cached"))


def read_history(path: Path) -> Run:
    """Read a history; a line torn off by a kill is dropped, any other damage is reported in it.

    Raises:
        HistoryError: there is no such file, or a newer lab wrote it.
    """
    reader = _Reader()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                reader.line(number, line)
    except OSError as error:
        message = f"history {path}: cannot be read: {error.strerror}"
        raise HistoryError(message) from error
    header = reader.header
    if header and header.format > FORMAT:
        message = f"history {path}: format {header.format} is newer than this lab's {FORMAT}"
        raise HistoryError(message)
    return reader.result()


class _Reader:
    def __init__(self) -> None:
        self.header: Header | None = None
        self._records: dict[str, Record] = {}
        self._events: list[Event] = []
        self._fetches: list[Fetch] = []
        self._by_id: dict[int, Fetch] = {}
        self._ended = False
        self._damage: list[str] = []
        self._strings: dict[str, str] = {}

    def line(self, number: int, raw: bytes) -> None:
        """Take in one line of the file."""
        try:
            line = json.loads(raw)
            getattr(self, f"_read_{line['kind']}")(line)
        except _DAMAGE as error:
            if raw.endswith(b"\n"):
                self._damage.append(f"line {number}: {type(error).__name__}: {error}")

    def result(self) -> Run:
        """Return what was read, in the order of time."""
        return Run(
            self.header,
            self._records,
            tuple(sorted(self._events, key=lambda event: event.t)),
            tuple(sorted(self._fetches, key=lambda fetch: fetch.t)),
            self._ended,
            tuple(self._damage),
        )

    def _read_run(self, line: Mapping[str, Any]) -> None:
        _expect_types(line, _OF_HEADER)
        known = {name: line[name] for name in Header.__slots__} | {"format": int(line["format"])}
        self.header = Header(**known)

    def _read_record(self, line: Mapping[str, Any]) -> None:
        _expect_types(line, _OF_RECORD)
        assets = {
            name: Asset(body["sha256"], body["bytes"]) for name, body in line["assets"].items()
        }
        release = line["release"]
        paths = dict(line["paths"])
        self._records[release] = Record(release, paths, assets, line.get("django"))

    def _read_event(self, line: Mapping[str, Any]) -> None:
        _expect_types(line, _OF_EVENT)
        detail = dict(line.get("detail") or {})
        self._events.append(Event(float(line["t"]), line["event"], line.get("release"), detail))

    def _read_fetch(self, line: Mapping[str, Any]) -> None:
        known = {name: self._same(value) for name, value in line.items()}
        _expect_types(known, _OF_FETCH)
        answer = Answer(**{name: known[name] for name in _ANSWER if name in known})
        if (answer.status is None) == (answer.error is None):
            raise ValueError("a fetch has either a status or an error")
        fetch = Fetch(**{name: known[name] for name in _FETCH}, answer=answer)
        self._fetches.append(fetch)
        if "id" in line:
            self._by_id[line["id"]] = fetch

    def _read_reuse(self, line: Mapping[str, Any]) -> None:
        _expect_types(line, _OF_REUSE)
        names = {name: self._same(line[name]) for name in ("t", "page", "release", "visitor")}
        for fetch, how, via in line["uses"]:
            used = self._by_id[fetch]
            known = {"url": used.url, "via": self._by_id[via].url, "how": self._same(how)}
            self._fetches.append(
                Fetch(role="asset", answer=used.answer, cached=True, **known, **names)
            )

    def _read_end(self, _line: Mapping[str, Any]) -> None:
        self._ended = True

    def _same(self, value: Any) -> Any:
        """Return one object for equal strings: a history repeats the same few thousand."""
        return self._strings.setdefault(value, value) if isinstance(value, str) else value


def _expect_types(line: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse a line whose fields are of other types than those who read it rely on."""
    for name, types in expected.items():
        value = line.get(name)
        if not isinstance(value, types) or (types is _TIME and not abs(value) < _LONG):
            raise TypeError(f"{name} is {value!r}")


_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)
_TEXT = (str, type(None))
_TIME = (int, float)
_LONG = 1e12
_OF_HEADER: Mapping[str, Any] = {
    **dict.fromkeys(("action", "base", "started"), str),
    **dict.fromkeys(("strategy", "engine", "static"), _TEXT),
}
_OF_RECORD: Mapping[str, Any] = {"release": str}
_OF_EVENT: Mapping[str, Any] = {"t": _TIME, "event": str, "release": _TEXT}
_OF_REUSE: Mapping[str, Any] = {"t": _TIME, "visitor": str, "page": _TEXT, "release": _TEXT}
_OF_FETCH: Mapping[str, Any] = {
    "t": _TIME,
    "status": (int, type(None)),
    **dict.fromkeys(("role", "url", "how", "visitor"), str),
    **dict.fromkeys(("page", "release", "error", "content_type", "cache_control"), _TEXT),
    **dict.fromkeys(("sha256", "md5", "redirected_to", "excerpt"), _TEXT),
}
