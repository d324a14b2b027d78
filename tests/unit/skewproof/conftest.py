"""A real S3 server, real directories, and a small Django project that publishes to either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django
import pytest
from botocore.loaders import create_loader
from django.conf import settings

from .places import BucketPlace, DirectoryPlace, Place
from .project import NEXT_TREE, TREE, Project
from .proxy import Proxy, proxying
from .server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
from unittest import mock


@pytest.fixture(scope="session", autouse=True)
def django_settings() -> None:
    if not settings.configured:
        settings.configure(SECRET_KEY="only-for-tests", ALLOWED_HOSTS=["testserver"])
    django.setup()


@pytest.fixture(scope="session", autouse=True)
def _boto3_reads_its_models_once() -> Iterator[None]:
    """Every storage has a session of its own, and each would parse megabytes of JSON again."""
    loader = create_loader()
    with mock.patch("botocore.session.create_loader", return_value=loader):
        yield


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("weed")) as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str) -> BucketPlace:
    return BucketPlace(s3_endpoint)


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryPlace:
    return DirectoryPlace(tmp_path / "store")


@pytest.fixture(params=["s3", "directory"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue("bucket" if request.param == "s3" else "directory")
    return found


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


@pytest.fixture
def next_tree() -> dict[str, str]:
    """Return the project's files one release later: one changed, one added."""
    return NEXT_TREE


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[Proxy]:
    with proxying(s3_endpoint) as found:
        yield found


@pytest.fixture
def watched(s3_project: Project, proxy: Proxy) -> Project:
    """Return the project on S3, publishing through the proxy."""
    s3_project.options = {"endpoint_url": proxy.endpoint}
    return s3_project
