"""What a document names is there, and what is there is named where one looks for it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.docs.checks import CHECKS, WHOLE, Check
from tests.docs.project import ROOT, list_files, read_document, read_project

DOCUMENTS = [path.relative_to(ROOT) for path in list_files() if path.suffix == ".md"]
# Those that the README leads to; other documents lead to the rest.
LINKED = [
    path for path in DOCUMENTS if path.parts[:-1] in ((), ("docs",)) and path.stem != "README"
]
MAPS = [("The app", "app/skewproof"), ("The lab", "scripts/lab")]


CONTRIBUTING = read_document("CONTRIBUTING.md")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_what_a_document_names_is_there(path: Path, check: Check) -> None:
    assert not list(check(read_document(path), read_project()))


@pytest.mark.parametrize(("path", "check"), WHOLE)
def test_a_document_that_lists_something_lists_all_of_it(path: str, check: Check) -> None:
    assert not list(check(read_document(path), read_project()))


def test_the_readme_leads_to_every_document() -> None:
    linked = set(read_document("README.md").section("Where to go on").targets)
    assert {str(path) for path in LINKED} <= linked


def test_the_layout_names_what_is_there() -> None:
    layout = CONTRIBUTING.section("Layout").fences[0]
    named = [line.split()[0] for line in layout.content.splitlines()]
    assert all((ROOT / name).is_dir() for name in named)
    tops = {path.relative_to(ROOT).parts[0] for path in list_files() if path.parent != ROOT}
    assert {name.split("/")[0] for name in named} == {top for top in tops if top[0] != "."}


@pytest.mark.parametrize(("heading", "package"), MAPS)
def test_a_map_names_every_module_and_package_at_the_top(heading: str, package: str) -> None:
    folder = ROOT / package
    lines = CONTRIBUTING.section(heading).fences[0].content.splitlines()
    named = {name for line in lines for name in re.split(r"\s{2,}", line)[0].split()}
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert named == modules | packages


def test_the_section_on_tests_names_every_folder_of_tests() -> None:
    folders = {path.relative_to(ROOT).parts[1] for path in list_files() if is_test(path)}
    named = set(CONTRIBUTING.section("Tests").codes)
    assert {f"tests/{folder}/" for folder in folders} <= named


def is_test(path: Path) -> bool:
    return path.is_relative_to(ROOT / "tests") and path.name.startswith("test_")


def test_make_help_lists_every_target_in_columns_that_line_up() -> None:
    command = [str(shutil.which("make")), "-s", "help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    listed = [line.split(maxsplit=2) for line in lines]

    assert {name: text for _, name, text in listed} == read_project().targets
    assert len({line.index(text) for line, (*_, text) in zip(lines, listed, strict=True)}) == 1
    assert max(map(len, lines)) <= 100
