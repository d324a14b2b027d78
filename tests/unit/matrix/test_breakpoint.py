from __future__ import annotations

import pytest

from lab.matrix.breakpoint import Breakpoint

USED = frozenset({"static/css/site.111111111111.css"})
PLAIN, SITE = "static/css/site.css", "static/css/site.111111111111.css"
NEW, MANIFEST = "static/css/site.222222222222.css", "static/staticfiles.json"
STOCK = [
    *[("delete", PLAIN), ("write", PLAIN), ("write", NEW)],
    *[("delete", SITE), ("write", SITE), ("delete", MANIFEST), ("write", MANIFEST)],
]
"""What stock collectstatic does, in its order."""
ADDS = [("write", NEW), ("write", "releases/v2/staticfiles.json")]


def stops(point: Breakpoint, operations: list[tuple[str, str]]) -> list[str]:
    return [key for operation, key in operations if point.is_hit(operation, key)]


@pytest.mark.parametrize(
    ("point", "key"),
    [
        (Breakpoint(at="rewrite", used=USED), SITE),
        (Breakpoint(at="manifest gap"), MANIFEST),
        (Breakpoint(at="half-way", after=1), NEW),
        (Breakpoint(at="last"), MANIFEST),
        (Breakpoint(at="last", manifest=False, after=2), SITE),
    ],
)
def test_a_publish_is_stopped_once_and_at_the_right_write(point: Breakpoint, key: str) -> None:
    assert stops(point, STOCK * 2) == [key]


def test_the_last_thing_is_what_is_done_to_the_manifest_first() -> None:
    point = Breakpoint(at="last")
    assert [point.is_hit(*each) for each in STOCK].index(True) == STOCK.index(("delete", MANIFEST))


@pytest.mark.parametrize(
    "point", [Breakpoint(at="rewrite", used=USED), Breakpoint(at="manifest gap")]
)
def test_a_publish_that_only_adds_has_no_such_moment(point: Breakpoint) -> None:
    assert stops(point, ADDS) == []


def test_a_file_that_nobody_uses_may_be_written_again() -> None:
    assert stops(Breakpoint(at="rewrite", used=USED), [("delete", PLAIN), ("write", PLAIN)]) == []
