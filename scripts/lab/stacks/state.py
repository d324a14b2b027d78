"""What a later lab must know of a stack: the file .lab/<stack>/stack.json."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab import checkout
from lab.errors import LabError

FILE = "stack.json"


@dataclass(kw_only=True)
class State:
    """One stack as it was written down; there is such a file exactly as long as the stack is up."""

    name: str
    engine: str
    strategy: str
    port: int
    details: dict[str, Any] = field(default_factory=dict)
    """The weights of the gateway, and what only its engine understands."""

    @property
    def host(self) -> str:
        """Return where the gateway listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        """Return the URL of the gateway's root, with its slash."""
        return f"http://{self.host}/"

    @property
    def folder(self) -> Path:
        """Return where logs and histories go."""
        return checkout.stack_folder(self.name)

    @property
    def path(self) -> Path:
        """Return the file."""
        return self.folder / FILE

    @classmethod
    def load(cls, name: str) -> State | None:
        """Return the stack of that name; None when there is none.

        Raises:
            LabError: the file is there, and is none that a lab has written.
        """
        path = checkout.stack_folder(name) / FILE
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise LabError(
                f"stack {name}: {path} is damaged ({error}); "
                "stop what still runs of the stack, then remove that file"
            ) from error

    def claim(self) -> None:
        """Write the file, unless there is one: of two labs that ask for one name only one gets it.

        Raises:
            LabError: the name is taken.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.write_beside()
        try:
            self.path.hardlink_to(beside)
        except FileExistsError:
            raise LabError(
                f"stack {self.name} is already up: choose another --name, "
                f'or take it down with "lab down --name {self.name}"'
            ) from None
        finally:
            beside.unlink()

    def save(self) -> None:
        """Write the file beside and rename it into place."""
        self.write_beside().rename(self.path)

    def keep(self, **details: Any) -> None:
        """Write down what has changed of the details."""
        self.details.update(details)
        self.save()

    def forget(self) -> None:
        """Remove the file: the stack is gone."""
        self.path.unlink(missing_ok=True)

    def write_beside(self) -> Path:
        """Write the file under a name of its own, and return its path."""
        beside = self.folder / f"{FILE}.{os.getpid()}-{threading.get_ident()}"
        try:
            beside.write_text(json.dumps(asdict(self), indent=1))
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        return beside


class Recorded:
    """What every stack says of itself as it was written down."""

    state: State

    @property
    def name(self) -> str:
        """Return the stack's name."""
        return self.state.name

    @property
    def strategy(self) -> str:
        """Return how it keeps static files."""
        return self.state.strategy

    @property
    def base(self) -> str:
        """Return the URL of the gateway's root, with its slash."""
        return self.state.base

    @property
    def folder(self) -> Path:
        """Return where logs and histories go."""
        return self.state.folder


def stack_names() -> list[str]:
    """Return every stack that was started from this checkout and not taken down."""
    return sorted(path.parent.name for path in checkout.WORK.glob(f"*/{FILE}"))


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises:
        BlockingIOError: another process has it, and `wait` is off.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
