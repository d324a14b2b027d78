"""Whatever is wrong with the manifest, no process is poisoned by it, and no page is wrong."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from tests.unit.skewproof.pages import Pages
from tests.unit.skewproof.project import Project
from tests.unit.skewproof.proxy import Failure, Proxy

import skewproof
from lab.stacks.ports import free_port
from skewproof.backends import loader
from skewproof.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.skewproof.proxy import Fault, Request

MANIFEST = "releases/v1/staticfiles.json"
VISITORS = 20
PATIENCE = 20  # seconds in which a machine that has much to do gets around to what takes one


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def of_a_later_version(content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "version": "3.0"}).encode()


FORBIDDEN = Failure(403, code="AccessDenied")
DISEASES: dict[str, tuple[str, Callable[[bytes], bytes | None] | Failure]] = {
    "absent": ("manifest absent", lambda _: None),
    "truncated": ("manifest unusable", truncated),
    "empty": ("manifest unusable", lambda _: b""),
    "HTML": ("manifest unusable", lambda _: b"<!doctype html><title>Welcome</title>"),
    "of an unknown version": ("manifest unusable", of_a_later_version),
    "forbidden": ("manifest forbidden", FORBIDDEN),
    "behind a store that fails": ("manifest unreachable", Failure(503)),
    "behind a store that is down": ("manifest unreachable", Failure("reset")),
    "behind a store that never answers": ("manifest unreachable", Failure("silence")),
    "behind a store that drips": ("manifest unreachable", Failure("drip")),
}


def nothing(number: int, request: Request) -> Fault:  # noqa: ARG001 - a plan
    """Let every request through."""
    return None


@contextmanager
def ill(
    what: Callable[[bytes], bytes | None] | Failure, project: Project, proxy: Proxy
) -> Iterator[None]:
    """Have something wrong with the manifest."""
    content = project.place.read(MANIFEST)
    if isinstance(what, Failure):
        proxy.reset(lambda *_: what)
    else:
        changed = what(content)
        project.place.delete(MANIFEST)
        if changed is not None:
            project.place.write(MANIFEST, changed)
    yield
    if not isinstance(what, Failure):
        project.place.write(MANIFEST, content)
    proxy.reset(nothing)


def is_well_soon(get: Callable[[str], Any], asset: str) -> None:
    """See that pages are right again, without anything but time; and that none is wrong."""
    deadline = time.monotonic() + PATIENCE
    while (page := get("/page"))[0] != 200:
        assert page[0] == 500
        assert time.monotonic() < deadline
    assert page[1].endswith(f"/{asset}")
    assert get("/readyz")[0] == 200


@pytest.mark.parametrize(("reason", "what"), DISEASES.values(), ids=DISEASES)
def test_a_process_whose_manifest_is(
    reason: str,
    what: Callable[[bytes], bytes | None] | Failure,
    proxied: tuple[Project, Proxy],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ask a store in trouble little, say so in /readyz and in the log of each page, and heal."""
    project, proxy = proxied
    monkeypatch.setattr("skewproof.storage.ReleaseManifestMixin.pause", 0.3)
    asset = project.manifest("v1")["paths"]["css/site.css"]

    def get(url: str) -> tuple[int, str]:
        answer = Client(raise_request_exception=False).get(url)
        return answer.status_code, answer.text

    with project.active("v1", ROOT_URLCONF=Pages):
        with ill(what, project, proxy):
            started = time.monotonic()
            with ThreadPoolExecutor(VISITORS) as pool:
                answers = list(pool.map(get, ["/page", "/readyz"] * 3 * VISITORS))
            asked, took = len(proxy.requests), time.monotonic() - started
        assert {status for status, _ in answers[::2]} == {500}
        assert {status for status, _ in answers[1::2]} == {503}
        assert {json.loads(text)["reason"] for _, text in answers[1::2]} == {reason}
        assert 1 <= asked <= 1 + took / 0.3
        errors = [each.exc_info[1] for each in caplog.records if each.exc_info]
        assert len(errors) == 3 * VISITORS
        assert {type(error) for error in errors} == {ManifestError}
        is_well_soon(get, asset)


SETTINGS = """
SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["skewproof", "django.contrib.staticfiles"]
MIDDLEWARE = ["skewproof.middleware.ReleaseMiddleware"]
ROOT_URLCONF = "served_urls"
STATIC_URL = "/static/"
STORAGES = {{"staticfiles": {storage!r}}}
LOGGING = {{
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {{"console": {{"class": "logging.StreamHandler"}}}},
    "root": {{"handlers": ["console"]}},
}}
"""
URLS = """
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import include, path

urlpatterns = [
    path("", include("skewproof.urls")),
    path("page", lambda request: HttpResponse(static("css/site.css"))),
]
"""
WSGI = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"


@contextmanager
def gunicorn(project: Project, folder: Path, *options: str) -> Iterator[tuple[int, Path]]:
    """Serve the project by one worker with a thread for each visitor; yield its port and log."""
    text = SETTINGS.format(storage=project.place.configured(**project.options))
    for name, content in (("settings", text), ("urls", URLS), ("wsgi", WSGI)):
        (folder / f"served_{name}.py").write_text(content, encoding="utf-8")
    port, log = free_port(), folder / "log"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--threads", str(VISITORS + 4), *options, "served_wsgi:application"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{Path(skewproof.__file__).parents[1]}:{folder}",
                "DJANGO_SETTINGS_MODULE": "served_settings",
                "RELEASE_ID": "v1",
            },
            stdout=output,
            stderr=output,
        )
    try:
        yield port, log
    finally:
        process.terminate()
        process.wait(30)


def ask(port: int, url: str) -> tuple[int, str]:
    """Return status and body; 0 when nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", url)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except ConnectionRefusedError:
        return 0, ""
    finally:
        connection.close()


@pytest.mark.parametrize("how", ["silence", "drip"])
def test_a_server_behind_a_store_that_does_not_come_to_an_end_lives_and_heals(
    how: str, proxied: tuple[Project, Proxy], tmp_path: Path
) -> None:
    project, proxy = proxied
    asset = project.manifest("v1")["paths"]["css/site.css"]
    with ExitStack() as server:
        with ill(Failure(how), project, proxy):
            started = time.monotonic()
            port, log = server.enter_context(gunicorn(project, tmp_path))
            while ask(port, "/livez")[0] != 200:
                assert time.monotonic() < started + PATIENCE, log.read_text(encoding="utf-8")
            with ThreadPoolExecutor(VISITORS) as pool:
                urls = ["/page", "/readyz", "/livez"] * 2 * VISITORS
                answers = list(pool.map(lambda url: ask(port, url), urls))
            asked, took = len(proxy.requests), time.monotonic() - started
        statuses = {(url, status) for url, (status, _) in zip(urls, answers, strict=True)}
        assert statuses == {("/page", 500), ("/readyz", 503), ("/livez", 200)}
        assert "manifest unreachable" in answers[1][1]
        assert 1 <= asked <= 1 + took
        is_well_soon(lambda url: ask(port, url), asset)
    said = log.read_text(encoding="utf-8")
    assert re.search("ManifestError: .*release v1: no manifest from s3://", said)
    assert "WORKER TIMEOUT" not in said


def test_workers_of_a_preloaded_server_need_the_store_only_if_it_failed_before_they_were_forked(
    proxied: tuple[Project, Proxy], tmp_path: Path
) -> None:
    project, proxy = proxied
    asset = project.manifest("v1")["paths"]["css/site.css"]
    for failure in (None, Failure("drip")):
        proxy.reset(lambda *_, failure=failure: failure)
        folder = tmp_path / str(failure)
        folder.mkdir()
        with gunicorn(project, folder, "--preload", "--workers", "2") as (port, log):
            deadline = time.monotonic() + PATIENCE
            while ask(port, "/livez")[0] != 200:
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            assert len(proxy.requests) == 1
            proxy.reset(lambda *_, failure=failure: None if failure else Failure(503))
            # A worker waits for no thread of the process that it was forked from.
            for _ in range(8):
                is_well_soon(lambda url: ask(port, url), asset)
            assert len(proxy.requests) <= (2 if failure else 0)


def skewproof_threads() -> int:
    return sum(each.name == "skewproof-manifest" for each in threading.enumerate())


# What is told to a thread in a moment in which Python tidies up is lost, and told again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("how", ["drip", "drip in the headers", "flood"])
def test_a_manifest_that_never_ends_takes_few_threads_and_little_memory_and_heals(
    how: str, proxied: tuple[Project, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, proxy = proxied
    monkeypatch.setattr("skewproof.storage.ReleaseManifestMixin.pause", 0)
    monkeypatch.setattr("skewproof.manifest.LARGEST", 2**20)
    monkeypatch.setattr(loader, "GIVEN_UP", 1.0)
    asset, before = project.manifest("v1")["paths"]["css/site.css"], skewproof_threads()
    storage = project.storage()
    storage._loader = loader.Loader(pause=0, patience=0.1)
    with ill(Failure(how), project, proxy):
        reached, deadline = set(), time.monotonic() + PATIENCE
        while len(proxy.requests) < 6 and time.monotonic() < deadline:
            with project.active("v1"), pytest.raises(ManifestError) as caught:
                storage.url("css/site.css")
            reached.add("too large" if "has more than" in str(caught.value) else "late")
            assert skewproof_threads() - before <= loader.MOST
        assert len(proxy.requests) == 6
    assert ("too large" in reached) == (how == "flood")
    deadline = time.monotonic() + PATIENCE
    while skewproof_threads() > before:
        assert time.monotonic() < deadline
        with project.active("v1"), suppress(ManifestError):
            assert storage.url("css/site.css").endswith(asset)
