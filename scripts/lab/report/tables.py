"""The numbers of a report, as tables; charts are drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Number = int | float | None


@dataclass(frozen=True)
class Column:
    """What a column says, the chart that shows it, and in which tone."""

    title: str
    chart: str
    tone: str


@dataclass(frozen=True)
class Table:
    """Numbers over time.

    Attributes:
        columns: beside the first, which has the time in seconds.
        rows: one for each step of time in which something happened; None where there is no number.
        step: seconds from one row to the next; None where a row holds until the next.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Number, ...], ...]
    step: float | None = None

    @property
    def title(self) -> str:
        """What it has, for whom charts say nothing."""
        if self.step is None:
            return "Traffic and replicas by time"
        return f"Fetches and latency by time, in steps of {self.step:g} s"

    def charts(self) -> tuple[str, ...]:
        """The charts that show it."""
        return tuple(dict.fromkeys(column.chart for column in self.columns))

    def biggest(self, chart: str) -> float:
        """The greatest number that a chart shows."""
        wanted = [index for index, each in enumerate(self.columns, 1) if each.chart == chart]
        return max((row[index] or 0 for row in self.rows for index in wanted), default=0)


def drop_empty(columns: Sequence[Column], rows: Sequence[Sequence[Number]]) -> Table:
    """A table without the columns that have nothing but zeros."""
    kept = [index for index in range(1, len(columns) + 1) if any(row[index] for row in rows)]
    return Table(
        tuple(columns[index - 1] for index in kept),
        tuple((row[0], *(row[index] for index in kept)) for row in rows),
    )
