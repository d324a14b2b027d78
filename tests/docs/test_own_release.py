"""What docs/lab.md says of "A release of your own", word for word in a copy of the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.docs.project import ROOT, list_files, read_document

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

SECONDS = 300
LAB = read_document("docs/lab.md")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a clone of the repository holds."""
    for path in list_files():
        target = tmp_path / "clone" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    return tmp_path / "clone"


def run(clone: Path, line: str, *more: str) -> str:
    """Type a line of the document; the lab is the clone's, the Python this one."""
    program, *arguments = line.split()
    lab = [sys.executable, "-m", "lab.cli"]
    command = lab if program == ".venv/bin/lab" else [str(shutil.which(program))]
    done = subprocess.run(
        [*command, *arguments, *more],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone / "scripts")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_copied_folder_is_a_release_that_can_be_rolled_to(clone: Path) -> None:
    (block,) = (each for each in LAB.section("A release of your own").fences)
    *before, roll = block.commands
    for line in before:
        run(clone, line)
    verdict = json.loads(run(clone, roll, "--visitors", "2", "--json"))

    assert verdict["verdict"] == "PASS"
    assert verdict["releases"]["v3"]["pages"]
