"""A publish is broken off at every single request, in every way a network or a disk knows."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError
from tests.s3servers import wanted
from tests.unit.skewproof.forks import forking
from tests.unit.skewproof.injection import (
    FIRST,
    NEXT,
    REQUESTS,
    BucketBench,
    DirectoryBench,
    Kind,
    Report,
    break_everything,
    network_kinds,
)
from tests.unit.skewproof.places import BucketPlace, DirectoryPlace
from tests.unit.skewproof.proxy import Failure

from skewproof.stores import bucket, fast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.s3servers import S3Server
    from tests.unit.skewproof.forks import Lane
    from tests.unit.skewproof.injection import Bench
    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Fault, Proxy, Request

BENCHES = 3  # that work at once at each store
BY_BOTO3 = {"object_parameters": {"Tagging": "team=shop"}}  # which obstore cannot send


def ways() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the kind of server and the options for both ways to a bucket, by name."""
    kinds = wanted()
    return {f"{kinds[0]}, obstore": (kinds[0], {}), f"{kinds[-1]}, boto3": (kinds[-1], BY_BOTO3)}


def nothing(number: int, request: Request) -> Fault:  # noqa: ARG001 - a plan
    """Let every request through."""
    return None


def prepared(project: Project) -> None:
    project.write(FIRST)
    project.publish("v1")
    project.write(NEXT)


def test_a_publish_needs_no_more_requests_than_counted(watched: Project, proxy: Proxy) -> None:
    prepared(watched)
    proxy.reset(nothing)
    out = watched.publish("v2")
    assert len(proxy.requests) == REQUESTS
    assert f"{REQUESTS} requests" in out
    proxy.reset(nothing)
    out = watched.publish("v2")
    # The manifest, what else is there, and the assets.
    assert [each.method for each in proxy.requests] == ["GET", "GET", "GET"]
    assert "3 requests" in out


def test_every_write_is_conditional_but_those_of_unhashed_copies_and_none_deletes(
    watched: Project, proxy: Proxy
) -> None:
    prepared(watched)
    proxy.reset(nothing)
    watched.publish("v2")
    copies = tuple(watched.place.key(f"static/{name}") for name in NEXT)
    for write in proxy.writes():
        if write.method == "POST":  # the way to delete: it is our own intent that goes, as the last
            assert write.path.endswith("?delete")
            assert write is proxy.writes()[-1]
        else:
            assert write.method == "PUT"
            assert write.path.endswith(copies) or write.headers["if-none-match"] == "*"


def test_the_manifest_is_written_after_every_asset_has_been_answered(
    watched: Project, proxy: Proxy
) -> None:
    """The manifest's request is held until it is known that all assets are readable."""
    prepared(watched)
    seen: list[int] = []

    def plan(_: int, request: Request) -> Fault:
        if request.method == "PUT" and request.path.endswith("/staticfiles.json"):
            seen.append(len([key for key in watched.place.entries() if key.startswith("static/")]))
        return None

    proxy.reset(plan)
    watched.publish("v2")
    assert seen == [len([key for key in watched.place.entries() if key.startswith("static/")])]
    assert proxy.writes()[-2].path.endswith(watched.place.key("releases/v2/staticfiles.json"))


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Lane]]:
    with forking(tmp_path_factory.mktemp("forks")) as found:
        yield found


@pytest.fixture
def bucket_bench(
    s3_server_of_kind: Callable[[str], S3Server],
    connect: Callable[[Path], Lane],
    tmp_path: Path,
) -> Iterator[Callable[..., BucketBench]]:
    """Return a way to make a bench in a bucket of a server of that kind."""
    with ExitStack() as stack:

        def make(kind: str, name: str, **options: Any) -> BucketBench:
            place = BucketPlace(s3_server_of_kind(kind), options=options)
            return BucketBench(place, tmp_path / name, connect, stack=stack)

        yield make


@pytest.mark.engine
@pytest.mark.timeout(1800)  # it keeps every processor busy for minutes
@pytest.mark.parametrize(
    "by_turns",
    [
        pytest.param(True, id="by-turns"),
        pytest.param(False, id="on-both-ways", marks=pytest.mark.thorough),
    ],
)
def test_a_publish_that_is_broken_at_any_request_or_write_hurts_nobody_and_can_be_run_again(
    bucket_bench: Callable[..., BucketBench],
    connect: Callable[[Path], Lane],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    by_turns: bool,
) -> None:
    """Both ways to a bucket make the same requests, so each of them can break every other one."""
    benches: list[tuple[str, Bench]] = []
    report = Report()
    for number in range(BENCHES):
        for way, (kind, options) in ways().items():
            benches.append((way, bucket_bench(kind, f"{way}-{number}", **options)))
        place = DirectoryPlace(tmp_path / f"store-{number}")
        benches.append(
            ("directory", DirectoryBench(place, tmp_path / f"directory-{number}", connect))
        )
    assert all(bench.requests == REQUESTS for store, bench in benches if store != "directory")
    break_everything(benches, report, sharing=tuple(ways()) if by_turns else ())
    for line in report.lines():
        record_property("summary", line)
    assert not report.violations
    points = len(list(network_kinds())) * REQUESTS
    broken = Counter(store for store, _kind in report.points.elements())
    assert sum(broken[way] for way in ways()) == points * (1 if by_turns else len(ways()))
    assert max(broken[way] for way in ways()) - min(broken[way] for way in ways()) <= 1
    assert report.reads > report.points.total()


KILLED = Kind("killed", "killed", lasting=True)
WATCHED = Kind("looked at", "nothing", after=True)
TWO = Kind("another publish", "nothing", other=("v2", "other"))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("planted", "kind", "seen"),
    [
        ("manifest_first", KILLED, "release v2 is there, and .* is not"),
        ("delete_then_write", KILLED, r"static/.* was \('.*'\) and is None"),
        ("delete_then_write", WATCHED, "was b'404'"),
        ("unconditional", KILLED, r"static/.* was \('.*'\) and is \('.*'\)"),
        ("unconditional_manifest", TWO, "they said .*is published:.*is published:"),
    ],
)
def test_a_publish_that_breaks_a_promise_is_found_out(
    planted: str, kind: Kind, seen: str, bucket_bench: Callable[..., BucketBench]
) -> None:
    bench = bucket_bench(wanted()[0], "planted")
    bench.planted = [[f"tests.unit.skewproof.sabotage.{planted}"]]
    found = (each for number in range(1, 25) for each in bench.judged(kind, number))
    assert any(re.search(seen, each) for each in found)


def test_a_store_that_throttles_for_a_while_is_waited_for(watched: Project, proxy: Proxy) -> None:
    """It answers 429 and 503 by turns, until two seconds are over."""
    prepared(watched)
    until = time.monotonic() + 2
    statuses = itertools.cycle([503, 429])
    proxy.reset(lambda *_: Failure(next(statuses)) if time.monotonic() < until else None)
    assert "is published" in watched.publish("v2")
    watched.assert_whole("v2")


def test_a_conditional_write_that_met_a_deletion_is_repeated(
    watched: Project, proxy: Proxy
) -> None:
    """As AWS wants it, and as obstore does not: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html."""
    prepared(watched)
    refused: set[str] = set()

    def plan(_: int, request: Request) -> Fault:
        if "if-none-match" not in request.headers or request.path in refused:
            return None
        refused.add(request.path)
        return Failure(409, code="ConditionalRequestConflict")

    proxy.reset(plan)
    assert "is published" in watched.publish("v2")
    assert len(refused) == 5  # the intent, three assets, the manifest
    watched.assert_whole("v2")


@pytest.mark.parametrize(
    ("how", "said"),
    [(503, "503 Service Unavailable (SlowDown)"), ("reset", "reset"), ("silence", "Timeout")],
)
def test_a_store_that_goes_on_failing_is_given_up_in_bounded_time(
    how: int | str, said: str, watched: Project, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(watched)
    monkeypatch.setattr(bucket, "GIVING_UP", 1)
    monkeypatch.setattr(bucket, "PATIENCE", 0.5)
    # From the sixth request on, when files are being sent.
    proxy.reset(lambda number, _: Failure(how) if number >= 6 else None)
    with pytest.raises(CommandError) as caught:
        watched.publish("v2")
    assert said in str(caught.value)
    assert "of 5 files were written, no manifest was written" in str(caught.value)
    assert caught.value.returncode == 4
    # Three files are sent at once, each of them as often as it is allowed.
    assert len(proxy.requests) <= 4 + 3 * (1 + bucket.RETRIES)


def test_no_request_is_waited_for_as_long_as_a_minute() -> None:
    assert bucket.PATIENCE + bucket.GIVING_UP < 60
    assert fast.make_retry_config(1)["retry_timeout"].total_seconds() == bucket.GIVING_UP


def test_threads_that_were_throttled_together_do_not_ask_again_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)

    def ask() -> None:
        raise ConnectionResetError

    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            bucket.insist(ask, lambda _: False)
    one, other = pauses[: bucket.RETRIES], pauses[bucket.RETRIES :]
    assert len(one) == len(other) == bucket.RETRIES
    assert not set(one) & set(other)
    assert min(sum(one), sum(other)) > 10
    assert max(pauses) <= bucket.LONGEST_PAUSE


def test_no_chance_makes_a_store_that_throttles_for_three_seconds_given_up() -> None:
    """obstore draws each pause from between the first one and a multiple of the last."""
    retry = fast.make_retry_config(bucket.RETRIES)
    assert retry["max_retries"] * retry["backoff"]["init_backoff"].total_seconds() >= 3
    assert retry["backoff"]["base"] > 2
