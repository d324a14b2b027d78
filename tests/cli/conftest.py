"""One copy of the checkout for all tests; each of them leaves nothing running in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.checkouts import Checkout
from tests.cli.registries import serving
from tests.machine import engines, lacks, orchestrators

from lab.stacks.ports import free_port

# The head of the report says why.
collect_ignore = [
    *(["test_docker.py"] if lacks("compose") else []),
    *([] if orchestrators() else ["test_orchestrators.py"]),
    *(["test_guard.py"] if lacks("embedded") else []),
    *(["test_disk.py"] if lacks("mounts") else []),
]

FIRST_BUILD = 1800
"""Seconds: whichever test comes first waits for the images, the first time for MinIO's compiler."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(FIRST_BUILD))


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session", params=engines())
def engine(request: pytest.FixtureRequest, checkout: Checkout) -> str:
    """An engine for which both releases are built."""
    return checkout.build(str(request.param))


@pytest.fixture(scope="session", params=engines()[:1])
def one_engine(request: pytest.FixtureRequest, checkout: Checkout) -> str:
    """An engine, for what is the same code on all of them."""
    return checkout.build(str(request.param))


@pytest.fixture(scope="session")
def orchestrator(name: str, checkout: Checkout, images: tuple[str, ...]) -> str:
    """An engine whose replicas something else replaces, for which both releases are built."""
    return checkout.build(name, *(images if name == "kubernetes" else ()))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """How the nodes of Kubernetes get images: from a registry here, if they can reach it."""
    if lacks("registry"):
        yield ()
        return
    with serving(tmp_path_factory.mktemp("registry")) as host:
        yield "--images", f"registry={host}/team"


@pytest.fixture(autouse=True)
def leave_nothing(checkout: Checkout) -> Iterator[None]:
    yield
    left = checkout.left()
    if left:
        checkout.lab("down", "--all")
    assert not left


@pytest.fixture
def bare(tmp_path: Path) -> Checkout:
    """A checkout of the test's own, in which nothing is built."""
    return Checkout(tmp_path)


@pytest.fixture
def port() -> int:
    return free_port()
