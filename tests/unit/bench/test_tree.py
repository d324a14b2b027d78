from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from bench import tree

if TYPE_CHECKING:
    from pathlib import Path

FILES = 60


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_number_of_files_is_the_same_tree_everywhere(tmp_path: Path) -> None:
    tree.write_tree(tmp_path, FILES)
    found = contents(tmp_path)
    digest = hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()
    # Whoever changes the tree makes all results that were written down results of another one.
    assert digest[:16] == "da5ef9570ecacc43"
    assert len(found) == FILES


@pytest.mark.parametrize("files", [0, 1, 299, 300, 3000])
def test_a_tree_has_as_many_files_as_it_should_and_no_name_twice(files: int) -> None:
    names = tree.names(files)
    assert len(names) == len(set(names)) == files


def test_every_reference_names_a_file_of_the_tree(tmp_path: Path) -> None:
    tree.write_tree(tmp_path, FILES)
    pattern = re.compile(rb"(?:url\(|@import \"|sourceMappingURL=)([^)\"\s]+)")
    references = [
        (tmp_path / name).parent / found.decode()
        for name, content in contents(tmp_path).items()
        for found in pattern.findall(content)
    ]
    assert len(references) > FILES
    assert [path for path in references if not path.is_file()] == []


def test_files_have_the_size_that_they_should(tmp_path: Path) -> None:
    tree.write_tree(tmp_path, FILES)
    sizes = [len(body) for name, body in contents(tmp_path).items() if not name.endswith(".map")]
    assert min(sizes) > 0.8 * tree.SMALLEST
    assert max(sizes) < 1.2 * tree.LARGEST


def test_a_change_changes_so_many_files_and_makes_them_newer(tmp_path: Path) -> None:
    tree.write_tree(tmp_path, FILES)
    before = contents(tmp_path)
    tree.change(tmp_path, FILES, 3, 1, tree.LONG_AGO + 60)
    after = contents(tmp_path)
    changed = {name for name in after if after[name] != before[name]}
    newer = {name for name in after if (tmp_path / name).stat().st_mtime > tree.LONG_AGO}
    assert len(changed) == 3
    assert newer == changed == set(tree.changed_names(FILES, 3))
