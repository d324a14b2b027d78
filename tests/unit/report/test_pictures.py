"""Pictures in a report: where something broke, beside what should have been seen, and no others."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from html import unescape
from typing import TYPE_CHECKING

import pytest
from tests.unit.report.histories import PLANTED

from lab.report.document import PICTURE_BYTES, make_report
from lab.report.page import render_page
from lab.report.sources import find_sources

if TYPE_CHECKING:
    from pathlib import Path

HEADING = "What visitors saw"
WHOLE = b"RIFF\x00\x00\x00\x00WEBP as it should look"
BROKEN = b"RIFF\x00\x00\x00\x00WEBP as it should not"
WORSE = b"RIFF\x00\x00\x00\x00WEBP much worse"


def take(
    matrix: Path, strategy: str, content: bytes, release: str = "v1", name: str = "1.webp"
) -> None:
    """Add a picture to the only cell of a strategy."""
    (history,) = (matrix / strategy).glob("*.jsonl")
    if content:
        (history.parent / name).write_bytes(content)
    event = {"event": "pictured", "release": release, "detail": {"picture": name}}
    with history.open("a") as file:
        file.write(json.dumps({"kind": "event", "t": 2.5, **event}) + "\n")


def render(matrix: Path) -> str:
    return render_page(make_report(find_sources([str(matrix)])))


def images(page: str) -> list[str]:
    """The sources of the images of a page."""
    return [unescape(each) for each in re.findall(r'<img src="([^"]*)"', page)]


def url(picture: bytes) -> str:
    return f"data:image/webp;base64,{b64encode(picture).decode()}"


@pytest.fixture
def pictured(matrix: Path) -> Path:
    """A run of the matrix that has kept what v1 should look like."""
    (matrix / "v1.webp").write_bytes(WHOLE)
    return matrix


def test_a_run_that_failed_shows_what_was_seen_beside_what_should_have_been(
    pictured: Path,
) -> None:
    take(pictured, "shared", BROKEN)
    page = render(pictured)
    text = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page)))

    assert images(page) == [url(BROKEN), url(WHOLE)]
    assert "v1 as it was served, 2.50 s into shared × late-load: FAIL" in text  # noqa: RUF001
    assert "v1 as it should look" in text
    assert all("first page of v1" in alt for alt in re.findall(r'<img[^>]* alt="([^"]*)"', page))


def test_the_policy_lets_a_page_show_what_it_holds_and_no_other_picture(pictured: Path) -> None:
    take(pictured, "shared", BROKEN)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', render(pictured))
    allowed = dict(part.split(maxsplit=1) for part in unescape(policy).split("; "))

    assert allowed["img-src"] == "data:"
    assert allowed["default-src"] == "'none'"


def test_a_run_without_pictures_has_no_section_for_them(matrix: Path) -> None:
    assert HEADING not in render(matrix)


def test_what_passed_or_looks_as_it_should_is_not_shown(pictured: Path) -> None:
    take(pictured, "skewproof", BROKEN)
    take(pictured, "shared", WHOLE)
    assert HEADING not in render(pictured)


def test_of_each_release_the_first_picture_that_is_not_as_it_should_be_is_shown(
    pictured: Path,
) -> None:
    (pictured / "v2.webp").write_bytes(WHOLE)
    for number, content in enumerate((WHOLE, BROKEN, WORSE)):
        take(pictured, "shared", content, name=f"{number}.webp")
    take(pictured, "shared", WORSE, release="v2", name="3.webp")
    assert images(render(pictured)) == [url(BROKEN), url(WHOLE), url(WORSE), url(WHOLE)]


def test_a_picture_stands_alone_where_nobody_kept_what_it_should_be(matrix: Path) -> None:
    take(matrix, "shared", BROKEN)
    assert images(render(matrix)) == [url(BROKEN)]


def test_a_release_with_a_planted_name_is_shown_as_text(pictured: Path) -> None:
    take(pictured, "shared", BROKEN, release=f'"{PLANTED}')
    page = render(pictured)

    assert PLANTED not in page
    assert images(page) == [url(BROKEN)]
    assert "&#34;&lt;/script&gt;&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("../v1.webp", b""),
        ("/etc/passwd", b""),
        ("nul\x00.webp", b""),
        ("page.html", BROKEN),
        ("text.webp", b"root:x:0:0"),
        ("gone.webp", b""),
    ],
)
def test_a_history_cannot_have_any_file_shown(pictured: Path, name: str, content: bytes) -> None:
    take(pictured, "shared", content, name=name)
    assert HEADING not in render(pictured)


def test_a_picture_that_is_too_big_is_not_shown(pictured: Path) -> None:
    take(pictured, "shared", BROKEN + bytes(PICTURE_BYTES))
    assert HEADING not in render(pictured)
