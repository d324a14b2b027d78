"""The pictures of a matrix: a cell that fails and one that passes, as a browser saw them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.browser.pictures import shares
from tests.browser.visit import LOST
from tests.engine.stacks import build, say

from lab.camera import DISTURBED, TRIES, Camera, CameraError
from lab.matrix.result import Result
from lab.matrix.run import MatrixRequest, run_cells
from lab.report.document import make_report
from lab.report.page import render_page
from lab.report.sources import find_sources

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

PAPER = 0.02  # of a picture: as good as nothing
PICTURE = b"a picture"
NOWHERE = "http://127.0.0.1:1/"
PHONE = {"width": 375, "height": 800}
SIZES = "[...document.querySelectorAll('.run[open] img')].map((each) => each.naturalWidth)"


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> MatrixRequest:
    build("embedded")
    run = str(tmp_path_factory.mktemp("matrix"))  # an absolute path wins over .lab/matrix
    return MatrixRequest(
        strategies=("shared", "skewproof"), scenarios=["late-load"], run=run, screenshots=True
    )


@pytest.fixture(scope="module")
def cells(wanted: MatrixRequest) -> dict[str, Result]:
    return {result.strategy: result for result in run_cells(wanted, say)}


@pytest.fixture(scope="module")
def report(wanted: MatrixRequest, cells: dict[str, Result]) -> str:
    """The URL of the run's report."""
    assert len(cells) == 2
    page = wanted.folder / "report.html"
    page.write_text(render_page(make_report(find_sources([str(wanted.folder)]))))
    return page.as_uri()


def picture(folder: Path, name: str = "*.1-v1.webp") -> bytes:
    """The one picture of that name."""
    (file,) = folder.glob(name)
    return file.read_bytes()


def test_pictures_change_nothing_of_what_a_cell_comes_to(cells: dict[str, Result]) -> None:
    assert {name: cell.status for name, cell in cells.items()} == {
        "shared": "FAIL",
        "skewproof": "PASS",
    }


@pytest.mark.usefixtures("cells")
def test_a_picture_of_each_release_is_kept_and_is_small(wanted: MatrixRequest) -> None:
    for content in (
        picture(wanted.folder, "v1.webp"),
        picture(wanted.folder, "v2.webp"),
        picture(wanted.folder / "shared"),
        picture(wanted.folder / "skewproof"),
    ):
        assert content[8:12] == b"WEBP"
        assert 2_000 < len(content) < 25_000


@pytest.mark.usefixtures("cells")
def test_what_fails_can_be_seen_and_what_passes_is_what_it_should_be_to_the_byte(
    wanted: MatrixRequest, chromium: Browser
) -> None:
    whole, broken = picture(wanted.folder, "v1.webp"), picture(wanted.folder / "shared")
    as_it_should, as_it_was = shares(chromium, whole), shares(chromium, broken)

    assert as_it_should["blue"] > 0.15 > PAPER > as_it_should["red"]
    assert as_it_was["red"] > 0.08
    assert picture(wanted.folder / "skewproof") == whole
    assert picture(wanted.folder, "v2.webp") != whole


def test_the_report_shows_them_side_by_side_and_on_a_phone_one_below_the_other(
    chromium: Browser, report: str
) -> None:
    said: list[str] = []
    page = chromium.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{report}#shared.late-load")
    images = page.locator(".run[open] img")
    images.last.wait_for()

    assert page.evaluate(SIZES) == [640, 640]
    beside = [each.bounding_box() or {} for each in images.all()]
    page.set_viewport_size(PHONE)
    below = [each.bounding_box() or {} for each in images.all()]
    assert all(a["y"] == b["y"] and a["x"] + a["width"] < b["x"] for a, b in pairwise(beside))
    assert all(a["x"] == b["x"] and a["y"] + a["height"] < b["y"] for a, b in pairwise(below))
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.locator("[id='skewproof.late-load'] img").count() == 0
    assert said == []
    page.close()


class Restless(Camera):
    """A camera on a machine where containers start and stop: some looks are disturbed."""

    times = 0

    def look(self, *_what: object) -> tuple[bytes, list[str | None]]:
        self.times -= 1
        return PICTURE, [DISTURBED] if self.times >= 0 else []


def test_a_picture_that_the_machine_disturbed_is_taken_again() -> None:
    with Restless() as camera:
        camera.times = TRIES - 1
        assert camera.take(NOWHERE, "v1") == PICTURE
        assert camera.times == -1
        camera.times = TRIES
        with pytest.raises(CameraError, match="NETWORK_CHANGED 5 times"):
            camera.take(NOWHERE, "v1")


runs: list[str] = []


def test_a_test_that_the_machine_disturbed_runs_again(request: pytest.FixtureRequest) -> None:
    runs.append(request.node.nodeid)
    if len(runs) == 1:
        request.node.stash[LOST].append(NOWHERE)
    assert len(runs) > 1  # fails the first time, with something lost


def test_a_browser_that_has_died_takes_no_picture() -> None:
    with Camera() as camera:
        camera.thread.submit(camera.browser.close).result()
        with pytest.raises(CameraError, match="closed"):
            camera.take(NOWHERE, "v1")
