"""The README's "Adopt it in five minutes", done word for word to a new project."""

from __future__ import annotations

import hashlib
import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.docs.markdown import Document
from tests.docs.newcomer import Newcomer, ask, wait_for, words
from tests.docs.project import read_document
from tests.s3servers import credentials, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.s3servers import S3Server

pytestmark = pytest.mark.engine

BUCKET = "my-bucket"
HOST = "cdn.example.com"
# What a production of Wagtail has in a file of its own.
WAGTAIL_LOCAL = 'SECRET_KEY = "only-for-tests"\nALLOWED_HOSTS = ["127.0.0.1"]\n'
# Its pages need a database; the way in which its admin names files needs none.
WAGTAIL_PROCESS = """
import django
django.setup()
from django.test import Client
from wagtail.admin.staticfiles import versioned_static
print(Client(SERVER_NAME="127.0.0.1").get("/readyz").status_code)
for name in ("css/core.css", "js/vendor.js"):
    print(versioned_static(f"wagtailadmin/{name}"))
"""


@pytest.fixture(scope="module")
def section() -> Document:
    readme = read_document("README.md")
    return readme.section("Adopt it in five minutes")


@pytest.fixture(scope="module")
def packages(section: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the README's way, once."""
    folder = tmp_path_factory.mktemp("packages")
    (install,) = (each for fence in section.fences for each in fence.commands if "pip" in each)
    Newcomer(folder).install(install, folder)
    return folder


@pytest.fixture
def newcomer(section: Document, packages: Path, tmp_path: Path) -> Newcomer:
    """A project to which everything was done that is the same for every store."""
    made = Newcomer(tmp_path / "srv" / "shop" / "code", {"PYTHONPATH": str(packages)})
    made.start_project()
    made.follow(section, "settings.py")
    made.follow(section, "urls.py")
    return made


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[S3Server]:
    made_up = {**credentials(), "S3_BUCKET": BUCKET}
    with start("seaweedfs", tmp_path / "seaweedfs", made_up) as server:
        server.set_up()
        yield server


def identity(server: S3Server, role: str) -> dict[str, str]:
    """The environment in which boto3 finds the store and the identity, as on AWS."""
    return {
        "AWS_ENDPOINT_URL_S3": server.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": server.environ[f"{role}_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": server.environ[f"{role}_SECRET_KEY"],
    }


def write_id(newcomer: Newcomer, section: Document, release: str) -> None:
    """Do what the Dockerfile's line does."""
    (block,) = (fence for fence in section.fences if fence.language == "dockerfile")
    (variable,) = re.findall(r"^ARG (.*)$", block.content, re.MULTILINE)
    (command,) = re.findall(r"^RUN (.*)$", block.content, re.MULTILINE)
    assert f"release {release}, from" in newcomer.type(command, **{variable: release})


def typed(section: Document) -> list[tuple[str, str]]:
    """The commands of the section, each with the output that it shows."""
    (block,) = (fence for fence in section.fences if fence.language == "console")
    parts = re.split(r"^\$ (.*)\n", block.content, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def without_numbers(text: str) -> str:
    """Counts and times differ between machines and versions."""
    return re.sub(r"\d[\d,.]*", "N", text).strip()


def static_urls(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"]*static/[^"]+)"', page)


def test_what_the_readme_says_makes_releases_in_a_bucket(
    newcomer: Newcomer, section: Document, bucket: S3Server
) -> None:
    web, publisher = identity(bucket, "WEB"), identity(bucket, "PUBLISHER")
    write_id(newcomer, section, "4f2a9c1")

    with newcomer.serving(**web) as port:
        early = ask(port, "/readyz")
        assert early.status == 503
        assert "no manifest" in early.text

        for command, shown in typed(section):
            printed = newcomer.type(command, **publisher)
            assert without_numbers(printed) == without_numbers(shown)

        # The same processes: what came too early heals by itself.
        wait_for(lambda: ask(port, "/readyz").status == 200, newcomer.folder / "manage.py")
        page = ask(port, "/admin/login/")

    assert page.status == 200
    assert page.headers["X-Release"] == "4f2a9c1"
    urls = static_urls(page.text)
    assert urls
    for url in urls:
        assert urlsplit(url).netloc == HOST
        key = urlsplit(url).path.removeprefix("/")
        found = bucket.client("public").get_object(Bucket=BUCKET, Key=key)
        assert re.search(r"\.[0-9a-f]{12}\.", key)
        assert "immutable" in found["CacheControl"]


def test_the_next_release_leaves_every_asset_of_the_one_before_as_it_was(
    newcomer: Newcomer, section: Document, bucket: S3Server
) -> None:
    publisher = identity(bucket, "PUBLISHER")
    (newcomer.folder / "static").mkdir()
    newcomer.append("mysite/settings.py", 'STATICFILES_DIRS = [BASE_DIR / "static"]\n')
    collect = next(command for command, _ in typed(section) if "collectstatic" in command)
    listings = []
    for release, colour in (("v1", "blue"), ("v2", "green")):
        (newcomer.folder / "static" / "site.css").write_text(f"body {{ color: {colour} }}\n")
        write_id(newcomer, section, release)
        newcomer.type(collect, **publisher)
        listing = bucket.client("publisher").list_objects_v2(Bucket=BUCKET)["Contents"]
        listings.append({each["Key"]: (each["LastModified"], each["ETag"]) for each in listing})

    before, after = listings
    assert {key for key in before if after.get(key) != before[key]} == {"static/site.css"}
    assert len([key for key in after if key.startswith("static/site.")]) == 3
    assert "releases/v1/staticfiles.json" in before
    assert "releases/v2/staticfiles.json" in after


def test_what_the_readme_says_makes_releases_in_a_directory(
    newcomer: Newcomer, section: Document
) -> None:
    served = newcomer.folder.parent / "static"
    newcomer.follow(section, "settings.py, without S3")
    settings = newcomer.folder / "mysite" / "settings.py"
    text = settings.read_text()
    assert '"/srv/shop/static"' in text
    settings.write_text(text.replace('"/srv/shop/static"', repr(str(served))))
    write_id(newcomer, section, "4f2a9c1")

    for command, shown in typed(section):
        assert without_numbers(newcomer.type(command)) == without_numbers(shown)
    with newcomer.serving() as port:
        assert ask(port, "/readyz").status == 200
        page = ask(port, "/admin/login/")

    assert (newcomer.folder.parent / "releases" / "4f2a9c1" / "staticfiles.json").exists()
    urls = static_urls(page.text)
    assert urls
    for url in urls:
        assert (served / url.removeprefix("/static/")).is_file()


def test_a_project_that_hashes_in_its_own_way_does_as_the_guide_says(
    newcomer: Newcomer, section: Document, bucket: S3Server
) -> None:
    guide = read_document("docs/guide.md")
    (block,) = guide.section("The storages").fences
    newcomer.append("mysite/storage.py", block.content)
    settings = newcomer.folder / "mysite" / "settings.py"
    text = settings.read_text()
    settings.write_text(
        text.replace("skewproof.storage.S3ReleaseStorage", "mysite.storage.Storage")
    )
    write_id(newcomer, section, "v1")
    collect = next(command for command, _ in typed(section) if "collectstatic" in command)

    printed = newcomer.type(f"{collect} --dry-run", **identity(bucket, "PUBLISHER"))
    assert "release v1 would be published" in printed
    assert "Contents" not in bucket.client("publisher").list_objects_v2(Bucket=BUCKET)


@pytest.fixture
def wagtail(section: Document, packages: Path, tmp_path: Path) -> Newcomer:
    """A project fresh from `wagtail start`, whose settings are in a package."""
    made = Newcomer(
        tmp_path / "srv" / "shop" / "code",
        {"PYTHONPATH": str(packages), "DJANGO_SETTINGS_MODULE": "mysite.settings.production"},
    )
    made.folder.mkdir(parents=True)
    made.run(sys.executable, "-m", "wagtail.bin.wagtail", "start", "mysite", ".")
    made.append("mysite/settings/local.py", WAGTAIL_LOCAL)
    made.follow(section, "settings.py", "settings/production.py")
    made.follow(section, "settings.py, without S3", "settings/production.py")
    made.follow(section, "urls.py")
    return made


def test_what_the_readme_says_works_for_wagtail_as_well(
    wagtail: Newcomer, section: Document
) -> None:
    served = wagtail.folder.parent / "static"
    settings = wagtail.folder / "mysite" / "settings" / "production.py"
    settings.write_text(settings.read_text().replace('"/srv/shop/static"', repr(str(served))))
    write_id(wagtail, section, "4f2a9c1")
    for command, shown in typed(section):
        assert without_numbers(wagtail.type(command)) == without_numbers(shown)
    ready, *names = wagtail.run(sys.executable, "-c", WAGTAIL_PROCESS).stdout.split()

    assert ready == "200"
    for name in names:
        asset = served / name.removeprefix("/static/")
        digest = hashlib.md5(asset.read_bytes(), usedforsecurity=False).hexdigest()
        assert f".{digest[:12]}." in name


def test_what_the_guide_says_of_a_baked_manifest_makes_pages_without_any_store(
    newcomer: Newcomer,
) -> None:
    guide = read_document("docs/guide.md")
    section = guide.section("A manifest in the image")
    (block,) = (fence for fence in section.fences if fence.language == "dockerfile")
    (option,) = re.findall(r"^# with (.*) in the OPTIONS", block.content, re.MULTILINE)
    newcomer.append("mysite/settings.py", f'STORAGES["staticfiles"]["OPTIONS"] |= {{{option}}}\n')
    (line,) = re.findall(r"^RUN (.*)$", block.content, re.MULTILINE)
    write, bake = line.split(" && ")

    newcomer.type(write, RELEASE_ID="4f2a9c1")
    assert "the manifest of release 4f2a9c1" in newcomer.type(bake)
    with newcomer.serving() as port:
        assert ask(port, "/readyz").status == 200
        page = ask(port, "/admin/login/")
    assert page.status == 200
    urls = static_urls(page.text)
    assert urls
    assert all(re.search(rf"//{HOST}/static/.*\.[0-9a-f]{{12}}\.", url) for url in urls)


def test_without_an_id_nothing_starts(newcomer: Newcomer, section: Document) -> None:
    served = newcomer.try_to_run(*words("python -m mysite.wsgi"))
    assert served.returncode != 0
    assert "no release id" in served.stderr

    (check, _), *_ = typed(section)
    checked = newcomer.try_to_run(*words(check))
    assert checked.returncode == 1
    assert "skewproof.E001" in checked.stderr
