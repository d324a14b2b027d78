from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.machine import lacks
from tests.s3servers import credentials, start, wanted
from tests.unit.store.promises import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.s3servers import S3Server

collect_ignore = ["test_healthcheck.py"] if lacks("go") else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "s3_kind" in metafunc.fixturenames:
        metafunc.parametrize("s3_kind", wanted(), scope="session")


def started(kind: str, factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with start(kind, factory.mktemp("store") / kind, credentials()) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(s3_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A store that is set up and filled; tests leave it so."""
    for server in started(s3_kind, tmp_path_factory):
        server.set_up()
        fill(server)
        yield server


@pytest.fixture(scope="session")
def changing_server(s3_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A store that tests may set up as they like; each begins by setting it up."""
    yield from started(s3_kind, tmp_path_factory)
