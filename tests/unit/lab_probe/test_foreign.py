"""A look at somebody's site: what its names, its headers and its manifests tell."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.lab_probe.nasty import CSS, SVG, Reply, hashed, page, serve

from lab.errors import LabError, UnavailableError
from lab.judge.findings import Status
from lab.judge.verdict import Verdict, judge
from lab.runs.external import Look, look_at, make_site, read_manifests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.lab_probe.nasty import Headers, Server

    from lab.history import Answer
    from lab.probe import Guest

COLOURS = {"v1": "teal", "v2": "red"}
LOGO = "<svg xmlns='http://www.w3.org/2000/svg'/>"
HEADER = "X-App"
OF_ITS_RELEASE = "asset of its release"


def body_of(release: str) -> str:
    return f"body {{ color: {COLOURS[release]} }}"


def paths_of(release: str) -> dict[str, str]:
    """Return what the manifest of a release says."""
    return {
        "css/site.css": hashed("css/site.css", body_of(release)),
        "img/logo.svg": hashed("img/logo.svg", LOGO),
    }


@pytest.fixture
def server() -> Iterator[Server]:
    """A site with the assets of both releases."""
    with serve() as site:
        for release in COLOURS:
            paths = paths_of(release)
            site.routes[f"/static/{paths['css/site.css']}"] = Reply(body_of(release), CSS)
            site.routes[f"/static/{paths['img/logo.svg']}"] = Reply(LOGO, SVG)
        yield site


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("lab.checkout.WORK", tmp_path)
    return tmp_path


def page_of(release: str, wears: str | None = None, **headers: str) -> Reply:
    """Return a page of a release, which may wear what another one has."""
    paths = paths_of(wears or release)
    body = (
        f"<!doctype html><meta name=version content={release}>"
        f"<link rel=stylesheet href=/static/{paths['css/site.css']}>"
        f"<img src=/static/{paths['img/logo.svg']}>"
    )
    return page(body, **headers)


def serve_in_turn(server: Server, *pages: Reply) -> None:
    """Let the entrance answer one page after the other; the first request is not of a visit."""
    server.routes["/"] = lambda number, _headers: pages[max(number - 2, 0) % len(pages)]


def look(server: Server, visits: int, **wanted: object) -> Verdict:
    said: list[str] = []
    return judge(look_at(Look(server.url, visits=visits, **wanted), said.append))


def headed(release: str, wears: str | None = None) -> Reply:
    return page_of(release, wears, **{HEADER: release})


def write_manifests(folder: Path) -> tuple[str, ...]:
    said = []
    for release in COLOURS:
        file = folder / f"{release}.json"
        file.write_text(json.dumps({"paths": paths_of(release), "version": "1.1", "hash": "x"}))
        said.append(f"{release}={file}")
    return tuple(said)


# Without a manifest


def test_a_release_that_gives_a_file_two_names_is_found(server: Server) -> None:
    serve_in_turn(server, headed("v1"), headed("v2"), headed("v1", wears="v2"))
    verdict = look(server, 3, release_header=HEADER)
    found = verdict.finding(OF_ITS_RELEASE)
    own, other = (f"/static/{paths_of(release)['css/site.css']}" for release in COLOURS)
    assert verdict.exit_code == 1
    assert (found.faults, found.kinds) == (1, {"v2's stylesheet": 1})
    assert found.first
    assert found.first.sentence.endswith(
        f"{other}, which v1's page / needs, answered 200, but is what v2 has of what pages of v1 "
        f"had as {own} before; it should have been that"
    )
    assert [each.checker for each in verdict.findings if each.faults] == [OF_ITS_RELEASE]
    assert verdict.releases["v1"].wrong == 1


def test_a_rollout_in_which_each_release_keeps_its_names_passes(server: Server) -> None:
    serve_in_turn(server, headed("v1"), headed("v2"))
    verdict = look(server, 4, release_header=HEADER)
    assert {each.status for each in verdict.findings} == {Status.PASS, Status.NOT_APPLICABLE}
    assert verdict.finding(OF_ITS_RELEASE).status is Status.PASS
    assert verdict.exit_code == 0


def test_names_that_never_change_say_nothing_of_releases(server: Server) -> None:
    serve_in_turn(server, headed("v1"))
    verdict = look(server, 2, release_header=HEADER)
    assert verdict.finding(OF_ITS_RELEASE).status is Status.NOT_APPLICABLE
    assert verdict.exit_code == 0


def test_a_name_that_changes_while_no_release_is_named_is_unknown(server: Server) -> None:
    serve_in_turn(server, page_of("v1"), page_of("v1", wears="v2"))
    verdict = look(server, 2)
    found = verdict.finding(OF_ITS_RELEASE)
    assert (found.status, verdict.exit_code) == (Status.UNKNOWN, 2)
    assert (found.reason or "").startswith(
        "/static/css/site.css had more than one name, and no answer says of which release"
    )


def test_the_release_may_stand_in_the_page(server: Server) -> None:
    serve_in_turn(server, page_of("v1"), page_of("v1", wears="v2"))
    verdict = look(server, 2, release_pattern="name=version content=([^>]+)")
    assert verdict.finding(OF_ITS_RELEASE).kinds == {"another's stylesheet": 1}
    assert verdict.releases["v1"].pages == verdict.total.pages == 2


def test_a_pattern_without_a_group_is_the_release_as_a_whole(server: Server) -> None:
    serve_in_turn(server, page_of("v1"))
    assert look(server, 1, release_pattern="v[0-9]").releases["v1"].pages == 1


# What caches are told


@pytest.mark.parametrize(
    ("header", "is_fault"),
    [
        (None, False),
        ("no-store", False),
        ("public", False),
        ("max-age=0, must-revalidate", False),
        ("no-cache, max-age=60", False),
        ("private, max-age=60", False),
        ("Max-Age=60", True),
        ('s-maxage="60", max-age=0', True),
        ("no-store, immutable", True),
    ],
)
def test_only_what_a_cache_is_told_to_keep_of_a_miss_is_a_fault(
    server: Server, header: str | None, is_fault: bool
) -> None:
    serve_in_turn(server, headed("v1"))
    headers = {"Cache-Control": header} if header else {}
    absent = "/static/css/css/no-release-has-this.000000000000.css"
    server.routes[absent] = Reply(b"", headers, 404)
    verdict = look(server, 1)
    assert server.asked[absent] == 1
    assert [each.checker for each in verdict.findings if each.faults] == (
        ["miss uncacheable"] if is_fault else []
    )


# With manifests


def test_by_its_manifest_a_page_is_seen_to_wear_another_release_at_once(
    server: Server, work: Path
) -> None:
    serve_in_turn(server, headed("v1", wears="v2"))
    verdict = look(server, 1, release_header=HEADER, manifest=write_manifests(work))
    found = verdict.finding(OF_ITS_RELEASE)
    own, other = (paths_of(release)["css/site.css"] for release in COLOURS)
    assert found.first
    assert found.first.sentence.endswith(
        f"{other}, which v1's page / needs, answered 200, but is of v2; it should have been "
        f"v1's {own}"
    )
    assert (found.faults, verdict.exit_code) == (1, 1)
    assert judge(Path(verdict.history or "")).exit_code == 1


def test_by_its_manifests_a_healthy_rollout_passes(server: Server, work: Path) -> None:
    serve_in_turn(server, headed("v1"), headed("v2"))
    verdict = look(server, 4, release_header=HEADER, manifest=write_manifests(work))
    assert verdict.finding(OF_ITS_RELEASE).judged == 8
    assert verdict.exit_code == 0


def test_a_manifest_of_no_release_is_for_pages_that_name_none(server: Server, work: Path) -> None:
    serve_in_turn(server, page_of("v1"), page_of("v1", wears="v2"))
    manifest, own = write_manifests(work)[0].partition("=")[2], paths_of("v1")["css/site.css"]
    verdict = look(server, 2, manifest=(manifest,))
    found = verdict.finding(OF_ITS_RELEASE)
    assert found.first
    assert found.first.sentence.endswith(
        f"but is of no release; it should have been the manifest's {own}"
    )
    assert (found.faults, found.judged) == (1, 4)


def test_pages_of_a_release_without_a_manifest_are_unknown(server: Server, work: Path) -> None:
    serve_in_turn(server, headed("v1"), headed("v2"))
    verdict = look(server, 2, release_header=HEADER, manifest=write_manifests(work)[:1])
    assert verdict.exit_code == 2
    assert "no record of release v2" in (verdict.finding(OF_ITS_RELEASE).reason or "")


def test_what_a_project_names_itself_under_the_static_prefix_is_no_fault(
    server: Server, work: Path
) -> None:
    own = headed("v1")
    body = (
        f"{own.body}<script src=/static/js/chunk.0123456789ab.js></script><img src=/static/x.svg>"
    )
    serve_in_turn(server, Reply(body, own.headers))
    server.routes["/static/js/chunk.0123456789ab.js"] = Reply(
        "a()", {"Content-Type": "text/javascript"}
    )
    server.routes["/static/x.svg"] = Reply(LOGO, SVG)
    chunk = "js/chunk.0123456789ab.js"
    document = {"paths": {**paths_of("v1"), chunk: hashed(chunk, "a()")}}
    (work / "v1.json").write_text(json.dumps(document))
    verdict = look(server, 1, release_header=HEADER, manifest=(f"v1={work / 'v1.json'}",))
    assert verdict.finding(OF_ITS_RELEASE).status is Status.PASS


def test_a_manifest_may_be_on_the_site(server: Server) -> None:
    paths = {"paths": paths_of("v1")}
    server.routes["/static/staticfiles.json"] = Reply(json.dumps(paths))
    serve_in_turn(server, headed("v1", wears="v2"))
    manifest = f"v1={server.url}static/staticfiles.json"
    assert look(server, 1, release_header=HEADER, manifest=(manifest,)).exit_code == 1


@pytest.mark.parametrize(
    ("said", "text", "complaint"),
    [
        (("v1=none.json",), None, "manifest none.json: cannot be read: No such file"),
        (("a.json",), "[", 'manifest a.json: it has no "paths"'),
        (("a.json",), "[]", 'manifest a.json: it has no "paths"'),
        (("a.json",), '{"paths": {"a": 1}}', 'manifest a.json: it has no "paths"'),
        (("a.json",), '{"paths": {}, "assets": {"a": 3}}', None),
        (("a.json",), '{"paths": {"a": "b"}, "assets": {"b": 3}}', "manifest a.json: its digests"),
        (("a.json",), '{"paths": {"a": "b"}, "assets": [1]}', "manifest a.json: its digests"),
        (("a.json",), "\udcff", "manifest a.json: cannot be read"),
        (("v1=a.json", "v1=a.json"), '{"paths": {}}', "there is another of v1"),
        (("a.json", "=a.json"), '{"paths": {}}', "there is another of no release"),
    ],
)
def test_what_is_no_manifest_is_refused(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: tuple[str, ...],
    text: str | None,
    complaint: str | None,
) -> None:
    monkeypatch.chdir(work)
    if text is not None:
        Path("a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    if complaint is None:
        assert len(read_manifests(said, get_nothing)) == 1
    else:
        with pytest.raises(LabError, match=re.escape(complaint)):
            read_manifests(said, get_nothing)


def get_nothing(url: str) -> tuple[Answer, bytes]:
    raise AssertionError(url)


def test_a_manifest_that_nobody_serves_is_refused(server: Server) -> None:
    serve_in_turn(server, headed("v1"))
    with pytest.raises(UnavailableError, match=r"manifest http://.*404"):
        look(server, 1, manifest=(f"v1={server.url}no.json",))


# Where it begins, and for how long


def test_for_a_length_of_time_it_looks_over_and_over(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the guest goes on by a second a request."""
    ticks = iter(range(10_000))
    monkeypatch.setattr("lab.probe.manners.Guest.over", property(lambda _self: next(ticks) > 60))
    serve_in_turn(server, headed("v1"))
    verdict = look(server, 1, seconds=3600.0)
    assert verdict.exit_code == 0
    assert verdict.total.pages > 3


def test_a_site_on_another_machine_is_asked_slowly(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.runs.external.is_loopback", lambda _url: False)
    serve_in_turn(server, page(""))
    said: list[str] = []
    look_at(Look(server.url), said.append)
    assert said == [f"visiting {server.url}, at most 5 requests a second"]


def test_a_site_that_leads_to_its_own_other_name_is_looked_at_there(server: Server) -> None:
    server.routes["/old/"] = Reply(b"", {"Location": "/"}, 302)
    serve_in_turn(server, headed("v1"))
    history = look_at(Look(f"{server.url}old/"), lambda _line: None)
    verdict = judge(history)
    assert verdict.header
    assert verdict.header.base == f"{server.url}old/"
    assert verdict.total.assets == 2


def test_a_site_that_leads_to_somebody_else_is_refused(server: Server) -> None:
    with serve() as login:
        server.routes["/"] = Reply(
            b"", {"Location": login.url.replace("127.0.0.1", "localhost")}, 302
        )
        login.routes["/"] = page("<h1>Log in</h1>")
        with pytest.raises(LabError, match=r"leads to http://localhost:.*give that URL"):
            look(server, 1)
        assert login.asked["/robots.txt"] == 0


def test_a_site_that_leads_to_another_port_of_its_host_is_looked_at_there(server: Server) -> None:
    with serve() as old:
        old.routes["/"] = Reply(b"", {"Location": server.url}, 301)
        serve_in_turn(server, headed("v1"))
        verdict = look(old, 1)
    assert verdict.header
    assert verdict.header.base == server.url
    assert server.asked["/robots.txt"] == 1


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("HTTP://B\u00fccher.example:80", "http://xn--bcher-kva.example/"),
        ("https://[::1]:8443/a/?b#c", "https://[::1]:8443/a/?b"),
    ],
)
def test_a_site_has_one_spelling(url: str, base: str) -> None:
    assert make_site(Look(url)).base == base


def test_a_site_that_goes_away_is_asked_without_haste(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[Guest] = []
    monkeypatch.setattr("lab.probe.manners.Guest.rest", lambda guest: rests.append(guest))
    server.routes["/"] = lambda number, _headers: (
        page("") if number == 1 else Reply("nobody gets this", cut=0)
    )
    verdict = look(server, 3)
    assert len(rests) == 3
    assert verdict.exit_code == 1


def test_a_site_whose_robots_txt_forbids_it_is_not_looked_at(server: Server) -> None:
    server.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /")
    with pytest.raises(LabError, match=r"robots.txt of 127.0.0.1:\d+ forbids .*skewproof-probe"):
        look(server, 1)
    assert server.asked["/"] == 0


def test_an_asset_that_robots_txt_forbids_is_unknown(server: Server) -> None:
    server.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /static/css/")
    serve_in_turn(server, headed("v1"))
    verdict = look(server, 1)
    reason = verdict.finding("asset resolves").reason or ""
    assert reason.startswith("robots.txt forbids /static/css/site.")
    assert not [path for path in server.asked if path.startswith("/static/css/")]
    assert verdict.exit_code == 2


def test_a_url_with_a_password_is_refused() -> None:
    with pytest.raises(LabError, match="logs in nowhere"):
        look_at(Look("http://me:secret@127.0.0.1/"), lambda _line: None)


def test_a_certificate_of_its_own_is_taken_when_one_says_so() -> None:
    with serve(str(Path(__file__).parent / "self-signed.pem")) as server:
        serve_in_turn(server, headed("v1"))
        server.routes.update(
            {f"/static/{name}": Reply(b"", CSS) for name in paths_of("v1").values()}
        )
        with pytest.raises(UnavailableError, match="self-signed certificate"):
            look(server, 1)
        assert server.asked == {}
        assert look(server, 1, insecure=True).total.pages == 1


def test_what_is_another_s_is_said_once(server: Server) -> None:
    said: list[str] = []

    def with_third_party(_number: int, _headers: Headers) -> Reply:
        return page("<script src=http://third.test/a.js></script><img src=http://third.test/b>")

    server.routes["/"] = with_third_party
    look_at(Look(server.url, visits=2), said.append)
    assert said[0].endswith("as fast as it answers")
    assert said[1:] == ["left out: http://third.test, another's"]
