"""The migrations of docs/migration.md, with the settings that stand there, on a real store."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from tests.docs.newcomer import Newcomer, first_line
from tests.docs.project import ROOT, read_document
from tests.s3servers import credentials, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from tests.s3servers import S3Server

pytestmark = pytest.mark.engine

GUIDE = read_document("docs/migration.md")
BUCKET = "my-bucket"
IN_A_BUCKET = [
    "One shared manifest in a bucket",
    "A manifest per release, and stock collectstatic",
    "A manifest baked into the image",
    "An asset prefix for each release",
    "Collected locally, then synced",
]
IN_A_DIRECTORY = ["WhiteNoise", "STATIC_ROOT on a shared disk"]
WITHOUT_SETTINGS = ["Sticky sessions", "collectfasta"]
FOR_ALL = "Before you begin"  # tests/unit/skewproof/test_without_release.py has its code
# What startproject writes, as far as static files are concerned.
BASE = """
import os
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "only-for-tests"
INSTALLED_APPS = ["django.contrib.staticfiles"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "source"]
STORAGES = {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
"""
# A process of a release: starts now, and names what its pages need.
PROCESS = """
import django, json, sys
from django.core.management import call_command
django.setup()
if "collect" in sys.argv:
    call_command("collectstatic", "--no-input", stdout=sys.stderr)
from django.templatetags.static import static
print(json.dumps([static(name) for name in ("site.css", "logo.svg", "same.js")]))
"""
RELEASES = {"v1": "blue", "v2": "green"}


class Shop(Newcomer):
    """A project in two states of its settings, and two of its files."""

    def set_up(self, section: str) -> None:
        """Write the files, and both settings as the section says."""
        (self.folder / "mysite").mkdir(parents=True)
        (self.folder / "source").mkdir()
        (self.folder / "process.py").write_text(PROCESS)
        after_all, both = (each.content for each in GUIDE.fences[:2])
        files = {first_line(each): each.content for each in GUIDE.section(section).fences}
        before, after = (files[f"# settings.py, {when}"] for when in ("before", "after"))
        self.write("mysite/before.py", BASE + both + before)
        self.write("mysite/after.py", BASE + both + after_all + after)
        self.write("mysite/storages.py", files.get("# mysite/storages.py", ""))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text.replace("/srv/shop", str(self.folder / "srv")))

    def process(self, release: str, settings: str, *collect: str) -> list[str]:
        """Start a process of a release; return the URLs that its pages name."""
        source = self.folder / "source"
        (source / "logo.svg").write_text(f"<svg fill='{RELEASES[release]}'/>")
        (source / "site.css").write_text("body { background: url(logo.svg) }\n")
        (source / "same.js").write_text("// the same in both\n" * 50)
        done = self.run(
            *(sys.executable, "process.py", *collect),
            RELEASE_ID=release,
            DJANGO_SETTINGS_MODULE=f"mysite.{settings}",
        )
        found: list[str] = json.loads(done.stdout)
        return found


def shop(folder: Path, section: str, **environment: str) -> Shop:
    made = Shop(folder, {"PYTHONPATH": f"{ROOT / 'app'}", **environment})
    made.set_up(section)
    return made


def in_directory(folder: Path) -> dict[str, tuple[int, int]]:
    """Return all files with what tells whether they were written again."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    stats = {file.relative_to(folder).as_posix(): file.stat() for file in files}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def in_bucket(client: S3Client) -> dict[str, tuple[object, ...]]:
    listing = client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
    return {each["Key"]: (each["LastModified"], each["ETag"]) for each in listing}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("store") / "seaweedfs"
    with start("seaweedfs", folder, {**credentials(), "S3_BUCKET": BUCKET}) as found:
        found.set_up()
        yield found


@pytest.fixture
def client(server: S3Server) -> Iterator[S3Client]:
    """An empty bucket."""
    client = server.client("root")
    yield client
    for key in in_bucket(client):
        client.delete_object(Bucket=BUCKET, Key=key)


@pytest.mark.parametrize("section", IN_A_BUCKET)
def test_the_first_rollout_from_a_bucket_leaves_the_old_release_whole(
    section: str, client: S3Client, server: S3Server, tmp_path: Path
) -> None:
    project = shop(
        tmp_path / "shop",
        section,
        AWS_ENDPOINT_URL_S3=server.endpoint,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID=server.environ["PUBLISHER_ACCESS_KEY"],
        AWS_SECRET_ACCESS_KEY=server.environ["PUBLISHER_SECRET_KEY"],
    )
    old = project.process("v1", "before", "collect")
    if "synced" in section:
        for file in (project.folder / "collected").iterdir():
            client.put_object(Bucket=BUCKET, Key=f"static/{file.name}", Body=file.read_bytes())
    before = in_bucket(client)
    new = project.process("v2", "after", "collect")
    after = in_bucket(client)

    copies = {f"static/{name}" for name in ("site.css", "logo.svg", "same.js")}
    assert {key for key in before if after.get(key) != before[key]} <= copies
    assert "releases/v2/staticfiles.json" in after
    for url in (*old, *new):
        assert url.removeprefix("https://cdn.example.com/") in after
    assert old[0] != new[0]
    # What both releases have is there once, but where each had a prefix of its own.
    assert (old[2] == new[2]) == ("prefix" not in section)
    # A late process of the old release, or one of a rollback, which collects nothing.
    assert project.process("v1", "before") == old


def test_the_first_rollout_from_a_shared_disk_leaves_the_old_release_whole(tmp_path: Path) -> None:
    project = shop(tmp_path / "shop", "STATIC_ROOT on a shared disk")
    served = project.folder / "srv" / "static"
    old = project.process("v1", "before", "collect")
    before = in_directory(served)
    new = project.process("v2", "after", "collect")
    after = in_directory(served)

    copies = {"site.css", "logo.svg", "same.js"}
    assert {name for name in before if after.get(name) != before[name]} <= copies
    assert {url.removeprefix("/static/") for url in (*old, *new)} <= after.keys()
    assert old[0] != new[0]
    assert old[2] == new[2]
    assert (served.parent / "releases" / "v2" / "staticfiles.json").is_file()
    assert project.process("v1", "before") == old


def test_what_pages_of_whitenoise_name_is_there_before_the_rollout_begins(tmp_path: Path) -> None:
    project = shop(tmp_path / "shop", "WhiteNoise")
    served = project.folder / "srv" / "static"
    old = project.process("v1", "before", "collect")
    assert (project.folder / "staticfiles" / f"{old[2].removeprefix('/static/')}.gz").exists()

    assert project.process("v1", "after", "collect") == old
    new = project.process("v2", "after", "collect")

    names = {url.removeprefix("/static/") for url in (*old, *new)}
    assert names <= in_directory(served).keys()
    assert len(names) == 5
    assert project.process("v1", "before") == old


def test_every_section_is_tested_or_has_no_settings() -> None:
    known = [FOR_ALL, *IN_A_BUCKET, *IN_A_DIRECTORY, *WITHOUT_SETTINGS]
    assert sorted(GUIDE.headings[1:]) == sorted(known)
    assert not [each for each in WITHOUT_SETTINGS if GUIDE.section(each).fences]
