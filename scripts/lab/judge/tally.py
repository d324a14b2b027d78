"""Counts by release: what its pages met."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.judge.evidence import is_refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.history import Fetch, Run
    from lab.judge.findings import Finding

BREAKAGE = ("page answers", "asset resolves", "body matches hash", "type fits")
"""The checkers whose faults mean that a thing did not come, or not as something of use."""


@dataclass(slots=True)
class Tally:
    """What the pages of one release met.

    An asset counts once for every page that needed it, requested or reused. `broken_assets` did
    not come, or came damaged or as something that a browser refuses; `wrong` ones came well but
    are another release's. `polls` are those of assets that were watched. `refused` counts requests
    of any kind, which count nowhere else.
    """

    pages: int = 0
    broken_pages: int = 0
    assets: int = 0
    broken_assets: int = 0
    wrong: int = 0
    polls: int = 0
    broken_polls: int = 0
    refused: int = 0
    requests: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))


def tally(run: Run, findings: Iterable[Finding]) -> Mapping[str | None, Tally]:
    """Return what each release's pages met; under None what named no release."""
    broken, wrong = faults_of(findings)
    tallies: defaultdict[str | None, Tally] = defaultdict(Tally)
    for index, fetch in enumerate(run.fetches):
        counts = tallies[fetch.release]
        counts.requests += not fetch.cached
        _count(counts, fetch, is_broken=index in broken, is_wrong=index in wrong)
    return dict(sorted(tallies.items(), key=lambda item: (item[0] is None, item[0] or "")))


def faults_of(findings: Iterable[Finding]) -> tuple[frozenset[int], frozenset[int]]:
    """Return the indices of the fetches that brought nothing of use, and of another release's."""
    faulty = {finding.checker: finding.faulty for finding in findings}
    broken = frozenset().union(*(faulty.get(name, frozenset()) for name in BREAKAGE))
    return broken, faulty.get("asset of its release", frozenset())


def _count(counts: Tally, fetch: Fetch, *, is_broken: bool, is_wrong: bool) -> None:
    if is_refused(fetch):
        counts.refused += not fetch.cached
    elif fetch.role == "page":
        counts.pages += 1
        counts.broken_pages += is_broken
    elif fetch.how == "watch":
        counts.polls += 1
        counts.broken_polls += is_broken or is_wrong
    elif fetch.how != "absent":
        counts.assets += 1
        counts.broken_assets += is_broken
        counts.wrong += is_wrong and not is_broken
