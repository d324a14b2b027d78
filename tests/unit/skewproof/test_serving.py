"""Pages by an event loop, which no store that is slow may stop: uvicorn in a process of its own."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.skewproof.project import Project
from tests.unit.skewproof.proxy import Failure, Proxy

import skewproof
from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


PATIENCE = 30  # seconds in which a machine that has much to do gets around to what takes one
SETTINGS = """
SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["shop.example"]
INSTALLED_APPS = ["skewproof", "django.contrib.staticfiles"]
MIDDLEWARE = [
    "skewproof.middleware.ReleaseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "served_urls"
STATIC_URL = "/static/"
STORAGES = {{"staticfiles": {storage!r}}}
"""
URLS = """
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import include, path


async def page(request):
    return HttpResponse(static("css/site.css"))


urlpatterns = [path("", include("skewproof.urls")), path("page", page)]
"""
# Patient enough that an event loop that waited for the store would answer nobody meanwhile.
STORAGE = """
from botocore.config import Config
from skewproof.storage import S3ReleaseStorage


class PatientStorage(S3ReleaseStorage):
    def __init__(self, **options):
        super().__init__(client_config=Config(read_timeout=100), **options)
        self._loader._patience = 100
"""
ASGI = "from django.core.asgi import get_asgi_application\napplication = get_asgi_application()\n"


@contextmanager
def uvicorn(project: Project, folder: Path) -> Iterator[int]:
    """Serve the project by one event loop; yield its port."""
    configured = project.place.configured(**project.options)
    text = SETTINGS.format(storage={**configured, "BACKEND": "served_storage.PatientStorage"})
    files = {"settings": text, "storage": STORAGE, "urls": URLS, "asgi": ASGI}
    for name, content in files.items():
        (folder / f"served_{name}.py").write_text(content, encoding="utf-8")
    port = free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--lifespan", "off"]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", *options, "served_asgi:application"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(skewproof.__file__).parents[1]), *sys.path]),
            "DJANGO_SETTINGS_MODULE": "served_settings",
            "RELEASE_ID": "v1",
        },
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not is_listening(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def is_listening(port: int) -> bool:
    try:
        return ask(port, "/livez", "10.1.2.3")[0] == 200
    except ConnectionRefusedError:
        return False


def ask(port: int, url: str, host: str = "shop.example") -> tuple[int, str]:
    """Return status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", url, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_server_has_the_manifest_before_it_answers_and_needs_the_store_no_more(
    proxied: tuple[Project, Proxy], tmp_path: Path
) -> None:
    project, proxy = proxied
    asset = project.manifest("v1")["paths"]["css/site.css"]
    proxy.reset(lambda *_: None)
    with uvicorn(project, tmp_path) as port:
        assert len(proxy.requests) == 1
        proxy.reset(lambda *_: Failure(503))
        status, page = ask(port, "/page")
    assert status == 200
    assert page.endswith(f"/{asset}")
    assert len(proxy.requests) == 0


@pytest.mark.parametrize("url", ["/page", "/readyz"])
def test_an_event_loop_answers_others_while_the_first_request_waits_for_a_slow_store(
    url: str, proxied: tuple[Project, Proxy], tmp_path: Path
) -> None:
    project, proxy = proxied
    asset = project.manifest("v1")["paths"]["css/site.css"]
    asked, answered = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        answered.wait(2 * PATIENCE)

    proxy.reset(lambda *_: Failure(503))
    with uvicorn(project, tmp_path) as port, ThreadPoolExecutor(1) as pool:
        proxy.reset(lambda *_: Failure("nothing", happens=hold))
        time.sleep(1)  # until the storage tries again
        waiting = pool.submit(ask, port, url, "shop.example")
        assert asked.wait(PATIENCE)
        try:
            assert ask(port, "/livez", "10.1.2.3") == (200, "alive\n")
            assert not waiting.done()
        finally:
            answered.set()
        assert waiting.result(PATIENCE)[0] == 200
        status, page = ask(port, "/page")
        assert status == 200
        assert page.endswith(f"/{asset}")
        assert ask(port, "/page", "10.1.2.3")[0] == 400
        assert ask(port, "/readyz", "10.1.2.3")[0] == 200
    assert len(proxy.requests) == 1
