"""The contracts of pyproject.toml on who may import whom are kept, and a breach is seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.docs.project import ROOT

CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
NAMES = [contract["name"] for contract in CONFIGURATION["contracts"]]
ONE_WAY, PUBLISHING, SKEWPROOF_ALONE, ACYCLIC, LAB_ONE_WAY, EVIDENCE, LAB_OUTSIDE, SHOP_ALONE = (
    NAMES
)
# By contract: the module that gets a line more, and the line.
BREACHES = [
    (ONE_WAY, "skewproof/errors.py", "from skewproof import release"),
    (ONE_WAY, "skewproof/manifest.py", "import skewproof.stores.store"),
    (ONE_WAY, "skewproof/stores/bucket.py", "from skewproof.publishing import publish"),
    (ONE_WAY, "skewproof/backends/base.py", "def late():\n    import skewproof.storage"),
    (ONE_WAY, "skewproof/backends/s3.py", "from skewproof.publishing import publish"),
    (ONE_WAY, "skewproof/new.py", ""),
    (PUBLISHING, "skewproof/publishing/publish.py", "from skewproof.backends import base"),
    (PUBLISHING, "skewproof/stores/s3.py", "from skewproof.storage import S3ReleaseStorage"),
    (SKEWPROOF_ALONE, "skewproof/health.py", "import shop.context"),
    (SKEWPROOF_ALONE, "skewproof/publishing/prune.py", "import lab"),
    (ACYCLIC, "lab/stacks/state.py", "def late():\n    import lab.stacks.lifecycle"),
    (ACYCLIC, "skewproof/publishing/intents.py", "from skewproof.publishing import prune"),
    (LAB_ONE_WAY, "lab/errors.py", "from lab import checkout"),
    (LAB_ONE_WAY, "lab/judge/verdict.py", "from lab.probe import Probe"),
    (LAB_ONE_WAY, "lab/probe/site.py", "import lab.stacks.model"),
    (LAB_ONE_WAY, "lab/stacks/stack.py", "def late():\n    import lab.runs.session"),
    (LAB_ONE_WAY, "lab/new.py", ""),
    (EVIDENCE, "lab/report/page.py", "import django"),
    (EVIDENCE, "lab/history/reader.py", "import docker"),
    (LAB_OUTSIDE, "lab/stacks/stack.py", "import skewproof.errors"),
    (SHOP_ALONE, "shop/views.py", "import lab.errors"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages that the contracts are on, and the contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in CONFIGURATION["root_packages"]:
        (source,) = (
            ROOT / top / name for top in ("app", "scripts") if (ROOT / top / name).is_dir()
        )
        shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    # In front of where the checkout's own packages are installed.
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    arguments = [str(program), "--no-cache"]
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_every_contract_is_kept(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in NAMES:
        assert f"{name} KEPT" in done.stdout


@pytest.mark.parametrize(("contract", "module", "line"), BREACHES)
def test_a_planted_import_breaks_its_contract(
    contract: str, module: str, line: str, copy: Path
) -> None:
    with (copy / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stderr
    assert f"{contract} BROKEN" in done.stdout


def test_make_lint_looks_at_the_contracts() -> None:
    text = (ROOT / "Makefile").read_text()
    assert "lint-imports" in text.partition("\nlint:")[2].partition("\n\n")[0]
