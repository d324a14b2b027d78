"""What README and docs/ name is there, and what is there is in the README."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .checks import CHECKS, Check, check_completeness, check_defaults
from .markdown import Document
from .project import ROOT, list_files, read_project

DOCUMENTS = [path.relative_to(ROOT) for path in list_files() if path.suffix == ".md"]
README = Document(Path("README.md"), (ROOT / "README.md").read_text())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_what_a_document_names_is_there(path: Path, check: Check) -> None:
    document = Document(path, (ROOT / path).read_text())
    assert not list(check(document, read_project()))


def test_the_readme_names_every_target_command_and_variable() -> None:
    assert not list(check_completeness(README, read_project()))


def test_the_defaults_in_the_readme_are_those_of_the_files() -> None:
    assert not list(check_defaults(README, read_project()))


def test_the_layout_names_what_is_there() -> None:
    (layout,) = README.section("Layout").fences
    named = [line.split()[0] for line in layout.content.splitlines()]
    assert all((ROOT / name).is_dir() for name in named)
    tops = {path.relative_to(ROOT).parts[0] for path in list_files() if path.parent != ROOT}
    assert {name.split("/")[0] for name in named} == tops - {".ci"}


def test_the_section_on_tests_names_every_folder_of_tests() -> None:
    folders = {path.relative_to(ROOT).parts[1] for path in list_files() if is_test(path)}
    named = set(README.section("Tests").codes)
    assert {f"tests/{folder}/" for folder in folders} <= named


def is_test(path: Path) -> bool:
    return path.is_relative_to(ROOT / "tests") and path.name.startswith("test_")


def test_the_readme_is_installed_as_the_description_of_the_package() -> None:
    assert 'readme = "README.md"' in (ROOT / "pyproject.toml").read_text()


def test_make_help_lists_every_target_in_columns_that_line_up() -> None:
    command = [str(shutil.which("make")), "-s", "help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    listed = [line.split(maxsplit=2) for line in lines]

    assert {name: text for _, name, text in listed} == read_project().targets
    assert len({line.index(text) for line, (*_, text) in zip(lines, listed, strict=True)}) == 1
    assert max(map(len, lines)) <= 100
