"""The guide's section on retention, typed word for word; and what an age rule does instead."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import django
import pytest
from tests.docs.newcomer import Newcomer
from tests.docs.project import ROOT, read_document

pytestmark = pytest.mark.engine

GUIDE = read_document("docs/guide.md")
DAY = 86_400
AGES = {"v1": 80, "v2": 21, "v3": 1, "v4": 0.1}  # in days; v2 alone has a script
ADMIN = Path(django.__file__).parent / "contrib" / "admin" / "static"
SETTINGS = """
from pathlib import Path
FOLDER = Path(__file__).parent
SECRET_KEY = "only-for-tests"
INSTALLED_APPS = ["skewproof", "django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = FOLDER / "static"
STATICFILES_DIRS = [FOLDER / "source", r"{admin}"]
STORAGES = {{"staticfiles": {{"BACKEND": "skewproof.storage.FileSystemReleaseStorage"}}}}
"""


def typed() -> list[tuple[str, str]]:
    """The commands of the section, each with the output that it shows."""
    (block,) = (fence for fence in GUIDE.section("Retention").fences if fence.language == "console")
    parts = re.split(r"^\$ (.*)\n", block.content, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def normal(text: str) -> list[str]:
    """Sizes, dates and times differ, and with them the widths of columns."""
    return [
        " ".join(re.sub(r"\d[\d,.:-]*", "N", line.replace("KiB", "B")).split())
        for line in text.splitlines()
    ]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four releases that were published when the guide says."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "settings.py").write_text(SETTINGS.format(admin=ADMIN))
    (folder / "source").mkdir()
    for release, days in AGES.items():
        publish(project(folder), release)
        date_back(folder, days * DAY)
    return folder


@pytest.fixture
def shop(published: Path, tmp_path: Path) -> Newcomer:
    """A copy of it, dates and all, as v4 sees it."""
    return project(shutil.copytree(published, tmp_path / "shop"), RELEASE_ID="v4")


def project(folder: Path, **more: str) -> Newcomer:
    variables = {"PYTHONPATH": f"{ROOT / 'app'}", "DJANGO_SETTINGS_MODULE": "settings", **more}
    return Newcomer(folder, variables)


def publish(project: Newcomer, release: str) -> None:
    """Publish a release whose stylesheet is its own."""
    source = project.folder / "source"
    (source / "site.css").write_text(f"body {{ --r: {release} }}\n")
    script = source / "lens.js"
    script.write_text("// lens\n" * 5000) if release == "v2" else script.unlink(missing_ok=True)
    project.type("python -m django collectstatic --no-input", RELEASE_ID=release)


def date_back(folder: Path, seconds: float) -> None:
    """Make what was written a moment ago so old, as the passing of time does."""
    now = time.time()
    for file in [*folder.glob("static/**/*"), *folder.glob("releases/**/*")]:
        if file.is_file() and now - file.stat().st_mtime < DAY / 2:
            os.utime(file, (now - seconds, now - seconds))


def missing(project: Newcomer, release: str) -> list[str]:
    """Return which of its files a release lacks."""
    listed = json.loads(project.type("python -m django releases --json"))
    return next(each["missing"] for each in listed if each["id"] == release)


def test_the_commands_of_the_guide_print_what_it_shows(shop: Newcomer) -> None:
    for command, shown in typed():
        printed = shop.type(command.replace("manage.py", "-m django"))
        assert normal(printed.replace(str(shop.folder), "/srv/shop")) == normal(shown)


def test_a_rule_by_age_deletes_what_the_newest_release_serves_and_pruning_does_not(
    shop: Newcomer,
) -> None:
    """What people put into cron: the admin's files are as old as v1, and v4 has them all."""
    shop.type("python -m django prune_releases --keep 1 --delete")
    assert missing(shop, "v4") == []
    shop.run("find", "static", "-type", "f", "-mtime", "+30", "-delete")
    gone = missing(shop, "v4")
    assert len(gone) > 100
    assert all(name.startswith("admin/") for name in gone)
