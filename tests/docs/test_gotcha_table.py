"""The README's table of strategies is whole, and agrees with itself.

That it agrees with what happens is for tests/engine/test_readme_table.py, on every engine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.docs.gotcha_table import (
    BY_LUCK,
    LUCK,
    README,
    STRATEGIES,
    cell,
    columns,
    find_stale,
    render,
    section,
    write,
)
from tests.docs.markdown import Document

from lab.judge.checkers import CHECKERS
from lab.judge.findings import Status, find_worst
from lab.strategies import COMPARED as KNOWN

if TYPE_CHECKING:
    from pathlib import Path

PASSED = {checker.name: "PASS" for checker in CHECKERS}


def stated() -> dict[str, dict[str, str]]:
    """What the table says, by strategy and checker, the verdict among them."""
    head, *rows = Document(README, section(README.read_text())).rows
    promises = {checker.promise: checker.name for checker in CHECKERS}
    return {
        strategy.strip("`"): {
            promises.get(promise, promise): cells[number].strip("*") for promise, *cells in rows
        }
        for number, strategy in enumerate(head[1:])
    }


def test_the_table_has_every_strategy_and_every_checker_in_order() -> None:
    names = [*(checker.name for checker in CHECKERS), "**verdict**"]
    assert set(STRATEGIES) == set(KNOWN)
    assert list(stated()) == list(STRATEGIES)
    assert all(list(column) == names for column in stated().values())


def shown(command: str) -> str:
    """The output that the README shows for a command."""
    fences = Document(README, README.read_text()).fences
    (found,) = (fence.content for fence in fences if fence.commands == [command])
    return found


def test_the_output_shown_for_make_gotcha_says_the_same_as_the_table() -> None:
    output, table = shown("make gotcha"), stated()
    assert re.search(rf"^ +{' +'.join(STRATEGIES)}$", output, re.MULTILINE)
    for checker in CHECKERS:
        line = re.search(rf"^  {checker.name} +(.*)$", output, re.MULTILINE)
        assert line
        statuses = re.findall(r"(PASS|FAIL|UNKNOWN|n/a)(?: [\d,]+)?", line[1])
        for strategy, status in zip(STRATEGIES, statuses, strict=True):
            assert cell(checker.name, strategy, status) == table[strategy][checker.name]


def test_the_output_shown_for_make_rollout_has_every_checker_pass() -> None:
    output = shown("make rollout")
    for checker in CHECKERS:
        assert re.search(rf"^  {checker.name} +PASS +[\d,]+ +0$", output, re.MULTILINE)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_verdict_follows_from_its_column(strategy: str) -> None:
    column = stated()[strategy]
    verdict = column.pop("**verdict**")
    lucky = {name for name, word in column.items() if word == LUCK}

    assert lucky == {name for name, each in BY_LUCK if each == strategy}
    certain = [Status(word) for name, word in column.items() if name not in lucky]
    assert find_worst(certain) == verdict


def test_a_stale_cell_is_seen() -> None:
    said = {**PASSED, "asset resolves": LUCK, "**verdict**": "PASS"}
    came = {**PASSED, "asset resolves": "FAIL", "**verdict**": "PASS"}
    assert find_stale(said, came, "versioned") == []
    assert find_stale(said, {**came, "append-only": "FAIL"}, "versioned") == [
        "append-only under versioned: the table says PASS, it came to FAIL"
    ]
    assert find_stale(said, came, "skewproof") == [
        "asset resolves under skewproof: the table says by luck, it came to FAIL"
    ]


def test_writing_replaces_the_table_and_nothing_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README.read_text())
    shared = {**PASSED, "page answers": "FAIL", "asset resolves": "FAIL"}
    outcomes = {"shared": shared, "versioned": PASSED, "skewproof": PASSED}
    write(outcomes, readme)

    before, after = README.read_text(), readme.read_text()
    assert "| every page answers 200 | **FAIL** | PASS | PASS |" in after
    assert "| every asset that a page names is there | by luck | by luck | PASS |" in after
    assert "| **verdict** | **FAIL** | PASS | PASS |" in after
    assert before.replace(section(before), "") == after.replace(section(after), "")


@pytest.mark.parametrize("text", ["no table", README.read_text() * 2])
def test_a_readme_without_the_one_table_is_seen(text: str) -> None:
    with pytest.raises(LookupError, match=r"README.md has [02] parts"):
        section(text)


def test_a_checker_that_knows_nothing_is_never_called_luck() -> None:
    unknown = {**PASSED, "asset resolves": "UNKNOWN"}
    found = columns({"shared": unknown, "versioned": PASSED, "skewproof": PASSED})
    assert "UNKNOWN" in found["shared"]
    assert LUCK not in found["shared"]
    assert "UNKNOWN" in render({"shared": unknown, "versioned": PASSED, "skewproof": PASSED})
