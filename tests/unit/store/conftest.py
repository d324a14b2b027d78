from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.machine import lacks
from tests.s3servers import KINDS, credentials, found, start
from tests.unit.store.promises import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.s3servers import S3Server

FOUND = found()
# The head of the report says what is left out; where there is none at all, the tests fail.
WANTED = [kind for kind in KINDS if lacks(kind) is None] or ["seaweedfs"]

collect_ignore = ["test_healthcheck.py"] if lacks("go") else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "s3_kind" in metafunc.fixturenames:
        metafunc.parametrize("s3_kind", WANTED, scope="session")


def started(kind: str, factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if kind not in FOUND:
        pytest.fail(f"the S3 server {kind} is wanted, but is not on this machine")
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
