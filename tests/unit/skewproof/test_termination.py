"""SIGTERM ends a publish at once, whatever it waits for, and tidies up."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.machine import lacks
from tests.unit.skewproof.proxy import Failure

from skewproof.management.termination import ending_at_once

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Fault, Proxy, Request

PATIENCE = 3  # seconds, for a busy machine; a request would be waited for ten
FIRST_IN_ITS_NAMESPACE = ("unshare", "--fork", "--pid", "--kill-child")
WAYS = {"plain": (), **({} if lacks("mounts") else {"process 1": FIRST_IN_ITS_NAMESPACE})}


def await_true(holds: object, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)


def find_publisher(process: subprocess.Popen[str]) -> int:
    """Return the process that publishes: the one that was started, or its child."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0]) if children else process.pid


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("before", WAYS.values(), ids=WAYS)
def test_a_publish_that_waits_for_the_store_ends_at_once(
    before: tuple[str, ...], method: str, watched: Project, proxy: Proxy, tmp_path: Path
) -> None:
    watched.publish("v1")
    watched.write({"a.css": "url(b.svg)", "b.svg": "b"})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    waiting = threading.Event()

    def plan(_: int, request: Request) -> Fault:
        if request.method != method:
            return None
        waiting.set()
        return Failure("silence")

    proxy.reset(plan)
    environment = {"RELEASE_ID": "v2", "TMPDIR": str(scratch)}
    with watched.start(tmp_path, before=before, **environment) as process:
        assert waiting.wait(20)
        started = time.monotonic()
        os.kill(find_publisher(process), signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    assert time.monotonic() - started < PATIENCE
    assert process.returncode == 128 + signal.SIGTERM
    assert said == "terminated; every release is as it was, run the same command again\n"
    assert not list(scratch.iterdir())
    proxy.reset(lambda *_: None)
    watched.assert_whole("v1")
    assert "release v2 is published" in watched.publish("v2")


def test_who_has_a_handler_keeps_it() -> None:
    def handle(*_: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGTERM, handle)
    try:
        with ending_at_once("terminated"):
            assert signal.getsignal(signal.SIGTERM) is handle
    finally:
        signal.signal(signal.SIGTERM, before)


def test_afterwards_everything_is_as_it_was() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threads = threading.active_count()
    try:
        with ending_at_once("terminated"):
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert threading.active_count() == threads


def test_another_thread_leaves_signals_alone() -> None:
    seen: list[object] = []

    def work() -> None:
        with ending_at_once("terminated"):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
