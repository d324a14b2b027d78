"""What a developer types where no release exists yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import skewproof

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


def run(folder: Path, storage: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a project that has this storage, without a release id."""
    line = f"STORAGES = {{'staticfiles': {STORAGES[storage]!r}}}\n"
    (folder / "project.py").write_text(SETTINGS + line)
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
