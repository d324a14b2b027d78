"""A probe is a polite guest: robots.txt, the rate, the patience that a site asks for."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.unit.lab_probe.nasty import CSS, Reply, hashed, page, serve

from lab.history import Answer, read_history
from lab.probe import Client, Guest, Limits, Robots, Site, follow, is_loopback, make_session
from lab.probe.links import Link, read_origin, resolve_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.lab_probe.nasty import Server

    from lab.history import History

SITE = hashed("site.css", "a {}")
LATER = Answer(status=429)


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as site:
        site.routes = {
            "/": page(f"<link rel=stylesheet href={SITE}>"),
            f"/{SITE}": Reply("a {}", CSS),
        }
        yield site


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guest(server: Server, history: History, clock: Clock) -> Callable[..., Guest]:
    def make(rate: float | None = None, seconds: float | None = None) -> Guest:
        robots = read_robots(server.url)
        return Guest(Site(base=server.url), robots, history, rate, seconds, clock, clock.sleep)

    return make


def read_robots(url: str) -> Robots:
    limits = Limits(connect=0.5, read=0.5, total=0.5)
    return Robots(
        partial(follow, Client(Site(base=url, limits=limits), make_session(), time.monotonic))
    )


def robots_txt(server: Server, text: str, status: int = 200) -> None:
    server.routes["/robots.txt"] = Reply(text, {"Content-Type": "text/plain"}, status)


# robots.txt


@pytest.mark.parametrize(
    ("text", "status", "allowed"),
    [
        ("", 404, True),
        ("", 403, True),
        ("User-agent: *\nDisallow: /", 500, False),
        ("", 503, False),
        ("User-agent: *\nDisallow: /", 200, False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Skewproof-Probe\nAllow: /", 200, True),
        ("User-agent: other\nDisallow: /", 200, True),
        ("\ufeffUser-agent: *\nDisallow: /*/b$", 200, False),
        ("User-agent: *\nDisallow: /a/\nAllow: /a/b", 200, True),
        ("<!doctype html><h1>Welcome</h1>", 200, True),
        ("\0\xff" * 9000, 200, True),
    ],
)
def test_robots_txt_is_read_as_the_standard_says(
    server: Server, text: str, status: int, allowed: bool
) -> None:
    robots_txt(server, text, status)
    robots = read_robots(server.url)
    assert [robots.allow(f"{server.url}a/b"), robots.allow(f"{server.url}a/b")] == [allowed] * 2
    assert server.asked == {"/robots.txt": 1}


def test_a_host_that_does_not_answer_forbids_everything() -> None:
    assert not read_robots("http://host.invalid/").allow("http://host.invalid/")


def test_a_robots_txt_that_drips_is_none(server: Server) -> None:
    server.routes["/robots.txt"] = Reply("#", endless=0.02)
    assert not read_robots(server.url).allow(server.url)


def test_a_robots_txt_may_be_elsewhere_and_enormous(server: Server) -> None:
    text = "User-agent: *\nDisallow: /a\n" + "#" * 600_000 + "\nDisallow: /b"
    server.routes["/robots.txt"] = Reply(b"", {"Location": "/moved.txt"}, 301)
    server.routes["/moved.txt"] = Reply(text)
    robots = read_robots(server.url)
    assert [robots.allow(f"{server.url}{name}") for name in "ab"] == [False, True]


def test_a_page_that_is_forbidden_is_left_out(
    server: Server, guest: Callable[..., Guest], history: History
) -> None:
    robots_txt(server, "User-agent: *\nDisallow: /private/")
    polite = guest()
    assert polite.admits_page(server.url)
    for _ in range(2):
        assert not polite.admits_page(f"{server.url}private/")
    assert polite.left_out() == [f"left out: {server.url}private/, by robots.txt"]
    history.end()
    (event,) = read_history(history.path).events
    assert (event.event, event.detail["role"]) == ("forbidden", "page")


def test_a_guest_sees_what_has_the_name_of_the_gateways_own_pages(
    server: Server, guest: Callable[..., Guest]
) -> None:
    assert guest().admits_page(f"{server.url}lab/")


def test_of_much_that_is_left_out_a_few_lines_are_shown(
    server: Server, guest: Callable[..., Guest]
) -> None:
    robots_txt(server, "User-agent: *\nDisallow: /private/")
    polite = guest()
    for number in range(30):
        assert not polite.admits_page(f"{server.url}private/{number}")
    assert (len(polite.left_out()), polite.left_out()[-1]) == (11, "left out: 20 more")


# the rate


def test_requests_keep_to_the_rate(guest: Callable[..., Guest], clock: Clock) -> None:
    polite = guest(rate=4)
    for _ in range(3):
        polite.await_turn(polite.site.base)
    clock.now += 0.2
    polite.await_turn(polite.site.base)
    clock.now += 9
    polite.await_turn(polite.site.base)
    assert clock.slept == [0.25, 0.25, 0.05]


def test_without_a_rate_nobody_waits(guest: Callable[..., Guest], clock: Clock) -> None:
    polite = guest()
    for _ in range(3):
        polite.await_turn(polite.site.base)
    assert (clock.slept, polite.rate) == ([], None)


def test_a_crawl_delay_counts_where_it_is_slower(
    server: Server, guest: Callable[..., Guest]
) -> None:
    robots_txt(server, "User-agent: *\nCrawl-delay: 2")
    assert guest(rate=5).rate == 0.5
    assert guest().rate == 0.5
    assert guest(rate=0.1).rate == pytest.approx(0.1)


def test_the_time_is_over_even_while_somebody_waits(
    guest: Callable[..., Guest], clock: Clock
) -> None:
    polite = guest(rate=0.1, seconds=12)
    for _ in range(3):
        assert not polite.over
        polite.await_turn(polite.site.base)
    assert polite.over
    assert clock.slept == [10, 2]


# patience


@pytest.mark.parametrize(
    ("retry_after", "waited"),
    [("7", 7), ("0", None), ("99999999999", 300), (None, 2), ("soon", 2), ("", 2), ("-5", 2)],
)
def test_a_site_is_given_the_time_that_it_asks_for(
    guest: Callable[..., Guest], clock: Clock, retry_after: str | None, waited: float | None
) -> None:
    assert guest().wants_another_try("http://x/", Answer(status=429, retry_after=retry_after))
    assert clock.slept == ([waited] if waited else [])


def test_a_site_may_ask_for_time_by_a_date(guest: Callable[..., Guest], clock: Clock) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert guest().wants_another_try("http://x/", Answer(status=429, retry_after=soon))
    assert 60 < clock.slept[0] <= 100
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert guest().wants_another_try("http://x/", Answer(status=429, retry_after=past))
    assert len(clock.slept) == 1


def test_who_is_told_to_wait_asks_less_often_and_gives_up_in_the_end(
    guest: Callable[..., Guest], clock: Clock
) -> None:
    polite = guest(rate=4)
    assert [polite.wants_another_try(polite.site.base, LATER) for _ in range(4)] == [True] * 3 + [
        False
    ]
    assert clock.slept == [2, 4, 8, 16]
    assert polite.rate == 0.5
    assert not polite.wants_another_try(polite.site.base, Answer(status=200))
    assert polite.wants_another_try(polite.site.base, LATER)
    assert clock.slept[-1] == 2


def test_a_503_is_waited_for_and_counts(
    guest: Callable[..., Guest], clock: Clock, history: History
) -> None:
    polite = guest()
    assert not polite.wants_another_try("http://x/", Answer(status=503, retry_after="5"))
    assert not polite.wants_another_try("http://x/", Answer(status=503))
    assert clock.slept == [5]
    history.end()
    (event,) = read_history(history.path).events
    assert (event.event, event.detail["seconds"]) == ("backed-off", 5)


# whose is what


def test_an_origin_is_an_asset_host_once_a_body_shows_that_its_hash_is_django_s(
    server: Server, guest: Callable[..., Guest]
) -> None:
    with serve() as cdn:
        polite = guest()
        font = Link(f"{cdn.url}fonts/a.woff2", "css-url")
        style = Link(f"{cdn.url}{SITE}", "stylesheet")
        polite.arrange([style, font])
        assert polite.admits_asset(style, server.url)
        assert not polite.admits_asset(font, server.url)
        for md5 in (None, "0" * 32):
            polite.prove(style.url, Answer(status=200, md5=md5))
            assert not polite.admits_asset(font, server.url)
        assert polite.hashed is None
        polite.prove(style.url, Answer(status=200, md5=hashlib.md5(b"a {}").hexdigest()))  # noqa: S324
        assert polite.admits_asset(font, server.url)
        assert polite.admits_asset(font, style.url)
        assert polite.hashed == style.url
        assert not polite.admits_asset(font, f"{cdn.url}plain.css")
        assert not polite.admits_asset(style, f"{cdn.url}plain.css")
        robots_txt(cdn, "User-agent: *\nDisallow: /fonts/")
        assert guest().left_out() == []
    assert server.asked["/robots.txt"] == 2


def test_what_is_fetched_first_shows_whose_the_rest_is(guest: Callable[..., Guest]) -> None:
    links = [Link("http://x/a.png", "img"), Link(f"http://x/{SITE}", "stylesheet")]
    assert guest().arrange(links) == links[::-1]


def test_another_host_is_asked_for_so_many_assets_and_no_more(
    server: Server, guest: Callable[..., Guest]
) -> None:
    with serve() as victim:
        polite = guest()
        links = [Link(f"{victim.url}{n}.0123456789ab.css", "stylesheet") for n in range(1789)]
        admitted = [link for link in links if polite.admits_asset(link, server.url)]
        assert (len(admitted), polite.admits_asset(links[0], server.url)) == (500, True)
        assert polite.left_out() == [
            f"left out: {read_origin(victim.url)}, has more than 500 assets, and is not the site"
        ]


def test_so_many_other_hosts_are_asked_and_no_more(
    server: Server, guest: Callable[..., Guest]
) -> None:
    polite = guest()
    polite.robots.get = lambda _url: (Answer(status=404), b"")
    links = [Link(f"http://h{number}.test/{SITE}", "stylesheet") for number in range(12)]
    admitted = [polite.admits_asset(link, server.url) for link in links]
    assert admitted == [True] * 10 + [False] * 2


def test_each_host_has_a_rate_of_its_own(guest: Callable[..., Guest], clock: Clock) -> None:
    polite = guest()  # on this machine, without a limit
    polite.robots.get = lambda _url: (Answer(status=404), b"")
    for host in ("a.test", "b.test", "a.test", "a.test", "b.test"):
        polite.await_turn(f"http://{host}/x")
        polite.await_turn(polite.site.base)
    assert clock.slept == [0.2, 0.2]


def test_a_host_that_asks_for_too_long_a_delay_is_left_alone(
    server: Server, guest: Callable[..., Guest]
) -> None:
    with serve() as slow:
        robots_txt(slow, "User-agent: *\nCrawl-delay: 61")
        polite = guest()
        assert not polite.admits_asset(Link(f"{slow.url}{SITE}", "stylesheet"), server.url)
        assert "asks for 61 s between two requests" in polite.left_out()[0]


def test_patience_comes_to_an_end(guest: Callable[..., Guest], clock: Clock) -> None:
    polite = guest()
    for _ in range(9):
        polite.wants_another_try(polite.site.base, Answer(status=503, retry_after="300"))
    assert sum(clock.slept) == 900


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("http://127.0.0.1:8080/", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]:80/", True),
        ("https://shop.localhost/", True),
        ("http://localhost/", True),
        ("http://127.example.com/", False),
        ("http://10.0.0.1/", False),
        ("http://example.com/", False),
        ("http://[2001:db8::1]/", False),
    ],
)
def test_only_this_machine_needs_not_be_spared(url: str, is_ours: bool) -> None:
    assert is_loopback(url) is is_ours


@pytest.mark.parametrize(
    ("base", "value", "resolved"),
    [
        ("http://[::1]:8080/a/", "b.css", "http://[::1]:8080/a/b.css"),
        ("http://[::1]:80/", "//[::1]/b.css", "http://[::1]/b.css"),
        ("http://b\u00fccher.example/", "x", "http://xn--bcher-kva.example/x"),
        (
            "http://xn--bcher-kva.example/",
            "//B\u00dcCHER.example/x",
            "http://xn--bcher-kva.example/x",
        ),
        ("http://x/", "http://\u2603\u0000.example/", None),
        ("http://x/", "http://" + "\u00fc" * 80 + ".example/", None),
    ],
    ids=range(6),
)
def test_hosts_have_one_spelling(base: str, value: str, resolved: str | None) -> None:
    assert resolve_url(base, value) == resolved


def test_a_site_knows_itself_by_either_spelling_of_its_host() -> None:
    site = Site(base="http://b\u00fccher.example/")
    assert site.has_page("http://xn--bcher-kva.example/x")
    assert [read_origin(url) for url in site.entrances()] == ["http://xn--bcher-kva.example"]
