"""In which order files are hashed: after everything that they refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class CycleError(Exception):
    """Files refer to each other in a circle, so that each name would hold the hash of the next."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"{' -> '.join(names)}: files that refer to each other in a circle have no hashed "
            "names, since each would depend on the other; take one of these references out"
        )
        self.names = names


class Names(dict[str, str]):
    """Asset names by source name, which notes whoever is asked for before it has its own.

    Attributes:
        later: The source names that will be hashed, but are not yet.
        wanted: Those of them that were asked for, each once.
    """

    def __init__(self, later: Iterable[str]) -> None:
        super().__init__()
        self.later = set(later)
        self.wanted: dict[str, None] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return the asset name; for one that comes later the source name, as a stand-in."""
        if name in self.later:
            self.wanted[name] = None
            return name
        return super().get(name, default)

    def add(self, name: str, hashed: str) -> None:
        """Give a source name its asset name."""
        self[name] = hashed
        self.later.discard(name)

    def take_wanted(self) -> list[str]:
        """Return what was asked for too early, and forget it."""
        wanted, self.wanted = list(self.wanted), {}
        return wanted


def in_depth_first_order(names: Iterable[str], attempt: Callable[[str], Iterable[str]]) -> None:
    """Attempt every name until it succeeds; those that it waits for come first.

    It needs no recursion, however long a chain of references is, and one attempt's content at a
    time is in memory.

    Args:
        names: Where to begin.
        attempt: Works on one name; returns the names that must be done before, none when it is
            done itself.

    Raises:
        CycleError: A name waits for itself.
    """
    done: set[str] = set()
    for first in names:
        waiting = [first]
        opened: dict[str, None] = {}  # the way from the first name to this one
        while waiting:
            name = waiting[-1]
            if name in done:
                waiting.pop()
                continue
            opened[name] = None
            before = list(attempt(name))
            for wanted in before:
                if wanted in opened:
                    raise CycleError(from_that(wanted, opened))
            waiting += before
            if not before:
                done.add(waiting.pop())
                del opened[name]


def from_that(name: str, opened: Iterable[str]) -> list[str]:
    """Return the way from a name to itself."""
    way = list(opened)
    return [*way[way.index(name) :], name]
