from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from lab.deadline import wait_until
from lab.history import Header, read_history
from lab.probe import Probe
from lab.probe.client import make_session

if TYPE_CHECKING:
    import requests
    from tests.unit.lab_probe.conftest import Reply, Request, Shop

    from lab.history import History
    from lab.probe import Site


def test_visitors_visit_again_and_again_until_they_are_stopped(
    shop: Shop, probe: Probe, history: History
) -> None:
    probe.start(visitors=3)
    assert all(probe.await_round(timeout=20) for _ in range(3))
    probe.stop()
    after = len(shop.seen)
    history.end()
    run = read_history(history.path)
    visits = Counter(fetch.visitor for fetch in run.fetches if fetch.url == shop.base)
    assert sorted(visits) == ["1", "2", "3"]
    assert min(visits.values()) >= 3
    assert sum(not fetch.cached for fetch in run.fetches) == after == len(shop.seen)
    assert all(fetch.answer.status in (200, 302) for fetch in run.fetches)
    assert probe.crashes == []


def test_several_groups_of_visitors_run_beside_each_other(
    shop: Shop, probe: Probe, history: History
) -> None:
    probe.start(1, release="v1")
    probe.start(1, release="v2", hard=True)
    assert probe.await_round(timeout=20)
    probe.stop()
    history.end()
    run = read_history(history.path)
    by_visitor = {
        visitor: {fetch.release for fetch in run.fetches if fetch.visitor == visitor}
        for visitor in ("1", "2")
    }
    assert by_visitor == {"1": {"v1"}, "2": {"v2"}}
    hard = {
        "release=v2" in request.headers.get("Cookie", "")
        for request in shop.seen
        if request.headers.get("Cache-Control") == "no-cache"
    }
    assert hard == {True}


def test_a_round_waits_for_the_slowest_visitor(probe: Probe) -> None:
    probe.start(1, pace=3600)
    probe.start(3)
    wait_until(lambda: min(probe.latest.values()) > 0, 20, "not all have looked", str)
    before = probe.begun
    assert not probe.await_round(timeout=3)
    assert probe.begun > before + 4  # by those that do not rest


def test_a_visit_that_is_under_way_ends_with_its_page_when_a_round_begins(
    shop: Shop, probe: Probe, history: History, reply: type[Reply]
) -> None:
    home = shop.releases["v1"].pages["/"].encode()

    def answer(_request: Request) -> Reply:
        wait_until(lambda: probe.outdated == 1, 20, "no round", str)  # the first visit is here
        return reply(home, headers={"Content-Type": "text/html", "X-Release": "v1"})

    shop.plant("/", answer)
    probe.start(1, pace=3600)
    wait_until(lambda: probe.begun == 1, 20, "no visit", str)
    assert probe.await_round(timeout=20)
    probe.stop()
    history.end()
    seen = [fetch for fetch in read_history(history.path).fetches if not fetch.cached]
    first, second = (n for n, fetch in enumerate(seen) if fetch.url == shop.base)
    assert {fetch.page for fetch in seen[first:second]} == {shop.base}
    assert {fetch.how for fetch in seen[first:second]} > {"stylesheet", "css-import", "source-map"}
    assert len({fetch.page for fetch in seen[second:]}) > 3


def test_waiting_for_visitors_that_are_not_there_ends(probe: Probe) -> None:
    assert not probe.await_round(timeout=0.05)


def test_stopping_does_not_wait_for_the_pace(probe: Probe) -> None:
    probe.start(1, pace=3600)
    wait_until(lambda: probe.latest == {"1": 1}, 20, "no visit was completed", str)
    probe.stop()
    assert probe.latest == {"1": 1}


def test_visitors_rest_while_they_are_asked_to_and_go_on_at_once(probe: Probe) -> None:
    probe.start(2)
    assert probe.await_round(timeout=20)
    with probe.resting(3600):
        assert not probe.await_round(timeout=3)  # those under way end, and no other begins
    assert probe.await_round(timeout=20)
    with probe.resting(3600):
        probe.stop()


def test_visitors_of_a_site_that_is_down_keep_trying_without_haste(
    shop: Shop, probe: Probe, history: History
) -> None:
    shop.stop()
    probe.start(1)
    assert probe.await_round(timeout=20)
    probe.stop()
    history.end()
    answers = [fetch.answer for fetch in read_history(history.path).fetches]
    assert {answer.error for answer in answers} == {"refused"}
    assert len(answers) < 20


def test_a_watch_polls_each_asset_past_the_caches_before_during_and_after(
    shop: Shop, probe: Probe, history: History, reply: type[Reply]
) -> None:
    path, body = shop.asset("css/site.css"), shop.body("css/site.css")
    polled = threading.Semaphore(0)

    def count(_request: Request) -> Reply:
        polled.release()
        return reply(body, headers={"Content-Type": "text/css"})

    shop.plant(path, count)
    with probe.watch([shop.base + path[1:], shop.base + path[1:]], release="v1"):
        before = len(shop.seen)
        for _ in range(before + 3):
            assert polled.acquire(timeout=10)
    assert before >= 1
    assert {request.headers["Cache-Control"] for request in shop.seen} == {"no-cache"}
    asked = len(shop.seen)
    history.end()
    fetches = read_history(history.path).fetches
    assert len(fetches) == asked >= before + 4
    assert {(fetch.how, fetch.release, fetch.page, fetch.role) for fetch in fetches} == {
        ("watch", "v1", None, "asset")
    }


def test_a_watch_ends_with_its_block_also_when_that_fails(shop: Shop, probe: Probe) -> None:
    with pytest.raises(RuntimeError, match="publish failed"), probe.watch([shop.base]):
        raise RuntimeError("publish failed")
    asked = len(shop.seen)
    probe.stop()
    assert len(shop.seen) == asked


def test_a_page_that_is_still_open_asks_for_each_asset_once(shop: Shop, probe: Probe) -> None:
    fetches = probe.crawl_once()
    (url,) = {fetch.url for fetch in fetches if fetch.how == "stylesheet"}
    asked = len(shop.seen)
    probe.ask_for([url], "v1")
    assert len(shop.seen) == asked + 1


def test_asking_for_what_is_absent_shows_how_a_miss_is_answered(shop: Shop, probe: Probe) -> None:
    fetch = probe.ask_for_absent()
    assert (fetch.how, fetch.answer.status, fetch.answer.cache_control) == (
        "absent",
        404,
        "no-store",
    )
    assert fetch.url.startswith(f"{shop.base}static/")


def test_a_visitor_that_crashes_is_in_the_history(site: Site, history: History) -> None:
    def broken_session() -> requests.Session:
        session = make_session()
        session.get = None  # type: ignore[method-assign, assignment]
        return session

    probe = Probe(site, history, session=broken_session)
    probe.start(1)
    probe.stop()
    history.begin(
        Header(
            strategy=None,
            engine=None,
            action="probe",
            base=site.base,
            static=site.static,
            started="2026-11-23T15:00:00Z",
        )
    )
    history.end()
    (event,) = read_history(history.path).events
    assert event.event == "probe-crashed"
    assert event.detail["visitor"] == "1"
    assert "TypeError" in event.detail["trace"]
    assert probe.crashes
    assert probe.crashes[0].startswith("visitor 1: TypeError: ")


def test_a_stopped_probe_leaves_no_thread_behind(shop: Shop, site: Site, history: History) -> None:
    with Probe(site, history) as probe:
        probe.start(2)
        with probe.watch([shop.base]):
            assert probe.await_round(timeout=20)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("probe-")]
