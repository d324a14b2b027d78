"""docs/faults.md names every way in which the tests break a publish, and no other."""

from __future__ import annotations

from tests.docs.markdown import Document
from tests.docs.project import ROOT
from tests.unit.skewproof.injection import HEAD, disk_kinds, network_kinds

PATH = ROOT / "docs" / "faults.md"


def test_the_table_of_faults_has_the_ways_of_the_test_and_no_violation() -> None:
    text = PATH.read_text()
    table = text.partition("<!-- faults: begin")[2].partition("<!-- faults: end")[0]
    head, *rows = Document(PATH, table).rows
    assert head[0] == HEAD
    assert [row[0] for row in rows] == list(
        dict.fromkeys(kind.name for kind in (*network_kinds(), *disk_kinds()))
    )
    broken = {kind.name: column for kind in disk_kinds() for column in [head.index("directory")]}
    assert all(int(row[broken[row[0]]]) > 0 for row in rows if row[0] in broken)
    networks = {kind.name for kind in network_kinds()}
    assert all(all(map(int, row[2:])) for row in rows if row[0] in networks)
    assert ", 0 violations" in table


def test_each_mutant_that_survives_is_of_code_that_is_there_and_has_a_reason() -> None:
    text = PATH.read_text()
    table = text.partition("<!-- mutants: begin")[2].partition("<!-- mutants: end")[0]
    _, *rows = Document(PATH, table).rows
    for module, survivor, reason in rows:
        before, _, after = survivor.partition(" → ")
        assert before.strip("`") in (ROOT / module.strip("`")).read_text(), survivor
        assert after.strip("`") not in ("", before.strip("`"))
        assert reason.endswith(".")


def test_each_mutant_that_was_made_by_hand_names_the_tests_that_kill_it() -> None:
    table = Document(PATH, PATH.read_text()).section("Mutants")
    head, *rows = [row for row in table.rows if "`test_" in row[-1] or row[-1] == "killed by"]
    assert head[-1] == "killed by"
    assert len(rows) == 16
    tests = {file.name for file in (ROOT / "tests").rglob("test_*.py")}
    assert all(name.strip("`") in tests for row in rows for name in row[-1].split(", "))
