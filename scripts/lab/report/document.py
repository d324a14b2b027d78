"""What a report says, before it has a form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab import checkout
from lab.errors import LabError
from lab.history import HistoryError, read_history
from lab.judge.checkers import Evidence
from lab.judge.findings import Finding, Status, find_worst
from lab.judge.verdict import Verdict, conclude_comparison, judge_run
from lab.matrix.result import Result, conclude_cells
from lab.report.marks import Mark, mark_events
from lab.report.pictures import Picture, find_pictures
from lab.report.sources import Source
from lab.report.tables import Table
from lab.report.timeline import count_sightings, serving_over_time
from lab.strategies import COMPARED, CONTROL, CURE

KINDS = 6
"""Kinds of fault of which a report shows evidence, for each checker."""


@dataclass(frozen=True)
class Proof:
    """Evidence of one kind of fault, and how often it was seen."""

    checker: str
    kind: str
    times: int
    evidence: Evidence

    @property
    def count(self) -> str:
        """How often, for reading."""
        return f"{self.times:,}"

    @property
    def at(self) -> str:
        """When it was seen, in seconds."""
        return f"{self.evidence.t:.2f}"


@dataclass(frozen=True)
class Chapter:
    """One run.

    Attributes:
        name: what it is called in links.
        title: what a reader calls it.
        status: what it came to.
        cell: what the matrix says of it, where it is a cell of one.
        verdict, sightings, serving, marks: from its history, where there is one.
        missing: why there is none.
        pictures: what visitors saw, where that was not as it should be and somebody took pictures.
        file: the history, as one would type it here.
    """

    name: str
    title: str
    status: Status
    cell: Result | None = None
    verdict: Verdict | None = None
    sightings: Table | None = None
    serving: Table | None = None
    marks: tuple[Mark, ...] = ()
    missing: str | None = None
    file: str | None = None
    pictures: tuple[Picture, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took, by its last fetch."""
        if not self.sightings or not self.sightings.rows:
            return 0.0
        return float(self.sightings.rows[-1][0] or 0) + (self.sightings.step or 0)

    @property
    def proofs(self) -> list[Proof]:
        """The evidence that is shown."""
        found = self.verdict.findings if self.verdict else ()
        return [proof for finding in found for proof in proofs_of(finding)]


@dataclass(frozen=True)
class Report:
    """All of it, and what follows."""

    status: Status
    why: str
    chapters: tuple[Chapter, ...]

    @property
    def cells(self) -> list[Result]:
        """The cells, where it is about a matrix."""
        return [each.cell for each in self.chapters if each.cell]


def write_report(sources: Iterable[Source], wanted: int = 0) -> Report:
    """Judge every history again, one after another, and say what follows.

    Args:
        sources: the runs.
        wanted: how many cells of a matrix there should be among them, if more than there are.
    """
    chapters = tuple(chapter_of(source) for source in sources)
    return Report(*outcome(chapters, wanted), name_apart(chapters))


def chapter_of(source: Source) -> Chapter:
    """Judge one run.

    Raises:
        LabError: its history cannot be read, and nothing else is known of it.
    """
    cell, history = source.result, source.history
    if cell and not history:
        return Chapter(cell_name(cell), cell_title(cell), cell.status, cell)
    try:
        return chapter_from(Path(history or ""), cell)
    except LabError as error:
        if not cell:
            raise
        missing = f"no timeline: {error}"
        return Chapter(cell_name(cell), cell_title(cell), cell.status, cell, missing=missing)


def chapter_from(history: Path, cell: Result | None) -> Chapter:
    """Judge one history.

    Raises:
        LabError: it is none.
    """
    try:
        run = read_history(history)
    except HistoryError as error:
        raise LabError(str(error)) from error
    if run.header is None:
        raise LabError(f"{history} is no history, for no line of it says what ran")
    verdict = judge_run(run, history=str(history))
    header = run.header
    whose = f"with {header.strategy}" if header.strategy else f"of {header.base}"
    status = cell.status if cell else verdict.status
    return Chapter(
        cell_name(cell) if cell else f"{header.strategy or 'site'}.{header.action}",
        cell_title(cell) if cell else f"{header.action} {whose}",
        status,
        cell,
        verdict,
        count_sightings(run, verdict),
        serving_over_time(run),
        mark_events(run),
        file=as_typed(history),
        pictures=tuple(find_pictures(run, history)) if status == Status.FAIL else (),
    )


def as_typed(history: Path) -> str:
    """A history without the folders above the lab's, which are nobody's business."""
    path = history.resolve()
    return str(path.relative_to(checkout.ROOT)) if path.is_relative_to(checkout.ROOT) else path.name


def cell_name(cell: Result) -> str:
    """What a cell is called in links."""
    return f"{cell.strategy}.{cell.scenario}"


def cell_title(cell: Result) -> str:
    """What a reader calls a cell."""
    return f"{cell.strategy} × {cell.scenario}"  # noqa: RUF001 - times


def name_apart(chapters: Sequence[Chapter]) -> tuple[Chapter, ...]:
    """Give chapters of the same name a number."""
    names: dict[str, int] = {}
    apart = []
    for each in chapters:
        plain = re.sub(r"[^\w.-]+", "-", each.name)
        names[plain] = number = names.get(plain, 0) + 1
        apart.append(replace(each, name=plain if number == 1 else f"{plain}-{number}"))
    return tuple(apart)


def outcome(chapters: Sequence[Chapter], wanted: int) -> tuple[Status, str]:
    """What all of it proves: of a matrix and of a comparison, as their commands say it."""
    cells = [each.cell for each in chapters if each.cell]
    if cells or wanted:
        return conclude_cells(cells, max(wanted, len(cells)))
    verdicts = {
        each.verdict.header.strategy: each.verdict
        for each in chapters
        if each.verdict and each.verdict.header and each.verdict.header.strategy
    }
    if len(verdicts) == len(chapters) and {CONTROL, CURE} <= {*verdicts}:
        return conclude_comparison(
            {str(name): verdict for name, verdict in verdicts.items()}, COMPARED, CURE, CONTROL
        )
    status = find_worst(each.status for each in chapters)
    whole = f"{len(chapters)} runs" if len(chapters) > 1 else chapters[0].title
    return status, whole


def proofs_of(finding: Finding) -> Iterator[Proof]:
    """The first evidence of the commonest kinds, and the last of all."""
    shown = [*finding.samples.items()][:KINDS]
    for kind, evidence in shown:
        yield Proof(finding.checker, kind, finding.kinds[kind], evidence)
    last = finding.last
    if last and all(last != evidence for _kind, evidence in shown):
        yield Proof(finding.checker, f"{last.kind}, the last of all", 1, last)
