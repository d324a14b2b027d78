"""What is common to all tests: what the machine must have, and which tests run where.

`make check` runs what is not marked `engine`, and so needs neither an engine nor a server that
keeps objects; pytest-xdist runs groups of tests side by side.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.machine import RequirementError, check_required, describe
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ENGINES = ("browser", "cli", "engine")
"""The folders whose tests run on an engine."""
SERVERS = {"azure", "gcs", "minio", "seaweedfs"}
"""Kinds of stores that are a server; a directory is none."""
STACKS = {"compose", "embedded", "kubernetes", "swarm"}
JOURNEYS = ("test_journey.py", "test_page_by_page.py", "test_readme_table.py")
"""The files whose tests look back on the same journeys; two journeys at once are too much."""
LONGEST = (
    "browser",
    "journeys",
    "engine/test_kubernetes.py",
    "unit/skewproof/test_faults.py",
    "engine/test_swarm.py",
    "cli/test_interrupts.py",
    "cli/test_orchestrators.py",
    "engine/test_compose_file.py",
    "engine/test_store_dies.py",
    "engine/test_matrix.py",
    "engine/test_newest_django.py",
    "cli/test_persistent.py",
    "unit/skewproof/test_secrets.py",
    "unit/skewproof/test_interleavings.py",
)
"""How the names of the longest groups begin, which come first: none is left to one worker alone.

Those that compute and those that wait for an orchestrator take turns, to run side by side.
"""


def pytest_configure() -> None:
    # Whoever runs the tests in the background of a script hands down a deaf ear for Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        check_required()
    except RequirementError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header() -> list[str]:
    return describe()


def pytest_itemcollected(item: pytest.Item) -> None:
    path, values = take_apart(item.nodeid)
    if path.parts[0] in ENGINES or (path.parts[0] == "unit" and values & SERVERS):
        item.add_marker(pytest.mark.engine)


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # In one process the browser comes last: its event loop is in the way of other tests.
    is_worker = hasattr(config, "workerinput")
    groups = {item: name_group(item.nodeid) for item in items}
    items.sort(key=lambda item: find_turn(groups[item]) if is_worker else groups[item] == "browser")


def find_turn(group: str) -> int:
    """Return the place of a group, as far as it is one of the LONGEST."""
    found = (turn for turn, name in enumerate(LONGEST) if group.startswith(name))
    return next(found, len(LONGEST))


def take_apart(nodeid: str) -> tuple[Path, set[str]]:
    """Return a test's file below tests/, and its parameters."""
    file, _, name = nodeid.partition("::")
    return Path(file).relative_to("tests"), set(name.partition("[")[2].rstrip("]").split("-"))


def name_group(nodeid: str) -> str:
    """Name what a test shares with others; one worker runs all of a group, one after another.

    That is the browser, the running shop, the journeys, a stack, or else the fixtures of a file.
    """
    path, values = take_apart(nodeid)
    if path.parts[0] == "browser" or path.parts[:2] == ("unit", "shop"):
        return str(path.parent)
    if path.parts[0] not in ENGINES:
        return str(path)
    return "journeys" if path.name in JOURNEYS else " ".join([str(path), *(values & STACKS)])


class Groups(LoadScopeScheduling):
    """Gives each worker whole groups."""

    def _split_scope(self, nodeid: str) -> str:
        return name_group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    config.option.loadscopereorder = False  # by how many tests they have
    return Groups(config, log)
