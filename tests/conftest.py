"""What is common to all tests: what the machine must have, and what the report says it lacks."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.machine import RequirementError, check_required, describe

ENGINES = ("browser", "cli", "engine")
"""The folders whose tests run on an engine."""
SERVERS = {"azure", "gcs", "minio"}
SHARED = ("both", "engine", "one_engine", "story", "strategy", "wanted")
"""Fixtures whose parameter says on which stack a test runs, or on which journey it looks back."""


def pytest_configure() -> None:
    # Whoever runs the tests in the background of a script hands down a deaf ear for Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        check_required()
    except RequirementError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header() -> list[str]:
    return describe()


@pytest.hookimpl(tryfirst=True)  # before pytest and pytest-xdist read the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(name_group(item)))
        if needs_engine(item):
            item.add_marker(pytest.mark.engine)


def needs_engine(item: pytest.Item) -> bool:
    """Return whether a test runs on an engine, or on a server that no wheel brings."""
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    values = item.callspec.id.split("-") if hasattr(item, "callspec") else []
    return folder in ENGINES or not SERVERS.isdisjoint(values)


def name_group(item: pytest.Item) -> str:
    """Name what a test shares with others; one worker runs all of a group, one after another.

    That is the browser, a journey, a stack, or else what the fixtures of the file make.
    """
    path = item.path.relative_to(Path(__file__).parent)
    if path.parts[0] == "browser":
        return "browser"
    if path.parts[0] not in ENGINES:
        return str(path)
    shares = "journey" if "journeys" in getattr(item, "fixturenames", ()) else str(path)
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return " ".join([shares, *(str(params[name]) for name in SHARED if name in params)])
