"""The explore page judges as the lab does: both are given the same histories."""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5, sha256
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.explorejudge import SEEN_BY_A_PAGE, ask_the_page, compare, serve
from tests.engine.journeys import crawl

from lab.history import Answer, Asset, Fetch, Header, History, Record, Reuse, Run, read_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from lab.stacks.stack import Stack

pytestmark = pytest.mark.timeout(1800)  # on a busy machine the page slows down by itself
BASE = "http://shop.test/"
STATIC = f"{BASE}static/"
CSS, JS, PNG = "css/site.css", "js/cart.js", "img/logo.png"
SOURCES = {
    "v1": {CSS: b"body { color: blue }", JS: b"cart(1)", PNG: b"one picture"},
    "v2": {CSS: b"body { color: green }", JS: b"cart(2)", PNG: b"one picture"},
}
TYPES = {CSS: "text/css; charset=utf-8", JS: "text/javascript", PNG: "image/png"}
HOWS = {CSS: "stylesheet", JS: "module", PNG: "img"}
KEPT = "public, max-age=31536000, immutable"


def name_of(source: str, release: str) -> str:
    """The hashed name, as Django makes it."""
    root, _dot, extension = source.rpartition(".")
    digest = md5(SOURCES[release][source]).hexdigest()[:12]  # noqa: S324 - as Django names them
    return f"{root}.{digest}.{extension}"


def record_of(release: str) -> Record:
    paths = {source: name_of(source, release) for source in SOURCES[release]}
    assets = {
        paths[source]: Asset(sha256(body).hexdigest(), len(body))
        for source, body in SOURCES[release].items()
    }
    return Record(release=release, paths=paths, assets=assets)


def answer_with(body: bytes, content_type: str, cache_control: str = KEPT) -> Answer:
    return Answer(
        status=200,
        content_type=content_type,
        cache_control=cache_control,
        sha256=sha256(body).hexdigest(),
        md5=md5(body).hexdigest(),  # noqa: S324 - as Django names them
        ms=5,
    )


def visit_of(release: str, path: str = "about/") -> list[Fetch]:
    """A page and its three assets, all as they should be."""
    page = f"{BASE}{path}"
    whole = answer_with(b"<title>about</title>", "text/html; charset=utf-8", "no-cache")
    first = Fetch(
        t=1.0,
        role="page",
        url=page,
        page=page,
        via=None,
        how="seed",
        release=release,
        visitor="1",
        answer=replace(whole, release=release),
    )
    assets = [
        replace(
            first,
            t=1.1 + number / 10,
            role="asset",
            url=f"{STATIC}{name_of(source, release)}",
            via=page,
            how=HOWS[source],
            answer=answer_with(SOURCES[release][source], TYPES[source]),
        )
        for number, source in enumerate(SOURCES[release])
    ]
    return [first, *assets]


def write(path: Path, fetches: list[Fetch], records: tuple[Record, ...]) -> Run:
    """Write these fetches as a history, and read it."""
    with History(path) as history:
        history.begin(
            Header(
                strategy="shared",
                engine="embedded",
                action="rollout",
                base=BASE,
                static=STATIC,
                started="2026-11-23T20:00:00Z",
            )
        )
        for record in records:
            history.add_release(record)
        for fetch in fetches:
            history.add_fetch(fetch)
        history.end()
    return read_history(path)


def change(fetch: Fetch, **fields: Any) -> Fetch:
    return replace(fetch, answer=replace(fetch.answer, **fields))


Plant = tuple[int, "Callable[[Fetch], Fetch]"]
V2 = f"{STATIC}{name_of(CSS, 'v2')}"


def wear_v2(fetch: Fetch) -> Fetch:
    """Another release's stylesheet, with 200."""
    return replace(fetch, url=V2, answer=answer_with(SOURCES["v2"][CSS], TYPES[CSS]))


FAULTS: dict[str, tuple[int, Callable[[Fetch], Fetch], set[str], set[str]]] = {
    # which of the page's four fetches, what is planted, who has to FAIL, who has to be UNKNOWN
    "a page answers 500": (
        0,
        lambda fetch: change(
            fetch, status=500, excerpt="<title>500 in v1</title>\n <h1>Missing   entry for 'a'</h1>"
        ),
        {"page answers"},
        set(),
    ),
    "a page answers 404 with a long text": (
        0,
        lambda fetch: change(fetch, status=404, excerpt="no " * 60),
        {"page answers"},
        set(),
    ),
    "a page is not answered": (
        0,
        lambda fetch: change(fetch, status=503),
        {"nothing refused"},
        {"page answers"},
    ),
    "a page times out": (
        0,
        lambda fetch: change(fetch, status=None, error="timeout"),
        {"nothing refused"},
        {"page answers"},
    ),
    "an asset is missing": (
        1,
        lambda fetch: change(fetch, status=404, cache_control="no-store"),
        {"asset resolves"},
        set(),
    ),
    "an asset of the other release is missing": (
        1,
        lambda fetch: change(wear_v2(fetch), status=404, cache_control="no-store"),
        {"asset resolves"},
        set(),
    ),
    "an asset that nobody has is missing": (
        1,
        lambda fetch: change(
            replace(fetch, url=f"{STATIC}css/none.0123456789ab.css"),
            status=404,
            cache_control="no-store",
        ),
        {"asset resolves"},
        set(),
    ),
    "a miss may be kept": (
        1,
        lambda fetch: change(fetch, status=404, cache_control="max-age=60"),
        {"asset resolves", "miss uncacheable"},
        set(),
    ),
    "a miss says nothing of caches": (
        2,
        lambda fetch: change(fetch, status=403, cache_control=None),
        {"asset resolves", "miss uncacheable"},
        set(),
    ),
    "a miss is immutable": (
        3,
        lambda fetch: change(fetch, status=404, cache_control="no-store, immutable"),
        {"asset resolves", "miss uncacheable"},
        set(),
    ),
    "another release's asset comes with 200": (1, wear_v2, {"asset of its release"}, set()),
    "an asset that no release has comes with 200": (
        1,
        lambda fetch: replace(
            wear_v2(fetch),
            url=f"{STATIC}css/other.000000000000.css",
        ),
        {"asset of its release", "body matches hash"},
        set(),
    ),
    "an unhashed name comes": (
        2,
        lambda fetch: replace(fetch, url=f"{STATIC}{JS}"),
        {"asset of its release"},
        set(),
    ),
    "another body comes under the right name": (
        2,
        lambda fetch: replace(fetch, answer=answer_with(SOURCES["v2"][JS], TYPES[JS])),
        {"asset of its release", "body matches hash"},
        set(),
    ),
    "a body that nobody knows comes": (
        3,
        lambda fetch: replace(fetch, answer=answer_with(b"rotten", TYPES[PNG])),
        {"asset of its release", "body matches hash"},
        set(),
    ),
    "a stylesheet comes as plain text": (
        1,
        lambda fetch: change(fetch, content_type="text/plain"),
        {"type fits"},
        set(),
    ),
    "a module comes as a page": (
        2,
        lambda fetch: change(fetch, content_type="text/html; charset=utf-8"),
        {"type fits"},
        set(),
    ),
    "a classic script comes without a type, and must not be guessed": (
        2,
        lambda fetch: replace(
            fetch, how="script", answer=replace(fetch.answer, content_type="", nosniff=True)
        ),
        {"type fits"},
        set(),
    ),
    "a picture comes as a page": (
        3,
        lambda fetch: change(fetch, content_type="TEXT/HTML"),
        {"type fits"},
        set(),
    ),
    "a page names no release": (
        -1,
        lambda fetch: replace(fetch, release=None),
        set(),
        {"asset of its release"},
    ),
    "a page names a release that nobody has recorded": (
        -1,
        lambda fetch: replace(fetch, release="v9"),
        set(),
        {"asset of its release"},
    ),
    "an asset redirects": (
        3,
        lambda fetch: change(fetch, status=302, redirected_to=f"{BASE}login/?next=x"),
        {"asset resolves"},
        set(),
    ),
    "the store does not answer": (
        1,
        lambda fetch: change(fetch, status=502, cache_control="no-store"),
        {"nothing refused"},
        set(),
    ),
    "an asset was too big": (
        1,
        lambda fetch: change(fetch, sha256=None, md5=None, truncated=True),
        set(),
        {"asset of its release"},
    ),
    "a watched asset goes": (
        1,
        lambda fetch: change(
            replace(fetch, page=None, via=None, how="watch"), status=404, cache_control="no-store"
        ),
        {"asset resolves"},
        set(),
    ),
    "what no release has is there": (
        1,
        lambda fetch: replace(fetch, page=None, via=None, how="absent"),
        {"miss uncacheable"},
        set(),
    ),
}


@pytest.fixture(scope="module")
def modules(chromium: Browser) -> Iterator[Page]:
    """A page that has the modules of the explore page."""
    page = serve(chromium.new_page())
    yield page
    page.close()


def plant(name: str) -> list[Fetch]:
    """A visit of v1 with one fault, and a whole one of v2 before and after it."""
    index, fault, _failing, _unknown = FAULTS[name]
    faulty = visit_of("v1")
    for each in range(4) if index < 0 else [index]:
        faulty[each] = fault(faulty[each])
    before, after = visit_of("v2"), [replace(each, t=each.t + 5) for each in visit_of("v2", "")]
    later = [replace(each, t=each.t + 3) for each in faulty]
    return [*before, *later, *after] if index >= 0 else later


def test_what_is_whole_passes_in_both(modules: Page, tmp_path: Path) -> None:
    fetches = [*visit_of("v1"), *visit_of("v2", "cart/")]
    run = write(tmp_path / "whole.jsonl", fetches, (record_of("v1"), record_of("v2")))
    assert compare(modules, run) == dict.fromkeys(SEEN_BY_A_PAGE, "PASS")


@pytest.mark.parametrize("fault", FAULTS)
def test_both_find_what_is_planted(modules: Page, tmp_path: Path, fault: str) -> None:
    _index, _plant, failing, unknown = FAULTS[fault]
    run = write(tmp_path / "planted.jsonl", plant(fault), (record_of("v1"), record_of("v2")))
    verdicts = compare(modules, run)
    assert {name for name, status in verdicts.items() if status == "FAIL"} == failing
    # Beside a whole visit there is always something that could be judged.
    assert {name for name, status in verdicts.items() if status == "UNKNOWN"} <= unknown


def test_what_a_visitor_has_already_is_judged_for_the_next_page_in_both(
    modules: Page, tmp_path: Path
) -> None:
    """The stylesheet of v1 fits the first page, and not the second, which is of v2."""
    path = tmp_path / "reused.jsonl"
    write(path, visit_of("v1"), (record_of("v1"), record_of("v2")))
    lines = path.read_text().splitlines()
    page = visit_of("v2", "cart/")[0]
    with History(tmp_path / "rest.jsonl") as history:
        history.count = 4
        number = history.add_fetch(page)
        history.add_reuse(page, [Reuse(2, "stylesheet", number)])
    rest = (tmp_path / "rest.jsonl").read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], *rest, lines[-1]]) + "\n")
    run = read_history(path)
    assert [fetch.cached for fetch in run.fetches].count(True) == 1
    verdicts = compare(modules, run)
    assert [name for name, status in verdicts.items() if status == "FAIL"] == [
        "asset of its release"
    ]


def test_names_without_hashes_are_not_judged_by_hash_in_either(
    modules: Page, tmp_path: Path
) -> None:
    plain = Record(release="v1", paths={CSS: CSS}, assets={CSS: Asset(sha256(b"a").hexdigest(), 1)})
    page, style, *_rest = visit_of("v1")
    style = replace(style, url=f"{STATIC}{CSS}", answer=answer_with(b"a", "text/css"))
    run = write(tmp_path / "plain.jsonl", [page, style], (plain,))
    assert compare(modules, run)["body matches hash"] == "n/a"


def test_both_say_the_same_of_real_visits(
    modules: Page, healthy: Stack, skewed: Stack, tmp_path: Path
) -> None:
    whole = read_history(crawl(healthy, "any", tmp_path / "whole.jsonl", "v1", "v2"))
    assert len(whole.fetches) > 300
    verdicts = compare(modules, whole)
    # Nothing was missing, and so nothing says that both could tell; the next history does.
    assert set(verdicts.values()) == {"PASS"}

    skew = read_history(crawl(skewed, "any", tmp_path / "skew.jsonl", "v1"))
    verdicts = compare(modules, skew)
    assert {name for name, status in verdicts.items() if status == "FAIL"} == {
        "page answers",
        "asset of its release",
    }


BLIND = ("return { ...found, status: conclude(found) };", 'return { ...found, status: "PASS" };')
HALF_BLIND = ("yield blameName(index, run, fetch, name, record);", "continue;")


@pytest.mark.parametrize("change", [BLIND, HALF_BLIND], ids=["blind", "half blind"])
def test_a_judge_that_sees_nothing_is_seen(
    chromium: Browser, tmp_path: Path, change: tuple[str, str]
) -> None:
    page = serve(chromium.new_page(), judge=change)
    records = (record_of("v1"), record_of("v2"))
    run = write(
        tmp_path / "planted.jsonl", plant("another release's asset comes with 200"), records
    )
    with pytest.raises(AssertionError, match="asset of its release"):
        compare(page, run)
    page.close()


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 100_003])
def test_digests_are_those_of_python(modules: Page, length: int) -> None:
    body = bytes(number * 7 % 251 for number in range(length))
    digests = modules.evaluate(
        """async (body) => {
          const { md5, sha256 } = await import("/digests.js");
          const bytes = Uint8Array.from(body);
          return [md5(bytes), globalThis.isSecureContext ? await sha256(bytes) : null];
        }""",
        [*body],
    )
    # The address of this page is none that browsers trust, so there is no SHA-256: main.js says so.
    assert digests == [md5(body).hexdigest(), None]  # noqa: S324 - as Django names them


def test_a_run_without_records_is_not_known(modules: Page, tmp_path: Path) -> None:
    run = write(tmp_path / "none.jsonl", visit_of("v1"), ())
    assert ask_the_page(modules, run)["asset of its release"]["status"] == "UNKNOWN"
