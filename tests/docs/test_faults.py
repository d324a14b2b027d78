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
