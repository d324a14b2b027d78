"""What one installs: the wheel, its extras, and its types."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest

from .project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CONSUMER = """
from pathlib import Path

from skewproof.errors import ManifestError, OnlyInThisCopy, SkewproofError
from skewproof.middleware import HEADER
from skewproof.release import release_id
from skewproof.storage import FileSystemReleaseStorage

header: str = HEADER


class Storage(FileSystemReleaseStorage):
    pause = 0.5


def named(file: Path) -> str:
    return release_id(file)


def reason(error: SkewproofError) -> str | None:
    return error.reason if isinstance(error, ManifestError) else None


def known(error: SkewproofError) -> bool:
    return isinstance(error, OnlyInThisCopy)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_has_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    sources = (ROOT / "app" / "skewproof").rglob("*")
    wanted = {
        path.relative_to(ROOT / "app").as_posix()
        for path in sources
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == wanted
    assert "skewproof/py.typed" in names


def test_the_wheel_asks_for_what_its_extras_name(wheel: zipfile.ZipFile) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (name,) = (each for each in wheel.namelist() if each.endswith("/METADATA"))
    metadata = message_from_bytes(wheel.read(name))
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])
    always = [each for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert {each.lower() for each in always} == {each.lower() for each in project["dependencies"]}


def check_types(folder: Path, packages: Path, text: str) -> str:
    """Run mypy --strict on a project whose installed packages are these and the tests' own."""
    (folder / "consumer.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "consumer.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_project_that_is_strict_about_types_sees_those_of_the_wheel(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    wheel.extractall(packages)
    # So that the checkout, which may be installed as well, cannot be what mypy has seen.
    with (packages / "skewproof" / "errors.py").open("a") as errors:
        errors.write("\n\nclass OnlyInThisCopy(SkewproofError): ...\n")
    wrong = f"{CONSUMER}\nwrong: int = release_id()\n"
    (line, end) = check_types(tmp_path, packages, wrong).splitlines()
    assert line.endswith(
        'error: Incompatible types in assignment (expression has type "str", variable has type '
        '"int")  [assignment]'
    )
    assert end.startswith("Found 1 error")

    (packages / "skewproof" / "py.typed").unlink()
    untyped = check_types(tmp_path, packages, wrong)
    assert "missing library stubs or py.typed" in untyped or "OnlyInThisCopy" in untyped
