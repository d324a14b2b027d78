"""The decision records and the changelog have the form that readers and tools know."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from tests.docs.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = sorted((ROOT / "docs" / "adr").glob("*"))
PARTS = ["Status", "Context", "Decision", "Consequences"]
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def find_faults_of_record(name: str, text: str) -> list[str]:
    """Return what is wrong with a decision record."""
    faults = []
    if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name):
        faults.append("the name is not NNNN-title.md")
    title = re.match(r"# (\d+)[.:] \S", text)
    if not title or int(title[1]) != int(name.partition("-")[0]):
        faults.append("the title does not begin with the number")
    found = re.findall(rf"^(?:## |\*\*)({'|'.join(PARTS)})\b", text, re.MULTILINE)
    if found != PARTS:
        faults.append(f"the parts are {found}")
    _, _, consequences = text.partition("Consequences")
    faults += [f"no {side} consequence" for side in ("Good", "Bad") if side not in consequences]
    return faults


def find_faults_of_changelog(text: str, version: str) -> list[str]:
    """Return what is wrong with a changelog, by https://keepachangelog.com/en/1.1.0/."""
    faults = []
    if not text.startswith("# Changelog\n") or "keepachangelog.com" not in text:
        faults.append("the head does not say what this is")
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    if versions[:1] != ["[Unreleased]"]:
        faults.append("the first section is not [Unreleased]")
    form = r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}"
    faults += [f"section {each}" for each in versions[1:] if not re.fullmatch(form, each)]
    if f"[{version}]" not in " ".join(versions) and f"is to be {version}" not in text:
        faults.append(f"version {version} of pyproject.toml is not in it")
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    faults += [f"kind {each}" for each in kinds if each not in KINDS]
    return faults


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_a_decision_record_has_number_title_and_its_four_parts(path: Path) -> None:
    assert find_faults_of_record(path.name, path.read_text()) == []


def test_no_two_decision_records_have_the_same_number() -> None:
    numbers = [path.name[:4] for path in RECORDS]
    assert len(set(numbers)) == len(numbers)


def test_the_changelog_is_kept_and_knows_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert find_faults_of_changelog((ROOT / "CHANGELOG.md").read_text(), version) == []


RECORD = """# 7. A title
**Status.** Accepted.
## Context
## Decision
## Consequences
Good: a. Bad: b.
"""


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("0007-a-title.md", RECORD, None),
        ("7-a-title.md", RECORD, "the name is not NNNN-title.md"),
        ("0008-a-title.md", RECORD, "the title does not begin with the number"),
        ("0007-a-title.md", RECORD.replace("## Decision\n", ""), "the parts are"),
        ("0007-a-title.md", RECORD.replace("Bad: b.", ""), "no Bad consequence"),
    ],
)
def test_a_fault_of_a_decision_record_is_seen(name: str, text: str, fault: str | None) -> None:
    found = find_faults_of_record(name, text)
    assert bool(found) == bool(fault)
    assert not fault or any(each.startswith(fault) for each in found)


CHANGELOG = """# Changelog
The form is that of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).
## [Unreleased]
### Added
## [0.1.0] - 2026-11-23
### Fixed
"""


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("", "", None),
        ("# Changelog", "# News", "the head does not say what this is"),
        ("## [Unreleased]\n", "", "the first section is not [Unreleased]"),
        ("[0.1.0] - 2026-11-23", "0.1.0", "section 0.1.0"),
        ("Added", "New", "kind New"),
        ("[0.1.0]", "[0.0.1]", "version 0.1.0 of pyproject.toml is not in it"),
    ],
)
def test_a_fault_of_the_changelog_is_seen(before: str, after: str, fault: str | None) -> None:
    found = find_faults_of_changelog(CHANGELOG.replace(before, after, 1), "0.1.0")
    assert bool(found) == bool(fault)
    assert not fault or fault in found
