"""What the store holds, release by release."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from skewproof.publishing.retention import Survey
    from skewproof.stores.store import Stored

HEADS = ("RELEASE", "PUBLISHED (UTC)", "FILES", "BYTES", "SHARED", "OWN")


@dataclass(frozen=True)
class Entry:
    """One release; sizes are those of its files under hashed names, in bytes.

    Attributes:
        id: The release id.
        published: When its manifest was written, by the store's clock.
        running: Whether this process belongs to it.
        files: How many hashed files it is made of.
        size: All of them.
        shared: Those that another release has as well.
        own: Those that no other release has: what would be free without it.
        missing: Those that the store lacks.
        fault: Why its manifest cannot be read; empty when it can.
    """

    id: str
    published: datetime
    running: bool
    files: int
    size: int
    shared: int
    own: int
    missing: tuple[str, ...]
    fault: str

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "id": self.id,
            "published": self.published.isoformat(timespec="seconds"),
            "running": self.running,
            "files": self.files,
            "bytes": self.size,
            "shared": self.shared,
            "own": self.own,
            "missing": list(self.missing),
            "error": self.fault or None,
        }

    def row(self) -> tuple[str, ...]:
        """Return it as a row of a table."""
        numbers = (f"{self.files:,}", *map(format_size, (self.size, self.shared, self.own)))
        mark = " *" if self.running else ""
        return (
            f"{self.id}{mark}",
            format_time(self.published),
            *(numbers if not self.fault else "????"),
        )

    def remarks(self) -> list[str]:
        """Return what is wrong with it."""
        if self.fault:
            return [self.fault]
        if not self.missing:
            return []
        return [
            f"release {self.id} lacks {len(self.missing)} of its files, such as {self.missing[0]}; "
            "publish it again"
        ]


def list_entries(survey: Survey, listing: Mapping[str, Stored], running: str | None) -> list[Entry]:
    """Return the releases, newest first."""
    users = Counter(name for release in survey.releases.values() for name in release.assets)

    def size(names: Iterable[str]) -> int:
        return sum(listing[name].size for name in names)

    def entry(release: Any) -> Entry:
        there = [name for name in release.assets if name in listing]
        own = size(name for name in there if users[name] == 1)
        missing = tuple(sorted(name for name in release.assets if name not in listing))
        total = size(there)
        return Entry(
            release.id,
            release.published,
            release.id == running,
            len(release.assets),
            total,
            total - own,
            own,
            missing,
            release.fault,
        )

    return [entry(release) for release in survey.newest_first()]


def format_table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 2) -> list[str]:
    """Return lines of columns as wide as they have to be, all but the first few right-aligned."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def format_time(moment: datetime) -> str:
    """Return a time for a table."""
    return f"{moment:%Y-%m-%d %H:%M}"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun, as a person says it."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_size(number: int) -> str:
    """Return a number of bytes for a table."""
    size = float(number)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
