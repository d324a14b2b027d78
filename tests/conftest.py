"""What is common to all tests: what the machine must have, and which tests run side by side."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.machine import RequirementError, check_required, describe, engines

HERE = Path(__file__).parent
LONG = ("engine", "cli")
"""The folders whose tests take minutes: they begin first, so that none is waited for in the end."""
LAST = "browser"
"""Playwright's event loop is that of the thread, and tests of other folders need their own."""


def pytest_configure() -> None:
    # Whoever runs the tests in the background of a script hands down a deaf ear for Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        check_required()
    except RequirementError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header() -> list[str]:
    return describe()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(folder(item)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have recorded as the property "summary", a line each."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, line in report.user_properties:
                if name == "summary":
                    terminalreporter.line(str(line))


def folder(item: pytest.Item) -> str:
    """The folder of tests/ that the test is in."""
    return item.path.relative_to(HERE).parts[0]


def rank(name: str) -> int:
    """When the folder's turn comes."""
    return LONG.index(name) if name in LONG else len(LONG) + (name == LAST)


def group(item: pytest.Item) -> str:
    """What runs in one process, one after another, when several processes share the tests.

    That is a file, on one engine, as its tests share what it starts; and more where that took long.
    """
    if folder(item) == LAST:
        return LAST
    callspec = getattr(item, "callspec", None)
    engine = callspec.params.get("engine", "") if callspec else ""
    if "journeys" in getattr(item, "fixturenames", ()):
        return f"journeys on {engine or engines()[0]}"
    return f"{item.path} on {engine}"
