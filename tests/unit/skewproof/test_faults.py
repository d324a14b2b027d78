"""A publish is broken off at every single request, in every way a network knows."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError

import skewproof
from skewproof import transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from .project import Project
    from .proxy import Fault, Proxy, Request

SMALL = {"a.css": "b { background: url(b.svg) }\n", "b.svg": "<svg/>", "c.txt": "c"}
NEXT = {"a.css": "b { background: url(b.svg) }\n", "b.svg": "<svg id='2'/>", "d.txt": "d"}
REQUESTS = 8  # 1 manifest asked for, 1 listing, 3 assets, 2 copies (one is as it was), 1 manifest


def at(number: int, fault: Fault) -> Callable[[int, Request], Fault]:
    """Return a plan that fails at one request, and for "dead" at all that follow."""

    def plan(current: int, _: Request) -> Fault:
        return fault if current == number or (fault == "dead" and current > number) else None

    return plan


def guarded(project: Project) -> dict[str, Any]:
    """Return what no publish of v2 may touch."""
    names = {f"static/{name}" for name in project.manifest("v1")["paths"].values()}
    names.add("releases/v1/staticfiles.json")
    return {key: entry for key, entry in project.place.entries().items() if key in names}


def assert_absent_or_whole(project: Project, release: str) -> bool:
    there = f"releases/{release}/staticfiles.json" in project.place.entries()
    if there:
        project.assert_whole(release)
    return there


def prepared(project: Project) -> dict[str, Any]:
    project.write(SMALL)
    project.publish("v1")
    project.write(NEXT)
    return guarded(project)


def test_a_publish_needs_no_more_requests_than_counted(watched: Project, proxy: Proxy) -> None:
    prepared(watched)
    proxy.reset(at(0, None))
    out = watched.publish("v2")
    assert len(proxy.requests) == REQUESTS
    assert f"{REQUESTS} requests" in out
    proxy.reset(at(0, None))
    out = watched.publish("v2")
    assert [each.method for each in proxy.requests] == ["GET", "GET"]
    assert "2 requests" in out


def test_every_write_is_conditional_but_those_of_unhashed_copies_and_none_deletes(
    watched: Project, proxy: Proxy
) -> None:
    prepared(watched)
    proxy.reset(at(0, None))
    watched.publish("v2")
    copies = tuple(watched.place.key(f"static/{name}") for name in NEXT)
    for write in proxy.writes():
        assert write.method == "PUT"
        assert write.path.endswith(copies) or write.headers["if-none-match"] == "*"


def test_the_manifest_is_written_after_every_asset_has_been_answered(
    watched: Project, proxy: Proxy
) -> None:
    """The manifest's request is held until it is known that all assets are readable."""
    prepared(watched)
    seen: list[int] = []

    def plan(_: int, request: Request) -> Fault:
        if request.method == "PUT" and "/releases/" in request.path:
            seen.append(len([key for key in watched.place.entries() if key.startswith("static/")]))
        return None

    proxy.reset(plan)
    watched.publish("v2")
    assert seen == [len([key for key in watched.place.entries() if key.startswith("static/")])]
    assert proxy.writes()[-1].path.endswith(watched.place.key("releases/v2/staticfiles.json"))


@pytest.mark.parametrize("fault", ["dead", "unanswered", 503])
@pytest.mark.parametrize("number", range(1, REQUESTS + 1))
def test_a_publish_that_fails_at_any_request_leaves_all_releases_whole_and_can_be_run_again(
    number: int,
    fault: Fault,
    watched: Project,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "RETRIES", 0)
    before = prepared(watched)
    proxy.reset(at(number, fault))
    with pytest.raises(CommandError) as caught:
        watched.publish("v2")
    assert caught.value.returncode == 4
    assert "\n" not in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert ("nothing was written" in str(caught.value)) == (number <= 2)
    assert guarded(watched) == before
    committed = assert_absent_or_whole(watched, "v2")
    assert committed == (fault == "unanswered" and number == REQUESTS)
    proxy.reset(at(0, None))
    assert ("was published already" in watched.publish("v2")) == committed
    assert assert_absent_or_whole(watched, "v2")
    assert guarded(watched) == before
    watched.assert_whole("v1")


@pytest.mark.parametrize("fault", ["lost", "unanswered", 500, 503])
def test_a_publish_outlives_a_fault_that_passes_at_every_request(
    fault: Fault, watched: Project, proxy: Proxy
) -> None:
    """Every request fails the first time that it is made."""
    before = prepared(watched)
    failed: set[tuple[str, str]] = set()

    def plan(_: int, request: Request) -> Fault:
        if (request.method, request.path) in failed:
            return None
        failed.add((request.method, request.path))
        return fault

    proxy.reset(plan)
    watched.publish("v2")
    assert len(failed) == REQUESTS
    assert guarded(watched) == before
    watched.assert_whole("v2")


SETTINGS = """
SECRET_KEY = "only-for-tests"
INSTALLED_APPS = ["skewproof", "django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATICFILES_DIRS = [{source!r}]
STORAGES = {{"staticfiles": {storage!r}}}
"""


@pytest.mark.parametrize("number", range(1, REQUESTS + 1))
def test_a_publish_that_is_killed_at_any_request_leaves_all_releases_whole(
    number: int, watched: Project, proxy: Proxy, tmp_path: Path
) -> None:
    before = prepared(watched)
    text = SETTINGS.format(
        source=str(watched.source), storage=watched.place.configured(**watched.options)
    )
    (tmp_path / "killed_settings.py").write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{Path(skewproof.__file__).parents[1]}:{tmp_path}",
        "DJANGO_SETTINGS_MODULE": "killed_settings",
        "RELEASE_ID": "v2",
        "TMPDIR": str(tmp_path),
    }
    started: list[subprocess.Popen[bytes]] = []

    def plan(current: int, _: Request) -> Fault:
        if current == number:
            started[0].kill()
        return "dead" if current >= number else None

    proxy.reset(plan)
    command = [sys.executable, "-m", "django", "collectstatic", "--no-input", "-v0"]
    started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
    _, errors = started[0].communicate(timeout=60)
    assert started[0].returncode == -signal.SIGKILL, errors.decode()
    assert guarded(watched) == before
    assert not assert_absent_or_whole(watched, "v2")
    proxy.reset(at(0, None))
    assert "is published" in watched.publish("v2")
    assert assert_absent_or_whole(watched, "v2")


def failure(project: Project, release: str) -> CommandError | None:
    """Return how publishing failed, or None when it went well."""
    try:
        project.publish(release)
    except CommandError as error:
        return error
    return None


def test_a_disk_that_fails_at_any_write_leaves_all_releases_whole(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th time that bytes or names are made durable, the disk is full."""
    project = directory_project
    before = prepared(project)
    sync, calls, failed = os.fsync, itertools.count(1), 0

    def full(handle: int) -> None:
        if next(calls) == failed:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr("os.fsync", full)
    while True:
        failed, calls = failed + 1, itertools.count(1)
        release = f"v2-{failed}"
        project.write({**NEXT, "e.txt": release})
        error = failure(project, release)
        if error is None:
            break
        assert error.returncode == 4
        assert "No space left on device" in str(error)
        assert guarded(project) == before
        assert_absent_or_whole(project, release)
        assert not [key for key in project.place.entries() if ".skewproof-" in key]
        calls = itertools.count(1000)
        project.publish(release)
        project.assert_whole(release)
    assert failed > 6
