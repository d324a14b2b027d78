"""The newest Django in containers: a rollout and a rollback on it, and our hashing beside its."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound
from tests.engine.journeys import AT_REST, ON_THE_WAY, Journey, make
from tests.engine.pages import PAGES, look_at, wrong_pages
from tests.engine.projects import client
from tests.engine.stacks import build
from tests.unit.skewproof import comparison

from lab.checkout import ROOT
from lab.judge.findings import Status

DJANGO = "6.1"
PACKAGES = sorted(comparison.PACKAGES.keys() - {"django.contrib.admin"})
SECONDS = 120


def archive() -> bytes:
    """Pack the code of this checkout, the comparison and the packages' static files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(ROOT / "app" / "skewproof", "compared/skewproof")
        tar.add(Path(comparison.__file__), "compared/comparison.py")
        for package in PACKAGES:
            for folder in comparison.static_folders(package):
                tar.add(folder, f"compared/trees/{package}")
        for release in ("v1", "v2"):
            tar.add(ROOT / "app" / "releases" / release / "static", f"compared/trees/{release}")
    return packed.getvalue()


def image() -> str:
    """An image with that Django, of whichever code: what is compared is put into the container."""
    name = f"skewproof-app:v1-django{DJANGO}"
    try:
        client().images.get(name)
    except ImageNotFound:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DJANGO", DJANGO)
            build("compose", f"django{DJANGO}")
    return name


@pytest.fixture(scope="module")
def journey() -> Journey:
    """There and back, with images that know their Django."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO", DJANGO)
        return make("compose", "skewproof", label=f"django{DJANGO}")


@pytest.fixture(scope="module")
def compared() -> dict[str, Any]:
    """What the comparison prints in a container."""
    container = client().containers.create(
        image(),
        ["python", "/tmp/compared/comparison.py", "/tmp/compared/trees"],  # noqa: S108 - its own
        network_disabled=True,
    )
    try:
        container.put_archive("/tmp", archive())  # noqa: S108 - the container's own
        container.start()
        code = container.wait(timeout=SECONDS)["StatusCode"]
        assert code == 0, container.logs(stdout=False).decode()
        printed: dict[str, Any] = json.loads(container.logs(stderr=False))
    finally:
        container.remove(force=True)
    return printed


@pytest.mark.thorough
def test_every_release_was_built_on_that_django(journey: Journey) -> None:
    assert {str(record.django)[:3] for record in journey.records.values()} == {DJANGO}


@pytest.mark.thorough
@pytest.mark.parametrize("moment", [*AT_REST, *ON_THE_WAY])
def test_the_verdict_is_pass(journey: Journey, moment: str) -> None:
    assert journey.verdicts[moment].status == Status.PASS


@pytest.mark.thorough
@pytest.mark.parametrize("moment", AT_REST)
def test_every_page_and_all_that_it_names_are_of_its_release(journey: Journey, moment: str) -> None:
    release = AT_REST[moment]
    seen, record = look_at(journey.runs[moment], release), journey.records[release]
    assert set(seen) == set(PAGES)
    assert wrong_pages(seen, record) == {}


def test_every_tree_was_compared_on_that_django(compared: dict[str, Any]) -> None:
    assert compared["django"].startswith(DJANGO)
    assert compared["files"].keys() >= {"static", "v1", "v2", *PACKAGES, *comparison.TREES}
    for package in PACKAGES:
        assert compared["files"][package] >= comparison.PACKAGES[package]


def test_names_bytes_messages_and_errors_are_those_of_that_django(
    compared: dict[str, Any],
) -> None:
    assert {name: found for name, found in compared["differences"].items() if found} == {}
