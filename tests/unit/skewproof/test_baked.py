"""A manifest in the image: pages without a store, and a barrier for who wants one."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from django.core.management import CommandError, call_command
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.test import Client
from django.urls import include, path

from skewproof.storage import ReleaseManifestMixin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Proxy

RECORD = "releases/v1/staticfiles.json"


def page(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view
    return HttpResponse(static("css/site.css"))


class Pages:
    """The URLs of the project in these tests."""

    urlpatterns = (path("", include("skewproof.urls")), path("page", page))


def get(url: str) -> Any:
    return Client(raise_request_exception=False).get(url)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The file in the image that holds the manifest."""
    (tmp_path / "image").mkdir()
    return tmp_path / "image" / "staticfiles.json"


@contextmanager
def process(project: Project, image: Path, release: str = "v1", **options: Any) -> Iterator[None]:
    """Be a new process of the image."""
    before = project.options
    project.options = {**before, "baked_manifest": image, **options}
    with project.active(release, ROOT_URLCONF=Pages):
        try:
            yield
        finally:
            project.options = before


def collect(*arguments: str) -> None:
    call_command("collectstatic", "--no-input", "-v0", *arguments)


def bake(project: Project, image: Path, release: str = "v1") -> None:
    with process(project, image, release):
        collect("--bake")


@pytest.fixture
def black_hole() -> Iterator[socket.socket]:
    """A listener that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def endpoint(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def assert_nobody_asked(listener: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_neither_the_build_nor_the_pages_need_a_store_or_credentials(
    s3_project: Project,
    image: Path,
    black_hole: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "nowhere"))
    nothing = {"endpoint_url": endpoint(black_hole), "access_key": None, "secret_key": None}
    with process(s3_project, image, **nothing):
        collect("--bake")
        assert get("/readyz").json() == {"ready": True, "release": "v1"}
        found = get("/page")
    asset = json.loads(image.read_bytes())["paths"]["css/site.css"]
    assert found.status_code == 200
    assert found.text == f"https://cdn.test/{s3_project.place.key(f'static/{asset}')}"
    assert_nobody_asked(black_hole)


def test_what_is_baked_is_what_is_published_byte_for_byte(project: Project, image: Path) -> None:
    bake(project, image)
    # As if the build were long ago: what is published must not be made anew.
    document = {**json.loads(image.read_bytes()), "created": "2026-01-01T00:00:00+00:00"}
    baked = json.dumps(document).encode()
    image.write_bytes(baked)
    assert project.place.entries() == {}
    with process(project, image):
        collect()
        assert project.place.read(RECORD) == baked
        before = project.place.entries()
        collect()
    project.assert_whole("v1")
    assert project.place.entries() == before
    project.write({"css/site.css": "other"})
    with pytest.raises(CommandError, match="with other content") as caught:
        project.publish("v1")
    assert caught.value.returncode == 3


def test_a_baked_manifest_is_the_one_that_a_publish_by_itself_would_write(
    directory_project: Project, image: Path
) -> None:
    bake(directory_project, image)
    directory_project.publish("v1")
    stored, baked = directory_project.manifest("v1"), json.loads(image.read_bytes())
    assert list(stored) == list(baked)
    del stored["created"], baked["created"]
    assert stored == baked


def test_files_that_are_not_those_that_were_baked_are_not_published(
    directory_project: Project, image: Path
) -> None:
    bake(directory_project, image)
    directory_project.write({"css/site.css": "changed after the build"})
    with process(directory_project, image), pytest.raises(CommandError) as caught:
        collect()
    assert "the baked manifest" in str(caught.value)
    assert "css/site.css is" in str(caught.value)
    assert caught.value.returncode == 1
    assert directory_project.place.entries() == {}


BROKEN = {
    "absent": (None, "manifest absent", "no baked manifest from"),
    "broken": (b"{", "manifest unusable", "it is not JSON"),
    "directory": ("mkdir", "manifest unreachable", "reading failed"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_an_image_without_a_usable_manifest_says_so_and_does_not_ask_the_store(
    fault: str, directory_project: Project, image: Path
) -> None:
    content, reason, why = BROKEN[fault]
    directory_project.publish("v1")
    if content == "mkdir":
        image.mkdir()
    elif isinstance(content, bytes):
        image.write_bytes(content)
    with process(directory_project, image):
        answer = get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["reason"] == reason
        assert why in answer.json()["detail"]
        assert str(image) in answer.json()["detail"]
        assert "collectstatic --bake" in answer.json()["detail"]
        assert get("/page").status_code == 500
        with pytest.raises(CommandError, match="collectstatic --bake"):
            collect()


def test_the_manifest_of_another_release_is_refused(
    directory_project: Project, image: Path
) -> None:
    bake(directory_project, image, "v1")
    with process(directory_project, image, "v2"):
        answer = get("/readyz")
        assert answer.json()["reason"] == "manifest unusable"
        assert "release v2" in answer.json()["detail"]
        assert "it belongs to release 'v1'" in answer.json()["detail"]
        with pytest.raises(CommandError, match="it belongs to release 'v1'"):
            collect()


def test_a_manifest_that_names_no_release_is_not_taken_for_a_baked_one(
    directory_project: Project, image: Path
) -> None:
    image.write_text(json.dumps({"version": "1.1", "paths": {"css/site.css": "css/site.1.css"}}))
    with process(directory_project, image):
        assert "it names no release" in get("/readyz").json()["detail"]


def test_behind_the_barrier_a_process_serves_pages_and_is_ready_once_the_release_is_published(
    project: Project, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReleaseManifestMixin, "pause", 0)
    bake(project, image)
    with process(project, image, publish_barrier=True):
        answer = get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["reason"] == "manifest absent"
        assert project.place.key(RECORD) in answer.json()["detail"]
        assert get("/page").status_code == 200
        collect()
        assert get("/readyz").json() == {"ready": True, "release": "v1"}
        project.place.delete(RECORD)
        assert get("/readyz").status_code == 200


def test_the_barrier_sees_that_another_image_has_the_same_id(
    directory_project: Project, image: Path, next_tree: dict[str, str]
) -> None:
    bake(directory_project, image)
    directory_project.write(next_tree)
    directory_project.publish("v1")
    with process(directory_project, image, publish_barrier=True):
        answer = get("/readyz")
        assert answer.json()["reason"] == "manifest unusable"
        assert "n.txt is only there" in answer.json()["detail"]
        assert "two images have one id" in answer.json()["detail"]
        assert get("/page").status_code == 200


def test_many_that_wait_at_the_barrier_ask_the_store_once_a_pause(
    watched: Project, proxy: Proxy, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReleaseManifestMixin, "pause", 3600)
    bake(watched, image)
    proxy.reset(lambda number, request: None)  # noqa: ARG005
    with process(watched, image, publish_barrier=True):
        Client().get("/livez")  # the middleware is made before there are threads
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(get, ["/readyz"] * 36))
    assert {answer.status_code for answer in answers} == {503}
    assert [request.method for request in proxy.requests] == ["GET"]


def test_a_barrier_that_has_no_store_to_ask_names_the_store_and_pages_are_served(
    s3_project: Project, image: Path, black_hole: socket.socket
) -> None:
    bake(s3_project, image)
    nothing = {
        "endpoint_url": endpoint(black_hole),
        "client_config": Config(read_timeout=0.2, retries={"total_max_attempts": 1}),
    }
    with process(s3_project, image, publish_barrier=True, **nothing):
        assert get("/readyz").json()["reason"] == "manifest unreachable"
        assert get("/page").status_code == 200


def test_a_look_up_in_a_baked_manifest_is_stock_djangos(
    directory_project: Project, image: Path
) -> None:
    from django.contrib.staticfiles.storage import ManifestFilesMixin

    bake(directory_project, image)
    storage = directory_project.storage(baked_manifest=image)
    with directory_project.active("v1"):
        storage.url("css/site.css")
    # A plain attribute and Django's own methods: there is nothing that could take longer.
    assert type(vars(storage)["hashed_files"]) is dict
    for name in ("url", "_url", "stored_name", "hash_key"):
        assert getattr(type(storage), name) is getattr(ManifestFilesMixin, name)


def test_baking_again_replaces_the_manifest_whole_and_everybody_may_read_it(
    directory_project: Project, image: Path
) -> None:
    bake(directory_project, image, "v1")
    inode = image.stat().st_ino
    bake(directory_project, image, "v2")
    assert image.stat().st_ino != inode
    assert json.loads(image.read_bytes())["release"] == "v2"
    umask = os.umask(0)
    os.umask(umask)
    assert image.stat().st_mode & 0o777 == 0o666 & ~umask
    assert list(image.parent.iterdir()) == [image]


def test_what_cannot_be_baked_is_said_in_one_line(
    directory_project: Project, image: Path, tmp_path: Path
) -> None:
    with directory_project.active("v1"), pytest.raises(CommandError, match="baked_manifest"):
        collect("--bake")
    with process(directory_project, image):
        with pytest.raises(CommandError, match="nothing was hashed"):
            collect("--bake", "--no-post-process")
        collect("--bake", "--dry-run")
    assert not image.exists()
    nowhere = tmp_path / "nowhere" / "staticfiles.json"
    with process(directory_project, nowhere), pytest.raises(CommandError, match="cannot be writ"):
        collect("--bake")
    stock = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with (
        directory_project.active("v1", STORAGES=stock),
        pytest.raises(CommandError, match="which knows no releases"),
    ):
        collect("--bake")


def test_baking_says_what_it_wrote(
    directory_project: Project, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with process(directory_project, image):
        call_command("collectstatic", "--no-input", "--bake")
    names = len(json.loads(image.read_bytes())["paths"])
    said = capsys.readouterr().out
    assert said == f"the manifest of release v1, {names} names, is baked into {image}\n"
