"""What is common to all tests: what the machine must have, and what the report says it lacks."""

from __future__ import annotations

import signal

import pytest
from tests.machine import RequirementError, check_required, describe


def pytest_configure() -> None:
    # Whoever runs the tests in the background of a script hands down a deaf ear for Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        check_required()
    except RequirementError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header() -> list[str]:
    return describe()
