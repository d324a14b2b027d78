"""Which folders of a large bucket are worth listing side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MANY = 4000  # names in a folder; below that, one page after another is as fast
FEW = 1000  # names in each folder of it, so that most requests bring a full page


def find_splits(names: Iterable[str]) -> set[str]:
    """Return the folders whose own folders are to be listed side by side; the root is empty.

    What is split takes a request of its own, and at least one for each folder in it.
    """
    totals: Counter[str] = Counter()
    inside: dict[str, set[str]] = defaultdict(set)
    for folder, number in Counter(get_folder(name) for name in set(names)).items():
        totals[folder] += number
        below = folder
        while below:
            above = get_folder(below)
            inside[above].add(below)
            totals[above] += number
            below = above
    splits, waiting = set(), [""]
    while waiting:
        folder = waiting.pop()
        if totals[folder] > MANY and totals[folder] >= FEW * len(inside[folder]) > 0:
            splits.add(folder)
            waiting += inside[folder]
    return splits


def get_folder(name: str) -> str:
    """Return the folder that a name is in, empty for the root."""
    return name.rpartition("/")[0]
