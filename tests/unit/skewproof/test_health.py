from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.test import AsyncClient, Client
from django.urls import include, path
from tests.unit.skewproof.pages import Pages

from skewproof.errors import ReleaseIdError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Proxy


def get(url: str) -> Any:
    return Client(raise_request_exception=False).get(url)


@pytest.mark.usefixtures("everywhere")
def test_a_process_without_a_manifest_lives_and_is_not_ready_until_it_appears(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skewproof.storage.ReleaseManifestMixin.pause", 0)
    with project.active("v1", ROOT_URLCONF=Pages):
        assert get("/livez").status_code == 200
        answer = get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["ready"] is False
        assert answer.json()["release"] == "v1"
        assert answer.json()["reason"] == "manifest absent"
        assert project.place.key("releases/v1/staticfiles.json") in answer.json()["detail"]
        assert get("/page").status_code == 500
        call_command("collectstatic", "--no-input", "-v0")
        assert get("/readyz").json() == {"ready": True, "release": "v1"}
        page = get("/page")
        assert page.status_code == 200
        assert project.manifest("v1")["paths"]["css/site.css"] in page.text


def test_no_release_id_is_named_as_the_reason(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project.active("v1", MIDDLEWARE=[]):
        monkeypatch.delenv("RELEASE_ID")
        answer = get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "configuration"
    assert answer.json()["release"] is None
    assert "no release id" in answer.json()["detail"]


def test_options_that_contradict_each_other_are_named_as_the_reason(
    directory_project: Project,
) -> None:
    directory_project.options = {"location": None}
    with directory_project.active("v1"):
        answer = get("/readyz")
    assert answer.status_code == 503
    assert "set STATIC_ROOT" in answer.json()["detail"]


def test_health_answers_are_never_cached_and_take_no_writes(project: Project) -> None:
    with project.active("v1"):
        for url in ("/livez", "/readyz"):
            assert get(url).headers["Cache-Control"] == "no-store"
            assert Client().post(url).status_code == 405
            assert Client().head(url).status_code in (200, 503)


@pytest.mark.parametrize("by", ["variable", "setting"])
def test_a_process_that_drains_is_not_ready_and_lives(
    by: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.publish("v1")
    file = tmp_path / "draining"
    monkeypatch.delenv("DRAIN_FILE", raising=False)
    settings = {"SKEWPROOF_DRAIN_FILE": file} if by == "setting" else {}
    if by == "variable":
        monkeypatch.setenv("DRAIN_FILE", str(file))
    with project.active("v1", **settings):
        assert get("/readyz").status_code == 200
        file.touch()
        assert get("/readyz").status_code == 503
        assert get("/readyz").json()["reason"] == "draining"
        assert get("/livez").status_code == 200
        file.unlink()
        assert get("/readyz").status_code == 200


STOCK = {
    "shared": "storages.backends.s3.S3ManifestStaticStorage",
    "plain": "django.contrib.staticfiles.storage.StaticFilesStorage",
}


@pytest.mark.parametrize("backend", STOCK.values(), ids=STOCK)
def test_readiness_of_a_stock_storage_does_not_load_its_manifest(
    backend: str, watched: Project, proxy: Proxy
) -> None:
    options = watched.place.configured(**watched.options)["OPTIONS"] if "s3" in backend else {}
    stock = {"staticfiles": {"BACKEND": backend, "OPTIONS": options}}
    with watched.active("v1", STORAGES=stock):
        assert get("/readyz").json() == {"ready": True, "release": "v1"}
    assert proxy.requests == []


def test_in_debug_readiness_asks_for_no_manifest(project: Project) -> None:
    with project.active("v1", DEBUG=True):
        assert get("/readyz").status_code == 200


@pytest.mark.parametrize("url", ["/livez", "/readyz", "/page", "/slow", "/broken", "/nowhere"])
def test_every_response_names_its_release(url: str, directory_project: Project) -> None:
    with directory_project.active("v7", ROOT_URLCONF=Pages):
        assert get(url).headers["X-Release"] == "v7"


def test_a_refused_host_names_the_release_too(directory_project: Project) -> None:
    middleware = [
        "skewproof.middleware.ReleaseMiddleware",
        "django.middleware.common.CommonMiddleware",
    ]
    with directory_project.active("v7", MIDDLEWARE=middleware, ALLOWED_HOSTS=["only.test"]):
        answer = get("/page")
    assert answer.status_code == 400
    assert answer.headers["X-Release"] == "v7"


STACK = [
    "skewproof.middleware.ReleaseMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ADDRESS = "10.1.2.3:8000"  # as Kubernetes names it


def get_sync(url: str, host: str, *, secure: bool = False) -> int:
    client = Client(raise_request_exception=False)
    return client.get(url, headers={"host": host}, secure=secure).status_code


def get_async(url: str, host: str, *, secure: bool = False) -> int:
    """Ask as a server does: Django's own client would add a host that is allowed."""

    async def ask() -> int:
        scope = {
            "type": "http",
            "method": "GET",
            "path": url.partition("?")[0],
            "query_string": url.partition("?")[2].encode(),
            "headers": [(b"host", host.encode())],
            "scheme": "https" if secure else "http",
        }
        server = ApplicationCommunicator(get_asgi_application(), scope)
        await server.send_input({"type": "http.request"})
        status: int = (await server.receive_output(10))["status"]
        await server.wait(10)
        return status

    return asyncio.run(ask())


@pytest.mark.parametrize("prefix", ["", "internal/"])
@pytest.mark.parametrize("ask", [get_sync, get_async], ids=["WSGI", "ASGI"])
@pytest.mark.parametrize("backend", ["ours", *STOCK])
def test_a_probe_by_address_needs_no_allowed_host_and_is_not_redirected(
    backend: str, ask: Callable[..., Any], prefix: str, directory_project: Project
) -> None:
    class Urls:
        urlpatterns = (path(prefix, include(Pages)),)

    storages = {"staticfiles": {"BACKEND": STOCK.get(backend)}}
    changed: dict[str, Any] = {} if backend == "ours" else {"STORAGES": storages}
    with directory_project.active(
        "v1",
        ROOT_URLCONF=Urls,
        MIDDLEWARE=STACK,
        ALLOWED_HOSTS=["shop.example"],
        SECURE_SSL_REDIRECT=True,
        **changed,
    ):
        assert ask(f"/{prefix}livez", ADDRESS) == 200
        assert ask(f"/{prefix}readyz", ADDRESS) == (503 if backend == "ours" else 200)
        for url in ("slow", "nowhere/livez", "livez/", "page?readyz"):
            assert ask(f"/{prefix}{url}", "shop.example") == 301
            assert ask(f"/{prefix}{url}", ADDRESS, secure=True) == 400


@pytest.mark.parametrize("backend", [STOCK["plain"], None])
def test_with_a_storage_of_another_package_the_middleware_adds_no_header(
    backend: str | None, directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages = {"staticfiles": {"BACKEND": backend}} if backend else {}
    with directory_project.active("v7", STORAGES=storages):
        monkeypatch.delenv("RELEASE_ID")
        answer = get("/livez")
        assert get("/readyz").json() == {"ready": True, "release": None}
    assert answer.status_code == 200
    assert "X-Release" not in answer.headers


@pytest.mark.parametrize("url", ["/livez", "/slow", "/broken"])
def test_every_response_of_an_asynchronous_server_names_its_release(
    url: str, directory_project: Project
) -> None:
    async def ask() -> Any:
        return await AsyncClient(raise_request_exception=False).get(url)

    with directory_project.active("v7", ROOT_URLCONF=Pages):
        assert asyncio.run(ask()).headers["X-Release"] == "v7"


def test_a_server_without_a_release_id_does_not_start(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with directory_project.active("v1"):
        monkeypatch.delenv("RELEASE_ID")
        with pytest.raises(ReleaseIdError):
            Client().get("/livez")


def test_in_debug_a_server_without_a_release_id_starts_without_the_header(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with directory_project.active("v1", DEBUG=True):
        monkeypatch.delenv("RELEASE_ID")
        assert "X-Release" not in get("/livez").headers
