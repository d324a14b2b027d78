"""What one installs: the wheel and the source distribution, their metadata, extras and types."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.markdown import Document
from tests.docs.project import ROOT, list_files, read_document

if TYPE_CHECKING:
    from email.message import Message

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


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = read_document("README.md")
REPOSITORY = "https://github.com/skewproof/skewproof"
PAGES = f"{REPOSITORY}/blob/main/"
PICTURES = "https://raw.githubusercontent.com/skewproof/skewproof/main/"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what would be uploaded to a package index."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> zipfile.ZipFile:
    (path,) = distributions.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (each for each in wheel.namelist() if each.endswith("/METADATA"))
    return message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def described(metadata: Message) -> Document:
    """The README as a package index shows it."""
    body = metadata.get_payload(decode=True)
    assert isinstance(body, bytes)
    return Document(Path("README.md"), body.decode())


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


def test_the_source_distribution_has_what_the_wheel_is_built_from(
    distributions: Path, tmp_path: Path
) -> None:
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path, filter="data")
    sources = {each.relative_to(ROOT).as_posix() for each in list_files()}
    made = {"PKG-INFO"}
    tops = {name for name in sources if name.startswith("app/skewproof/")}
    documents = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".gitignore"}
    assert names == tops | documents | made

    (folder,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (again,) = folder.glob("dist/*.whl")
    (first,) = distributions.glob("*.whl")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(first).namelist()


def test_the_wheel_asks_for_what_its_extras_name(metadata: Message) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    always = [each for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert {each.lower() for each in always} == {each.lower() for each in PROJECT["dependencies"]}


def test_the_metadata_say_what_a_search_asks_for(metadata: Message) -> None:
    classifiers = set(metadata.get_all("Classifier", []))
    for version in ("5.2", "6.0", "6.1"):
        assert f"Framework :: Django :: {version}" in classifiers
    assert "Typing :: Typed" in classifiers
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Keywords"]
    urls = dict(each.split(", ") for each in metadata.get_all("Project-URL", []))
    assert urls["Source"] == REPOSITORY
    for url in urls.values():
        assert url.startswith(REPOSITORY)
        if url.startswith(PAGES):
            assert (ROOT / url.removeprefix(PAGES)).is_file()


def test_the_lowest_versions_that_are_named_are_the_lowest_that_are_allowed(
    metadata: Message,
) -> None:
    classifiers = metadata.get_all("Classifier", [])
    for prefix, allowed in (
        ("Programming Language :: Python :: 3.", metadata["Requires-Python"]),
        ("Framework :: Django :: ", metadata.get_all("Requires-Dist", [])[0].lower()),
    ):
        named = [each.split()[-1] for each in classifiers if each.startswith(prefix)]
        lowest = min(named, key=lambda each: [int(part) for part in each.split(".")])
        assert allowed.endswith(f">={lowest}")


def test_on_an_index_every_link_of_the_readme_is_absolute_and_leads_to_the_same(
    described: Document,
) -> None:
    assert len(described.targets) == len(README.targets)
    for shown, written in zip(described.targets, README.targets, strict=True):
        if written.startswith(("http", "#")):
            assert shown == written
        else:
            assert shown in (f"{PAGES}{written}", f"{PICTURES}{written}")
            assert shown.startswith(PICTURES) == written.endswith(".png")


def test_on_an_index_the_readme_says_the_same(described: Document) -> None:
    assert described.fences == README.fences
    assert described.headings == README.headings
    assert described.codes == README.codes


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
    wheel.extractall(packages)  # noqa: S202 - a zip file of our own
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
