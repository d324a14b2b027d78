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
from tests.s3servers import free_port, wanted
from tests.unit.skewproof.places import BucketPlace
from tests.unit.skewproof.project import Project
from tests.unit.skewproof.proxy import Failure, Proxy, proxying

import skewproof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.s3servers import S3Server

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
# Each answer says as the how many-th it began: only the loop itself knows what came first.
ASGI = """
import itertools

from django.core.asgi import get_asgi_application

served, numbers = get_asgi_application(), itertools.count(1)


async def application(scope, receive, send):
    async def send_numbered(message):
        if message["type"] == "http.response.start":
            message["headers"].append((b"x-number", str(next(numbers)).encode()))
        await send(message)

    await served(scope, receive, send_numbered)
"""


@pytest.fixture
def proxied(
    s3_server_of_kind: Callable[[str], S3Server], tmp_path: Path
) -> Iterator[tuple[Project, Proxy]]:
    """Return a project that has published v1 and reads it through a proxy."""
    place = BucketPlace(s3_server_of_kind(wanted()[0]))
    with proxying(place.server.endpoint) as proxy:
        project = Project(tmp_path / "source", place, {"endpoint_url": proxy.endpoint})
        project.write({"css/site.css": "a {}\n"})
        project.publish("v1")
        yield project, proxy


@contextmanager
def uvicorn(project: Project, folder: Path) -> Iterator[int]:
    """Serve the project by one event loop; yield its port."""
    text = SETTINGS.format(storage=project.place.configured(**project.options))
    for name, content in (("settings", text), ("urls", URLS), ("asgi", ASGI)):
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


def ask(port: int, url: str, host: str = "shop.example") -> tuple[int, int, str]:
    """Return status, number and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", url, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, int(answer.headers["X-Number"]), answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("url", ["/page", "/readyz"])
def test_an_event_loop_answers_others_while_the_first_request_waits_for_a_slow_store(
    url: str, proxied: tuple[Project, Proxy], tmp_path: Path
) -> None:
    project, proxy = proxied
    asset = project.manifest("v1")["paths"]["css/site.css"]
    asked, answered = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        assert answered.wait(PATIENCE)

    with uvicorn(project, tmp_path) as port, ThreadPoolExecutor(1) as pool:
        proxy.reset(lambda *_: Failure("nothing", happens=hold))
        waiting = pool.submit(ask, port, url)
        assert asked.wait(PATIENCE)
        status, number, _ = ask(port, "/livez", "10.1.2.3")
        answered.set()
        assert status == 200
        assert number < waiting.result(PATIENCE)[1]
        deadline = time.monotonic() + PATIENCE
        while (page := ask(port, "/page"))[0] != 200:
            assert time.monotonic() < deadline
        assert page[2].endswith(f"/{asset}")
        assert ask(port, "/page", "10.1.2.3")[0] == 400
        assert ask(port, "/readyz", "10.1.2.3")[0] == 200
    assert sum(each.method == "GET" for each in proxy.requests) <= 3
