"""Real S3 servers, real directories, and a small Django project that publishes to any."""

from __future__ import annotations

import functools
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING
from unittest import mock

import django
import pytest
from botocore.loaders import create_loader
from django.conf import settings
from tests.machine import lacks
from tests.s3servers import credentials, start, wanted
from tests.unit.skewproof.checked import STARTED_WITH
from tests.unit.skewproof.clouds import KINDS, Cloud, CloudPlace, clouds, emulating
from tests.unit.skewproof.memory import waiting_for_looks
from tests.unit.skewproof.places import BucketPlace, DirectoryPlace, Place
from tests.unit.skewproof.project import NEXT_TREE, TREE, Project
from tests.unit.skewproof.proxy import Proxy, proxying

from skewproof import redaction
from skewproof.stores.s3_allowed import CERTIFICATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.s3servers import S3Server

collect_ignore = [
    *(["test_gcs.py"] if lacks("gcs") else []),
    *(["test_azure.py"] if lacks("azure") else []),
    *(["test_clouds.py"] if lacks("gcs") and lacks("azure") else []),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what talks to S3 with every server of the machine, and some of it with a directory."""
    if "s3_kind" in metafunc.fixturenames:
        metafunc.parametrize("s3_kind", wanted())
    if "place_kind" in metafunc.fixturenames:
        everywhere = clouds() if "everywhere" in metafunc.fixturenames else ()
        metafunc.parametrize("place_kind", [*wanted(), "directory", *everywhere])
    if "cloud_kind" in metafunc.fixturenames and not hasattr(metafunc.module, "cloud_kind"):
        metafunc.parametrize("cloud_kind", clouds())


@pytest.fixture(scope="session", autouse=True)
def django_settings() -> None:
    if not settings.configured:
        settings.configure(SECRET_KEY="only-for-tests", ALLOWED_HOSTS=["testserver"])
    django.setup()


@pytest.fixture
def no_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no file and no variable that says whom to trust."""
    for name in (*CERTIFICATES, "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def _secrets_are_a_test_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key "x" of one test would be hidden in the messages of the next."""
    monkeypatch.setattr(redaction, "_known", {*redaction._known})


@pytest.fixture(scope="session", autouse=True)
def _boto3_reads_its_models_once() -> Iterator[None]:
    """Every storage has a session of its own, and each would parse megabytes of JSON again."""
    loader = create_loader()
    with mock.patch("botocore.session.create_loader", return_value=loader):
        yield


@pytest.fixture(scope="session")
def s3_server_of_kind(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], S3Server]]:
    """Return a way to have a server of a kind, set up; each is started once, when first wanted."""
    with ExitStack() as running:

        @functools.cache
        def started(kind: str) -> S3Server:
            folder = tmp_path_factory.mktemp("store") / kind
            server = running.enter_context(start(kind, folder, credentials()))
            server.set_up()
            return server

        yield started


@pytest.fixture(scope="session")
def cloud_of_kind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cloud]]:
    """Return a way to have an emulator; each is started once, when first wanted."""
    with ExitStack() as running:

        @functools.cache
        def started(kind: str) -> Cloud:
            return running.enter_context(emulating(kind, tmp_path_factory.mktemp(kind)))

        yield started


@pytest.fixture
def cloud(cloud_kind: str, cloud_of_kind: Callable[[str], Cloud]) -> Iterator[CloudPlace]:
    found = cloud_of_kind(cloud_kind)
    found.proxy.reset(lambda number, request: None)  # noqa: ARG005 - it remembers other tests
    yield found.place()
    found.proxy.reset(lambda number, request: None)  # noqa: ARG005


@pytest.fixture
def cloud_project(new_project: Callable[[Place], Project], cloud: CloudPlace) -> Project:
    return new_project(cloud)


@pytest.fixture
def everywhere() -> None:
    """Ask for a test to be run with the emulators of other clouds as well."""


@pytest.fixture
def bucket(s3_kind: str, s3_server_of_kind: Callable[[str], S3Server]) -> BucketPlace:
    return BucketPlace(s3_server_of_kind(s3_kind))


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryPlace:
    return DirectoryPlace(tmp_path / "store")


@pytest.fixture
def place(
    place_kind: str,
    directory: DirectoryPlace,
    s3_server_of_kind: Callable[[str], S3Server],
    cloud_of_kind: Callable[[str], Cloud],
) -> Place:
    if place_kind == "directory":
        return directory
    if place_kind in KINDS:
        return cloud_of_kind(place_kind).place()
    return BucketPlace(s3_server_of_kind(place_kind))


@pytest.fixture
def new_project(tmp_path: Path) -> Callable[[Place], Project]:
    """Return a way to make a project that publishes to a place."""

    def make(place: Place) -> Project:
        made = Project(tmp_path / "source", place)
        made.write(TREE)
        return made

    return make


@pytest.fixture
def project(new_project: Callable[[Place], Project], place: Place) -> Project:
    return new_project(place)


@pytest.fixture
def s3_project(new_project: Callable[[Place], Project], bucket: BucketPlace) -> Project:
    return new_project(bucket)


@pytest.fixture
def directory_project(
    new_project: Callable[[Place], Project], directory: DirectoryPlace
) -> Project:
    return new_project(directory)


@pytest.fixture(scope="module")
def patience_in_looks() -> Iterator[None]:
    """Let publishes wait for prunes for a number of looks instead of a time."""
    with waiting_for_looks():
        yield


@pytest.fixture
def proxied(
    s3_server_of_kind: Callable[[str], S3Server], new_project: Callable[[Place], Project]
) -> Iterator[tuple[Project, Proxy]]:
    """Return a project that has published v1 and reads it through a proxy."""
    place = BucketPlace(s3_server_of_kind(wanted()[0]))
    with proxying(place.server.endpoint) as proxy:
        project = new_project(place)
        project.options = {"endpoint_url": proxy.endpoint}
        project.write({"css/site.css": "a {}\n"})
        project.publish("v1")
        proxy.reset(lambda number, request: None)  # noqa: ARG005 - it remembers the publish
        yield project, proxy


@pytest.fixture
def next_tree() -> dict[str, str]:
    """Return the project's files one release later: one changed, one added."""
    return NEXT_TREE


@pytest.fixture
def proxy(bucket: BucketPlace) -> Iterator[Proxy]:
    with proxying(bucket.server.endpoint) as found:
        yield found


@pytest.fixture
def watched(s3_project: Project, proxy: Proxy) -> Project:
    """Return the project on S3, publishing through the proxy."""
    s3_project.options = {"endpoint_url": proxy.endpoint}
    return s3_project


@pytest.fixture
def by_whoever_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test set RELEASE_ID in its own process, as if that had been started with it."""
    monkeypatch.setattr(STARTED_WITH, lambda: dict(os.environ))
