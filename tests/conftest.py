"""What is common to all tests: what the machine must have, and what the report says it lacks."""

from __future__ import annotations

import pytest
from tests.machine import RequirementError, check_required, describe


def pytest_configure() -> None:
    try:
        check_required()
    except RequirementError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header() -> list[str]:
    return describe()
