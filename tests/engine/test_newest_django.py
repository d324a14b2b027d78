"""Our hashing beside that of the newest Django, which runs in the containers of the demo."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound
from tests.engine.projects import client
from tests.engine.stacks import build
from tests.engine.test_other_parts import DJANGO
from tests.unit.skewproof import comparison

from lab.checkout import ROOT

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


def test_every_tree_was_compared_on_that_django(compared: dict[str, Any]) -> None:
    assert compared["django"].startswith(DJANGO)
    assert compared["files"].keys() >= {"static", "v1", "v2", *PACKAGES, *comparison.TREES}
    for package in PACKAGES:
        assert compared["files"][package] >= comparison.PACKAGES[package]


def test_names_bytes_messages_and_errors_are_those_of_that_django(
    compared: dict[str, Any],
) -> None:
    assert {name: found for name, found in compared["differences"].items() if found} == {}
