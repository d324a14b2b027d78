from __future__ import annotations

import pytest

from lab.matrix.gate import Gate

USED = frozenset({"static/css/site.111111111111.css"})
PLAIN, SITE = "static/css/site.css", "static/css/site.111111111111.css"
NEW, MANIFEST = "static/css/site.222222222222.css", "static/staticfiles.json"
STOCK = [
    *[("delete", PLAIN), ("write", PLAIN), ("write", NEW)],
    *[("delete", SITE), ("write", SITE), ("delete", MANIFEST), ("write", MANIFEST)],
]
"""What stock collectstatic does, in its order."""
ADDS = [("write", NEW), ("write", "releases/v2/staticfiles.json")]


def stops(gate: Gate, operations: list[tuple[str, str]]) -> list[str]:
    return [key for operation, key in operations if gate.stops(operation, key)]


@pytest.mark.parametrize(
    ("gate", "key"),
    [
        (Gate("rewrite", USED), SITE),
        (Gate("manifest gap"), MANIFEST),
        (Gate("half-way", after=1), NEW),
        (Gate("last"), MANIFEST),
        (Gate("last", manifest=False, after=2), SITE),
    ],
)
def test_a_publish_is_stopped_once_and_at_the_right_write(gate: Gate, key: str) -> None:
    assert stops(gate, STOCK * 2) == [key]


def test_the_last_thing_is_what_is_done_to_the_manifest_first() -> None:
    gate = Gate("last")
    assert [gate.stops(*each) for each in STOCK].index(True) == STOCK.index(("delete", MANIFEST))


@pytest.mark.parametrize("gate", [Gate("rewrite", USED), Gate("manifest gap")])
def test_a_publish_that_only_adds_has_no_such_moment(gate: Gate) -> None:
    assert stops(gate, ADDS) == []


def test_a_file_that_nobody_uses_may_be_written_again() -> None:
    assert stops(Gate("rewrite", USED), [("delete", PLAIN), ("write", PLAIN)]) == []
