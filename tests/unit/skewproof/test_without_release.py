"""What a developer types where no release exists yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.project import read_document

import skewproof
from skewproof.errors import ManifestError

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project

SETTINGS = """
SECRET_KEY = "only-for-tests" * 5
ROOT_URLCONF = "skewproof.urls"
INSTALLED_APPS = ["skewproof", "django.contrib.staticfiles", "django.contrib.contenttypes"]
MIDDLEWARE = ["skewproof.middleware.ReleaseMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STATIC_URL = "/static/"
"""
STORAGES = {
    "FileSystemReleaseStorage": {
        "BACKEND": "skewproof.storage.FileSystemReleaseStorage",
        "OPTIONS": {"location": "static"},
    },
    "S3ReleaseStorage": {
        "BACKEND": "skewproof.storage.S3ReleaseStorage",
        "OPTIONS": {"bucket_name": "shop", "location": "static", "custom_domain": "cdn.test"},
    },
    "StaticFilesStorage": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}
COMMANDS = {
    "check": ["check"],
    "migrate": ["migrate"],
    "shell": ["shell", "--command", "print(1)"],
}


def run(
    folder: Path, storage: str, *command: str, more: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command of a project that has this storage, without a release id."""
    line = f"STORAGES = {{'staticfiles': {STORAGES[storage]!r}}}\n"
    (folder / "project.py").write_text(SETTINGS + line + more)
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", *command],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{Path(skewproof.__file__).parents[1]}:{folder}",
            "DJANGO_SETTINGS_MODULE": "project",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_commands_that_render_no_page_need_no_release(
    command: list[str], storage: str, tmp_path: Path
) -> None:
    done = run(tmp_path, storage, *command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("storage", STORAGES)
def test_the_deployment_check_asks_for_a_release_where_the_storage_needs_one(
    storage: str, tmp_path: Path
) -> None:
    done = run(tmp_path, storage, "check", "--deploy", "--tag", "staticfiles")
    is_ours = storage != "StaticFilesStorage"
    assert ("skewproof.E001" in done.stderr) == is_ours
    assert bool(done.returncode) == is_ours


PAGES = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
ROOT_URLCONF = "pages"
"""
EAGER = """
from django.templatetags.static import static

class Icons:
    logo = static("img/logo.svg")
"""
LAZY = read_document("docs/migration.md").section("Before you begin").fences[0].content


@pytest.mark.parametrize("release", [None, "v1"])
@pytest.mark.parametrize("source", [EAGER, LAZY], ids=["eager", "lazy"])
def test_static_while_a_module_is_imported_is_an_error_that_names_the_module(
    source: str, release: str | None, tmp_path: Path
) -> None:
    (tmp_path / "icons.py").write_text(source)
    (tmp_path / "pages.py").write_text("import icons\n\nurlpatterns = []\n")
    if release:
        (tmp_path / "RELEASE").write_text(release)
    done = run(tmp_path, "FileSystemReleaseStorage", "check", more=PAGES)
    assert bool(done.returncode) == (source == EAGER)
    if source == EAGER:
        last = done.stderr.splitlines()[-1]
        assert "icons asks for a file while it is imported" in last
        assert ("no manifest from" if release else "no release id") in last


def test_static_while_a_page_is_rendered_blames_no_module(directory_project: Project) -> None:
    storage = directory_project.storage()
    with directory_project.active("v1"), pytest.raises(ManifestError) as caught:
        storage.url("css/site.css")
    assert "imported" not in str(caught.value)
