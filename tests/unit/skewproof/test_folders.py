"""A large bucket is listed folder by folder, side by side, and nothing is overlooked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from skewproof.stores import folders
from skewproof.stores.folders import FEW, MANY, find_splits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.skewproof.project import Project


def spread(number: int, *places: str) -> Iterator[str]:
    """Yield so many names, evenly in some folders."""
    return (f"{places[each % len(places)]}/{each}.css" for each in range(number))


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        ([], set()),
        (spread(MANY, "a", "b"), set()),
        (spread(MANY + 1, "a", "b"), {""}),
        (spread(MANY + 1, "site"), {""}),  # nobody knows what else is there
        (spread(MANY + 1, "site/a", "site/b"), {"", "site"}),
        (spread(MANY + 1, "site/a", "b"), {""}),
        (spread(3 * MANY, "a/b/c", "a/b/d"), {"", "a", "a/b"}),
        (spread(MANY + 1, *(f"site/{each}" for each in range(MANY // FEW + 1))), {""}),
        ((f"{each}.css" for each in range(MANY + 1)), set()),
        (["/a", "b//c"] * MANY, set()),  # the same ones
    ],
)
def test_what_is_large_is_split_unless_its_folders_are_small(
    names: Iterator[str], splits: set[str]
) -> None:
    assert find_splits(names) == splits


@pytest.mark.usefixtures("everywhere")
def test_a_listing_by_folders_is_that_of_the_whole(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.publish("v1")
    with project.active("v1"):
        store = project.storage().open_store(0)
        whole = store.list_assets()
        monkeypatch.setattr(folders, "MANY", 0)
        monkeypatch.setattr(folders, "FEW", 0)
        assert len(whole) == 14 + 1  # the claim
        assert store.list_assets(whole) == whole
        assert store.list_assets(["css/a.css"]) == whole
