"""What a web server in front of a shared directory can do wrong; each check returns the faults."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest import mock

from tests.docs.project import ROOT

from skewproof.publishing.collection import IMMUTABLE, guess_headers
from skewproof.stores.directory import Directory
from skewproof.stores.store import md5

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.webservers import Answer, Site

CSS = b"body { color: blue }\n" * 200
HASHED = f"css/site.{md5(CSS)[:12]}.css"
PLAIN = "css/site.css"
RELEASE = "v1"
SETTINGS = """
from pathlib import Path
from django.contrib import admin
SECRET_KEY = "only-for-tests"
INSTALLED_APPS = ["skewproof", "django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = r"{folder}/static"
STATICFILES_DIRS = [r"{folder}/source", Path(admin.__file__).parent / "static"]
STORAGES = {{"staticfiles": {{"BACKEND": "skewproof.storage.FileSystemReleaseStorage"}}}}
"""
PICTURES = ("gif", "jpeg", "jpg", "png")
MISSES = (
    "/static/",
    "/static/css/",
    "/static/css/site.000000000000.css",
    "/static/absent.css",
    "/static/css/.hidden.000000000000.css",
    "/static/.hidden",
)
# Everything that would lead to the manifests if one rule of the configuration were another.
WAYS_OUT = (
    "/releases/v1/staticfiles.json",
    "/static../releases/v1/staticfiles.json",
    "/static/../releases/v1/staticfiles.json",
    "/static/%2e%2e/releases/v1/staticfiles.json",
    "/static/..%2freleases/v1/staticfiles.json",
    "/static/releases/v1/staticfiles.json",
    "/static//../releases/v1/staticfiles.json",
)


def fill(folder: Path, endings: tuple[str, ...]) -> None:
    """Publish a release, and put in what else may lie about."""
    source = folder / "source" / PLAIN
    source.parent.mkdir(parents=True)
    source.write_bytes(CSS)
    (folder / "settings.py").write_text(SETTINGS.format(folder=folder))
    subprocess.run(
        [sys.executable, "-m", "django", "collectstatic", "--no-input"],
        cwd=folder,
        env={
            "PYTHONPATH": f"{ROOT / 'app'}{os.pathsep}{folder}",
            "DJANGO_SETTINGS_MODULE": "settings",
            "RELEASE_ID": RELEASE,
        },
        capture_output=True,
        check=True,
    )
    for name in ("css/.hidden.000000000000.css", ".hidden", "types/page.de.cgi.var.gz.js"):
        (folder / "static" / name).parent.mkdir(exist_ok=True)
        (folder / "static" / name).write_bytes(CSS)
    for ending in endings:
        (folder / "static" / "types" / f"file.{ending}").write_bytes(b"x")


def manifest(site: Site) -> bytes:
    """Return the manifest of the release."""
    return (site.folder / "releases" / RELEASE / "staticfiles.json").read_bytes()


def check_release(site: Site) -> Iterator[str]:
    """All that the release consists of is there, under both kinds of names."""
    for source, asset in json.loads(manifest(site))["paths"].items():
        answer = site.get(f"/static/{asset}")
        if answer.status != 200 or md5(answer.body)[:12] not in asset:
            yield f"{asset} answers {answer.status}"
        elif (copy := site.get(f"/static/{source}")).status != 200:
            yield f"{source} answers {copy.status}"


def check_hashed_names(site: Site) -> Iterator[str]:
    """What has a hashed name may be kept for ever: the whole of it, a part, or what one has."""
    whole = site.get(f"/static/{HASHED}")
    tag = whole.headers.get("etag", "")
    for answer, status, body in (
        (whole, 200, CSS),
        (site.get(f"/static/{HASHED}", Range="bytes=0-9"), 206, CSS[:10]),
        (site.get(f"/static/{HASHED}", If_None_Match=tag), 304, b""),
    ):
        if (answer.status, answer.body, answer.cache) != (status, body, IMMUTABLE):
            yield f"{HASHED} answers {answer.status} {answer.cache}"


def check_other_headers(site: Site) -> Iterator[str]:
    """Other origins may read it, nobody guesses its type, and text comes compressed."""
    answer = site.get(f"/static/{HASHED}", Accept_Encoding="gzip", Origin="http://shop.test")
    headers = answer.headers
    if headers.get("access-control-allow-origin") != "*":
        yield "other origins may not read it"
    if headers.get("x-content-type-options") != "nosniff":
        yield "its type may be guessed"
    if headers.get("content-encoding") != "gzip" or gzip.decompress(answer.body) != CSS:
        yield "it is not compressed"
    if "Accept-Encoding" not in headers.get("vary", ""):
        yield "a cache does not know that it is"


def check_unhashed_names(site: Site) -> Iterator[str]:
    """What has a source name is the next release's soon."""
    answer = site.get(f"/static/{PLAIN}")
    if (answer.status, answer.body, answer.cache) != (200, CSS, "no-cache"):
        yield f"{PLAIN} answers {answer.status} {answer.cache}"


def check_misses(site: Site) -> Iterator[str]:
    """What is not there, or is nobody's business, is a 404 that no cache keeps."""
    for path in MISSES:
        answer = site.get(path)
        if (answer.status, answer.cache) != (404, "no-store"):
            yield f"{path} answers {answer.status} {answer.cache}"


def check_manifests(site: Site) -> Iterator[str]:
    """No way leads to the manifests."""
    for path in WAYS_OUT:
        answer = site.get(path)
        if answer.body == manifest(site):
            yield f"{path} is a manifest"


def check_types(site: Site) -> Iterator[str]:
    """Each ending has the type that it has in a bucket, however many endings a name has."""
    for file in sorted((site.served / "types").iterdir()):
        answer = site.get(f"/static/types/{file.name}")
        wanted = guess_headers(f"x{file.suffix}")["Content-Type"]
        if (answer.status, answer.headers.get("content-type")) != (200, wanted):
            yield f"{file.name} is {answer.status} {answer.headers.get('content-type')}"
        if "content-encoding" in answer.headers:
            yield f"{file.name} is said to be compressed"


Write = Callable[[str, bytes], object]


def check_writing(site: Site, publisher: Callable[[Path], Write] | None = None) -> Iterator[str]:
    """A file that is being written is not there, under no name; then all of it is.

    The writer is held after the first of its bytes are on the disk, before the last step.
    """
    body = b"half" * 50_000
    name = f"js/shop.{md5(body)[:12]}.js"
    write = (publisher or publishing)(site.served)
    has_come, may_go = threading.Event(), threading.Event()

    def held(_: int) -> None:
        has_come.set()
        may_go.wait(30)

    with mock.patch("os.fsync", held):
        thread = threading.Thread(target=write, args=(name, body))
        thread.start()
        try:
            assert has_come.wait(30)
            beside = [file.name for file in (site.served / "js").iterdir()]
            for each in {name, *(f"js/{file}" for file in beside)}:
                yield from fault_of_unwritten(each, site.get(f"/static/{each}"))
        finally:
            may_go.set()
            thread.join(30)
    answer = site.get(f"/static/{name}")
    if (answer.status, answer.body) != (200, body):
        yield f"a file that was written answers {answer.status}"
    (site.served / name).unlink()


def fault_of_unwritten(name: str, answer: Answer) -> Iterator[str]:
    """Yield what is wrong with the answer to a name that is not there yet."""
    if (answer.status, answer.cache) != (404, "no-store"):
        kind = "its final name" if name.startswith("js/shop.") else "another name"
        yield f"a file that is being written answers {answer.status} {answer.cache} under {kind}"


def publishing(served: Path) -> Write:
    """Return how a publish writes an asset."""
    modes = SimpleNamespace(file_permissions_mode=0o644, directory_permissions_mode=None)
    store = Directory(served, served.parent / "releases", modes)  # type: ignore[arg-type] # all of it that is read
    return lambda name, body: store.create_asset(name, body, {})


Check = Callable[["Site"], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    check_release,
    check_hashed_names,
    check_other_headers,
    check_unhashed_names,
    check_misses,
    check_manifests,
    check_types,
    check_writing,
)
