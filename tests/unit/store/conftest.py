from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.s3servers import KINDS, credentials, found, required, start
from tests.unit.store.promises import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.s3servers import S3Server

FOUND = found()
WANTED = [kind for kind in KINDS if kind in FOUND or kind in required()] or ["seaweedfs"]
LEFT_OUT = [f"S3 server {kind} is not on this machine" for kind in KINDS if kind not in WANTED]

collect_ignore = []
if shutil.which("go") is None and "go" not in os.environ.get("LAB_REQUIRE", ""):
    collect_ignore.append("test_healthcheck.py")
    LEFT_OUT.append("the health check is not tested: no go on PATH")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for note in LEFT_OUT:
        terminalreporter.write_line(f"left out: {note} (LAB_REQUIRE makes it a failure)")


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
