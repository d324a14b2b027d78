"""The stacks and journeys that the engine tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.journeys import Journeys
from tests.engine.stacks import ENGINES, build, running
from tests.machine import lacks

from lab.stacks.stack import Stack

# The head of the report says why.
ON_COMPOSE = ["test_compose_file.py", "test_hardening.py", "test_newest_django.py"]
collect_ignore = [
    *(ON_COMPOSE if lacks("compose") else []),
    *(["test_kubernetes.py"] if lacks("kubernetes") else []),
    *(["test_swarm.py"] if lacks("swarm") else []),
]

FIRST_BUILD = 1800
"""Seconds: whichever test comes first waits for the images, the first time for MinIO's compiler."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(FIRST_BUILD))


@pytest.fixture(scope="session")
def journeys() -> Journeys:
    return Journeys()


@pytest.fixture(params=ENGINES, scope="module")
def both(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A stack that serves both releases, half and half; tests leave it so.

    It goes with its module: containers that only wait still ask themselves for their health.
    """
    engine = build(request.param)
    with running(engine, "both", {"v1": 50, "v2": 50}, replicas=1) as stack:
        yield stack
