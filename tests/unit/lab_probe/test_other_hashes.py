"""Names whose hash is not Django's: nobody can tell two files from two releases of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.lab_probe.nasty import CSS, JS, Reply, hashed, page, serve

from lab.judge.findings import Status
from lab.judge.names import remove_other_hash
from lab.judge.verdict import Verdict, judge_history
from lab.runs.external import ProbeRequest, probe_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.lab_probe.nasty import Server

OLD, NEW = "main-BkHsQxTr.js", "main-C3dlX9aZ.js"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("lab.checkout.WORK", tmp_path)
    with serve() as site:
        yield site


def look(server: Server, *pages: tuple[str, tuple[str, ...]]) -> Verdict:
    """Visit an entrance that is of a release each time, and names these scripts."""
    served = [
        page("".join(f"<script src=/{name}></script>" for name in names), **{"X-Release": release})
        for release, names in pages
    ]
    for _release, names in pages:
        server.routes.update({f"/{name}": Reply(name, JS) for name in names})
    server.routes["/"] = lambda number, _headers: served[max(number - 2, 0) % len(served)]
    wanted = ProbeRequest(url=server.url, visits=len(pages))
    return judge_history(probe_site(wanted, lambda _line: None))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD, NEW),
        ("main.3f1a9c04.js", "main.9d8e7f6a.js"),
        ("main.3f1a9c04d2e5b6a7c8d9.js", "main.9d8e7f6a5b4c3d2e1f00.js"),
        ("main-ABCDEFGH.js", "main-Q2W3E4R5.js"),
        ("main.0123456789ab.js", "main.ba9876543210.js"),  # in Django's form, and not Django's
    ],
)
def test_two_hashes_for_one_file_of_one_release_are_unknown(
    server: Server, old: str, new: str
) -> None:
    verdict = look(server, ("v1", (old,)), ("v2", (new,)), ("v1", (new,)))
    found = verdict.finding("asset of its release")
    assert (found.status, verdict.exit_code) == (Status.UNKNOWN, 2)
    assert "had more than one hash, which is not Django's, in one release" in (found.reason or "")


def test_a_release_that_keeps_its_names_passes(server: Server) -> None:
    assert look(server, ("v1", (OLD,)), ("v2", (NEW,)), ("v1", (OLD,))).exit_code == 0


def test_chunks_that_one_page_names_at_once_are_files_of_their_own(server: Server) -> None:
    assert look(server, ("v1", (OLD, NEW)), ("v1", (OLD, NEW))).exit_code == 0


def test_chunks_of_a_page_that_change_within_a_release_are_unknown(server: Server) -> None:
    other = "main-D4emY0bA.js"
    assert look(server, ("v1", (OLD, NEW)), ("v1", (OLD, other))).exit_code == 2


def test_a_django_site_with_a_bundle_is_judged_by_django_s_names(server: Server) -> None:
    styles = {hashed("site.css", text): text for text in ("a {}", "b {}")}
    server.routes.update({f"/{name}": Reply(text, CSS) for name, text in styles.items()})
    server.routes[f"/{OLD}"] = Reply("a()", JS)
    pages = [
        page(
            f"<link rel=stylesheet href=/{name}><script src=/{OLD}></script>", **{"X-Release": "v1"}
        )
        for name in styles
    ]
    server.routes["/"] = lambda number, _headers: pages[max(number - 2, 0) % 2]
    verdict = judge_history(probe_site(ProbeRequest(url=server.url, visits=2), lambda _line: None))
    found = verdict.finding("asset of its release")
    assert (found.status, found.faults) == (Status.FAIL, 1)


@pytest.mark.parametrize(
    "name",
    [
        *("jquery-3.6.0.min.js", "bootstrap-datepicker.js", "fontawesome-webfont.woff2"),
        *("report-20240101.css", "app-MyWidget.js", "app-settings.js", "angular-material.js"),
        *("site.css", "vendor-react18.js", "font-awesome5.css", "photo_AbC12dE.jpg"),
    ],
)
def test_a_name_that_a_person_gave_has_no_hash(name: str) -> None:
    assert remove_other_hash(f"/static/{name}") is None
