"""Django's own tests of static files, with our storages in the place of its own.

They are in its source distribution alone, which comes from the package index once and is kept in
.lab/. They run untouched as a control, and then with what the settings module djangosuite changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import django
import pytest

from lab.checkout import ROOT
from skewproof.release import VARIABLE

pytestmark = pytest.mark.engine  # it takes a minute, and the package index

VERSION = django.__version__
KEPT = ROOT / ".lab" / "django"
LEAST = 180  # tests of Django 5.2
SECONDS = 300
MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory
# Before pip keeps a source, it has a setuptools make its metadata, which is newer than the one of
# many an environment. Nothing is built here, so that this stands for it.
BACKEND = f"""
from pathlib import Path

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = Path(folder, "django-{VERSION}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: Django\\nVersion: {VERSION}\\n")
    return info.name
"""
HASHED = "test_storage.TestCollectionManifestStorage"
READ_ONLY = "a storage is read-only, so that nothing is written past the publish"
ONE_PLACE = "a manifest is where its release has it, whatever manifest_name says"
SUMMARY = "the summary counts what was published"
CLEARED = "collectstatic --clear is refused, as it would take files from other releases"
TOO_EARLY = "hashed_files is an error before there is a release, where stock has none and goes on"
ERRORS = "a publish ends with one line as a CommandError; what Django raised is its cause"
DEVIATIONS = {  # from Django 5.2
    f"{HASHED}.test_clear_empties_manifest": CLEARED,
    f"{HASHED}.test_import_loop": "the message names the circle instead of the passes",
    f"{HASHED}.test_manifest_does_not_exist": ONE_PLACE,
    f"{HASHED}.test_manifest_does_not_ignore_permission_error": "it is a ManifestError, and the "
    "file is read by pathlib, where the mock of open() does not reach",
    f"{HASHED}.test_manifest_exists": "the manifest is not among the files that the public reads",
    f"{HASHED}.test_manifest_hash": READ_ONLY,
    f"{HASHED}.test_manifest_hash_v1": ONE_PLACE,
    f"{HASHED}.test_missing_entry": READ_ONLY,
    f"{HASHED}.test_post_processing": READ_ONLY,
    f"{HASHED}.test_post_processing_nonutf8": ERRORS,
    "test_storage.TestCollectionNoPostProcessReplacedPaths"
    ".test_collectstatistic_no_post_process_replaced_paths": SUMMARY,
    "test_storage.TestCollectionSimpleStorage.test_template_tag_return": TOO_EARLY,
    "test_storage.TestCollectionSimpleStorage.test_template_tag_simple_content": TOO_EARLY,
    "test_storage.TestExtraPatternsStorage.test_multi_extension_patterns": TOO_EARLY,
}


@dataclass(frozen=True)
class Run:
    """What came of Django's tests: how many there were, and which failed."""

    count: int
    failed: frozenset[str]
    output: str


def locked() -> str:
    """Return the requirement of this very Django, with the hashes of its distributions."""
    pattern = re.compile(rf"^django=={re.escape(VERSION)} (?:.*\\\n)+.*$", re.MULTILINE)
    locks = [ROOT / "requirements.lock", *sorted((ROOT / "app/requirements").glob("*.lock"))]
    found = [match[0] for lock in locks for match in pattern.finditer(lock.read_text())]
    assert found, f"no lock pins Django {VERSION}: install what requirements.lock has"
    return found[0]


def download(folder: Path) -> Path:
    """Return Django's source distribution, from the package index, checked by its hash."""
    (folder / "setuptools").mkdir(parents=True)
    (folder / "setuptools" / "__init__.py").touch()
    (folder / "setuptools" / "build_meta.py").write_text(BACKEND)
    (folder / "django.txt").write_text(locked())
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-binary=django"]
    wanted = ["--require-hashes", "--requirement", "django.txt"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, *wanted],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.fail(
            f"the package index does not give the source of Django {VERSION}, which has Django's "
            f"own tests and would be kept in {KEPT}: {done.stderr}",
            pytrace=False,
        )
    (found,) = folder.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of Django's tests, unpacked."""
    folder = tmp_path_factory.mktemp("django")
    kept = KEPT / f"{VERSION}.tar.gz"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        beside = shutil.copy(download(folder / "download"), KEPT / "new.tar.gz")
        Path(beside).replace(kept)
    with tarfile.open(kept) as archive:
        tests = (each for each in archive if each.name.split("/")[1:2] == ["tests"])
        archive.extractall(folder, tests, filter="data")
    (found,) = folder.glob("*/tests")
    return found


def environment() -> dict[str, str]:
    """Return what Django's tests are told: our code, and to write their 20,000 files in memory."""
    return {
        **{name: value for name, value in os.environ.items() if name != VARIABLE},
        **({"TMPDIR": str(MEMORY)} if MEMORY.is_dir() else {}),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(ROOT)]),
        "PYTHON_COLORS": "0",  # CI asks for colours, which are characters between those of a name
    }


def run(suite: Path, settings: str) -> Run:
    """Run Django's tests with these settings."""
    done = subprocess.run(
        [
            sys.executable,
            "runtests.py",
            "staticfiles_tests",
            "--parallel=1",
            f"--settings={settings}",
        ],
        cwd=suite,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    counted = re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert counted, done.stdout + done.stderr
    failed = re.findall(
        r"^(?:ERROR|FAIL): .*?\(staticfiles_tests\.([\w.]+)\)", done.stderr, re.MULTILINE
    )
    assert bool(failed) == bool(done.returncode), done.stderr
    return Run(int(counted[1]), frozenset(failed), done.stderr)


def test_djangos_own_tests_pass_except_where_there_is_a_reason(suite: Path) -> None:
    control = run(suite, "test_sqlite")
    assert control.count > LEAST
    assert not control.failed, control.output
    ours = run(suite, f"{__package__}.djangosuite")
    assert ours.count == control.count
    assert ours.failed == DEVIATIONS.keys(), ours.output
