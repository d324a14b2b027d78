"""The source maps of the releases fit their files.

Nothing compiles the files of the demo, so a map is line for line. After an edit, write them again:
``python tests/unit/shop/test_source_maps.py``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

RELEASES = Path(__file__).parents[3] / "app" / "releases"
COMMENT = re.compile(r"^(?://#|/\*#) sourceMappingURL=(\S+?)(?: \*/)?\n\Z", re.MULTILINE)


def commented_files() -> list[Path]:
    """Return every file that names a source map."""
    found = (path for path in sorted(RELEASES.rglob("*")) if path.suffix in (".css", ".js"))
    return [path for path in found if COMMENT.search(path.read_text("utf-8"))]


def source_map(path: Path) -> str:
    """Return the map of a file onto itself, as it was without the comment."""
    source = COMMENT.sub("", path.read_text("utf-8"))
    folder = path.parent.name
    content = {
        "version": 3,
        "file": path.name,
        "sources": [f"ebb-and-ember/{folder}/{path.name}"],
        "sourcesContent": [source],
        "names": [],
        # Column 0 of each line is column 0 of the same line: https://tc39.es/ecma426/
        "mappings": ";".join(["AAAA"] + ["AACA"] * (source.count("\n") - 1)),
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def map_file(path: Path) -> Path:
    """Return the file that the comment names."""
    comment = COMMENT.search(path.read_text("utf-8"))
    assert comment
    return path.with_name(comment[1])


@pytest.mark.parametrize(
    "path", commented_files(), ids=lambda path: str(path.relative_to(RELEASES))
)
def test_a_source_map_shows_the_file_as_it_is(path: Path) -> None:
    assert map_file(path).read_text("utf-8") == source_map(path), f"write it again: {__doc__}"


def test_there_are_maps_for_stylesheets_and_scripts_of_both_releases() -> None:
    kinds = {(path.parts[len(RELEASES.parts)], path.suffix) for path in commented_files()}
    assert kinds == {("v1", ".css"), ("v1", ".js"), ("v2", ".css"), ("v2", ".js")}


def test_no_map_is_left_behind_by_a_file_that_went() -> None:
    assert set(RELEASES.rglob("*.map")) == {map_file(path) for path in commented_files()}


if __name__ == "__main__":
    for file in commented_files():
        map_file(file).write_text(source_map(file), "utf-8")
