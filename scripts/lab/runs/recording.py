"""The history of one run: begun before anything is started, ended when everything went well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.errors import UnavailableError
from lab.history import Header, History, HistoryError
from lab.stacks.model import Say


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM while a history was being written; what is in it stays."""

    def __init__(self, history: Path) -> None:
        super().__init__()
        self.history = history


@dataclass(frozen=True)
class About:
    """What a history says of the site that it is about, and the folder that takes it."""

    folder: Path
    base: str
    strategy: str | None = None
    engine: str | None = None

    @property
    def static(self) -> str | None:
        """The URL prefix of hashed assets; nobody knows that of a foreign site."""
        return f"{self.base}static/" if self.engine else None


@contextmanager
def recorded(about: About, action: str, say: Say) -> Iterator[History]:
    """A history, which gets its end when the block comes to its own.

    Raises:
        Interrupted: the block was.
    """
    stamp = datetime.now(UTC)
    started = stamp.isoformat(timespec="seconds")
    with new_history(about.folder, f"{stamp:%Y%m%d-%H%M%S}-{action}") as history:
        header = Header(about.strategy, about.engine, action, about.base, about.static, started)
        history.run(header)
        try:
            yield history
        except KeyboardInterrupt:
            raise Interrupted(history.path) from None
        except Exception:
            say(f"the history until then: {history.path}")
            raise
        history.end()


def new_history(folder: Path, name: str) -> History:
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
        return History(path)
    except HistoryError as error:
        raise UnavailableError(str(error)) from error
