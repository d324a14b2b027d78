"""What a report says, before it has a form."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab import checkout
from lab.camera import SUFFIX
from lab.errors import LabError
from lab.history import Run, read_history
from lab.judge.evidence import Evidence
from lab.judge.findings import Finding, Status, find_worst
from lab.judge.verdict import Verdict, conclude_comparison, judge_run
from lab.matrix.result import Result, conclude_cells
from lab.report.sources import Source
from lab.report.timeline import Mark, Table, count_sightings, mark_events, tabulate_serving
from lab.strategies import COMPARED, CONTROL, CURE

KINDS = 6
"""Kinds of fault of which a report shows evidence, for each checker."""


PICTURE_BYTES = 1 << 20
"""Bytes of a picture; those of the lab have some 10,000."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Evidence of one kind of fault, and how often it was seen."""

    checker: str
    kind: str
    times: int
    evidence: Evidence

    @property
    def count(self) -> str:
        """Return how often it was seen, for reading."""
        return f"{self.times:,}"

    @property
    def at(self) -> str:
        """Return when it was seen, in seconds."""
        return f"{self.evidence.t:.2f}"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What a release looked like, as URLs that hold the pictures.

    Attributes:
        release: whose page it is.
        t: when it was taken, in seconds.
        served: as it was served.
        whole: as it should be.
    """

    release: str
    t: float
    served: str
    whole: str | None

    @property
    def at(self) -> str:
        """Return when it was taken, for reading."""
        return f"{self.t:.2f}"


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One run.

    Attributes:
        name: what it is called in links.
        title: what a reader calls it.
        status: what it came to.
        cell: what the matrix says of it, where it is a cell of one.
        verdict, sightings, serving, marks: from its history, where there is one.
        missing: why there is none.
        pictures: what visitors saw, where that was not as it should be and pictures were taken.
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
        """Return how long the run took, by its last fetch."""
        if not self.sightings or not self.sightings.rows:
            return 0.0
        return float(self.sightings.rows[-1][0] or 0) + (self.sightings.step or 0)

    @property
    def proofs(self) -> list[Proof]:
        """Return the evidence that is shown."""
        found = self.verdict.findings if self.verdict else ()
        return [proof for finding in found for proof in iterate_proofs(finding)]


@dataclass(frozen=True)
class Report:
    """All of it, and what follows."""

    status: Status
    why: str
    chapters: tuple[Chapter, ...]

    @property
    def cells(self) -> list[Result]:
        """Return the cells, where the report is about a matrix."""
        return [each.cell for each in self.chapters if each.cell]


def make_report(sources: Iterable[Source], wanted: int = 0) -> Report:
    """Judge every history again, one after another, and say what follows.

    Args:
        sources: the runs.
        wanted: how many cells of a matrix there should be among them, if more than there are.
    """
    chapters = tuple(judge_source(source) for source in sources)
    return Report(*conclude(chapters, wanted), name_apart(chapters))


def judge_source(source: Source) -> Chapter:
    """Judge one run.

    Raises:
        LabError: its history cannot be read, and nothing else is known of it.
    """
    cell, history = source.result, source.history
    if cell and not history:
        return Chapter(name=name_cell(cell), title=title_cell(cell), status=cell.status, cell=cell)
    try:
        return judge_file(Path(history or ""), cell)
    except LabError as error:
        if not cell:
            raise
        missing = f"no timeline: {error}"
        return Chapter(
            name=name_cell(cell),
            title=title_cell(cell),
            status=cell.status,
            cell=cell,
            missing=missing,
        )


def judge_file(history: Path, cell: Result | None) -> Chapter:
    """Judge one history.

    Raises:
        LabError: it is none.
    """
    run = read_history(history)
    if run.header is None:
        raise LabError(f"{history} is no history, for no line of it says what ran")
    verdict = judge_run(run, history=str(history))
    header = run.header
    whose = f"with {header.strategy}" if header.strategy else f"of {header.base}"
    status = cell.status if cell else verdict.status
    return Chapter(
        name=name_cell(cell) if cell else f"{header.strategy or 'site'}.{header.action}",
        title=title_cell(cell) if cell else f"{header.action} {whose}",
        status=status,
        cell=cell,
        verdict=verdict,
        sightings=count_sightings(run, verdict),
        serving=tabulate_serving(run),
        marks=mark_events(run),
        file=display_history(history),
        pictures=tuple(find_pictures(run, history)) if status == Status.FAIL else (),
    )


def display_history(history: Path) -> str:
    """Return a history's path without the folders above the checkout, which are private."""
    path = history.resolve()
    return str(path.relative_to(checkout.ROOT)) if path.is_relative_to(checkout.ROOT) else path.name


def name_cell(cell: Result) -> str:
    """Return what a cell is called in links."""
    return f"{cell.strategy}.{cell.scenario}"


def title_cell(cell: Result) -> str:
    """Return what a reader calls a cell."""
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


def conclude(chapters: Sequence[Chapter], wanted: int) -> tuple[Status, str]:
    """Return what all chapters prove together, as the commands for a matrix and a comparison do."""
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


def iterate_proofs(finding: Finding) -> Iterator[Proof]:
    """Yield the first evidence of the commonest kinds, and the last of all."""
    shown = [*finding.samples.items()][:KINDS]
    for kind, evidence in shown:
        yield Proof(
            checker=finding.checker, kind=kind, times=finding.kinds[kind], evidence=evidence
        )
    last = finding.last
    if last and all(last != evidence for _kind, evidence in shown):
        yield Proof(
            checker=finding.checker, kind=f"{last.kind}, the last of all", times=1, evidence=last
        )


def find_pictures(run: Run, history: Path) -> Iterator[Picture]:
    """Yield the first picture of each release that is not what it should be, to the byte.

    One browser draws one page twice alike, to the byte: pictures that differ, differ to the eye.
    """
    found: set[str] = set()
    for event in run.events:
        release, name = event.release, event.detail.get("picture")
        if event.event != "pictured" or not release or release in found:
            continue
        served = read_picture(history.parent, str(name))
        whole = read_picture(history.parent.parent, f"{release}{SUFFIX}")
        if served and served != whole:
            found.add(release)
            yield Picture(release=release, t=event.t, served=served, whole=whole)


def read_picture(folder: Path, name: str) -> str | None:
    """Return a picture as a URL; None where there is none, for a history may name any file."""
    if Path(name).name != name or not name.endswith(SUFFIX):
        return None
    try:
        with (folder / name).open("rb") as file:
            content = file.read(PICTURE_BYTES + 1)
    except (OSError, ValueError):
        return None
    if len(content) > PICTURE_BYTES or content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None
    return f"data:image/webp;base64,{b64encode(content).decode()}"
