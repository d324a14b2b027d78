"""The checks of release ids see each planted fault, and nothing in a healthy project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from tests.unit.skewproof.checked import LOCAL, OURS, PLAIN, STARTED_WITH, found, messages, static

import skewproof
from skewproof.checks.release import asks_git, find_modules

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project

pytestmark = pytest.mark.usefixtures("by_whoever_started_it")

GIT = "subprocess.check_output(['git', 'rev-parse', 'HEAD'], text=True).strip()"
SETTINGS = """
import os
import subprocess
from pathlib import Path

{}
BASE_DIR = Path(__file__).parent
SECRET_KEY = "only-for-tests" * 5
INSTALLED_APPS = ["skewproof", "django.contrib.staticfiles"]
STATIC_URL = "/static/"
STORAGES = {{"staticfiles": {{"BACKEND": "{}", "OPTIONS": {{"location": "{}"}}}}}}
"""
STOCK = (
    "from storages.backends.s3 import S3ManifestStaticStorage\n"
    "from django.conf import settings\n\n\n"
    "class Versioned(S3ManifestStaticStorage):\n"
    "    manifest_name = f'staticfiles-{settings.COMMIT}.json'\n"
)
VERSIONED = "mysite.storage.Versioned"


def test_e001_a_missing_release_id(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with project.active("v1"):
        monkeypatch.delenv("RELEASE_ID")
        assert found() == ["skewproof.E001"]


@pytest.mark.parametrize("release", [None, "latest", "../x"])
@pytest.mark.parametrize("backend", [LOCAL, PLAIN, None])
def test_a_storage_of_another_package_needs_no_release_id(
    backend: str | None, release: str | None, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = static(backend) if backend else {"STORAGES": {}}
    with project.active("v1", **changed):
        monkeypatch.delenv("RELEASE_ID")
        if release:
            monkeypatch.setenv("RELEASE_ID", release)
        assert found() == []


def test_an_id_that_a_process_sets_itself_matters_to_our_storages_alone(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(STARTED_WITH, lambda: {"RELEASE_ID": "another"})
    with directory_project.active("v1", **static(PLAIN)):
        assert found() == []
    with directory_project.active("v1"):
        assert found() == ["skewproof.W004"]


def test_w004_an_id_that_is_not_the_one_the_build_wrote(project: Project, tmp_path: Path) -> None:
    (tmp_path / "RELEASE").write_text("built\n")
    with project.active("other", BASE_DIR=tmp_path):
        assert found() == ["skewproof.W004"]
        assert "'other', but the build wrote 'built'" in messages()[0].msg
    with project.active("built", BASE_DIR=tmp_path):
        assert found() == []


def test_w004_an_id_that_is_read_from_git(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = tmp_path / ".git" / "refs" / "heads" / "main"
    head.parent.mkdir(parents=True)
    head.write_text("4f2a9c1\n")
    with project.active("v1", SKEWPROOF_RELEASE_FILE=head):
        monkeypatch.delenv("RELEASE_ID")
        assert found() == ["skewproof.W004"]


@pytest.mark.parametrize(
    ("line", "backend", "fault"),
    [
        (f"os.environ['RELEASE_ID'] = {GIT}", OURS, "by code of this process (it began with"),
        (f"COMMIT = {GIT}", VERSIONED, "and mysite.settings asks git while it is imported"),
        ("COMMIT = '4f2a9c1'", VERSIONED, None),
        (f"SENTRY = {GIT}", OURS, None),
    ],
)
def test_w004_settings_that_ask_git(
    line: str, backend: str, fault: str | None, tmp_path: Path
) -> None:
    package = tmp_path / "mysite"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "settings.py").write_text(SETTINGS.format(line, backend, tmp_path / "static"))
    (package / "storage.py").write_text(STOCK)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "check", "--deploy", "--tag=staticfiles"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{Path(skewproof.__file__).parents[1]}:{tmp_path}",
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
            "RELEASE_ID": "v1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("skewproof.W004" in done.stderr) == bool(fault)
    assert (fault or "no issues") in done.stdout + done.stderr


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    command = ["git", *identity, *arguments]
    subprocess.run(command, cwd=folder, check=True)


@pytest.mark.parametrize(
    ("configuration", "seen"),
    [
        ("site.settings", ["shop.storage", "site.settings"]),
        ("site.settings.live", ["shop.storage", "site.settings.base", "site.settings.live"]),
        ("", ["shop.storage"]),
    ],
)
def test_of_settings_in_a_package_all_modules_are_looked_at(
    configuration: str, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = ("shop.storage", "shop.views", "site.settings", "site.urls")
    for name in (*loaded, "site.settings.base", "site.settings.live"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert [module.__name__ for module in find_modules("shop.storage", configuration)] == seen


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import git", True),
        ("from dulwich.repo import Repo", True),
        ("run(['git', 'describe'])", True),
        ("getoutput('git rev-parse HEAD')", True),
        ("Path('.git/HEAD').read_text()", True),
        ("URL = 'https://github.com/x/y'; digits = 'gitter'", False),
        ("this is no Python", False),
    ],
)
def test_source_that_is_about_git_is_told_from_other_source(
    source: str, expected: bool, tmp_path: Path
) -> None:
    module = ModuleType("some")
    assert asks_git(module) is False
    module.__file__ = str(tmp_path / "some.py")
    Path(module.__file__).write_text(source)
    assert asks_git(module) is expected


def test_w004_is_silent_where_nobody_can_tell_what_a_process_was_started_with(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(STARTED_WITH, dict)
    with project.active("v1"):
        assert found() == []


@pytest.mark.parametrize("release", ["unknown", "latest", "main", "HEAD", "production"])
def test_w005_an_id_that_several_builds_have(release: str, directory_project: Project) -> None:
    with directory_project.active(release):
        assert found() == ["skewproof.W005"]


@pytest.mark.parametrize("release", ["v1", "main-4f2a9c1", "20261123T190501Z"])
def test_an_id_of_one_build_is_none_of_several(release: str, directory_project: Project) -> None:
    with directory_project.active(release):
        assert found() == []
