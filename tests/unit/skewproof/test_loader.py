from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from skewproof.backends.loader import GIVEN_UP, MOST, Loader
from skewproof.errors import ManifestError

THREADS = 24


class Clock:
    """A clock that only moves when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def late(seconds: float, fetches: int) -> ManifestError:
    return ManifestError("unreachable", f"nothing within {seconds} of {fetches}")


def absent() -> str:
    raise ManifestError("absent", "not there")


def test_many_threads_at_once_fetch_a_value_once() -> None:
    loader: Loader[str] = Loader()
    fetched, gate = [], threading.Barrier(THREADS)

    def fetch() -> str:
        fetched.append(1)
        return "value"

    def ask(_: int) -> str:
        gate.wait(10)
        return loader.load(fetch, late)

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(ask, range(THREADS))) == {"value"}
    assert len(fetched) == 1


def test_many_threads_at_once_share_one_failure() -> None:
    loader: Loader[str] = Loader(clock=Clock())
    tried, gate = [], threading.Barrier(THREADS)

    def fetch() -> str:
        tried.append(1)
        return absent()

    def ask(_: int) -> ManifestError:
        gate.wait(10)
        with pytest.raises(ManifestError, match="not there") as caught:
            loader.load(fetch, late)
        return caught.value

    with ThreadPoolExecutor(THREADS) as pool:
        errors = list(pool.map(ask, range(THREADS)))
    assert len(tried) == 1
    assert len({id(error) for error in errors}) == THREADS
    assert {error.reason for error in errors} == {"absent"}


def test_after_a_failure_one_try_a_pause_is_made_and_the_first_success_stays() -> None:
    clock = Clock()
    loader: Loader[str] = Loader(pause=1.0, clock=clock)
    with pytest.raises(ManifestError):
        loader.load(absent, late)
    clock.now += 0.99
    with pytest.raises(ManifestError):
        loader.load(lambda: "too early", late)
    clock.now += 0.02
    with pytest.raises(ManifestError):
        loader.load(absent, late)
    with pytest.raises(ManifestError):
        loader.load(lambda: "too early", late)
    clock.now += 1.01
    assert loader.load(lambda: "value", late) == "value"
    assert loader.load(absent, late) == "value"


def test_while_one_thread_tries_again_the_others_do_not_wait_for_it() -> None:
    clock = Clock()
    loader: Loader[str] = Loader(clock=clock)
    with pytest.raises(ManifestError):
        loader.load(absent, late)
    clock.now += 2
    trying, answered = threading.Event(), threading.Event()

    def slow() -> str:
        trying.set()
        assert answered.wait(10)
        return "value"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(loader.load, slow, late)
        assert trying.wait(10)
        with pytest.raises(ManifestError):
            loader.load(lambda: "never called", late)
        answered.set()
        assert first.result(10) == "value"


def test_an_error_that_nobody_expected_is_neither_hidden_nor_kept() -> None:
    loader: Loader[str] = Loader()
    with pytest.raises(ZeroDivisionError):
        loader.load(lambda: str(1 // 0), late)
    assert loader.load(lambda: "value", late) == "value"


def test_a_fetch_that_does_not_end_holds_nobody_for_long_and_counts_when_it_ends() -> None:
    clock = Clock()
    loader: Loader[str] = Loader(patience=0.01, clock=clock)
    ended, begun = threading.Event(), []

    def slow() -> str:
        begun.append(1)
        assert ended.wait(10)
        return "value"

    for _ in range(3):
        with pytest.raises(ManifestError, match=r"nothing within 0\.01"):
            loader.load(slow, late)
        clock.now += 2
    assert len(begun) == 1
    ended.set()
    loader._patience = 10
    assert loader.load(absent, late) == "value"
    assert len(begun) == 1


def test_who_has_time_waits_longer() -> None:
    loader: Loader[str] = Loader(patience=0.01, clock=Clock())
    ended = threading.Event()

    def slow() -> str:
        assert ended.wait(10)
        return "value"

    with pytest.raises(ManifestError, match=r"nothing within 0\.02"):
        loader.load(slow, late, 0.02)
    assert loader.has_failed
    loader = Loader(patience=0.01, clock=Clock())
    threading.Timer(0.1, ended.set).start()
    assert loader.load(slow, late, 10) == "value"
    assert not loader.has_failed


def test_a_fork_waits_for_no_fetch_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    loader: Loader[str] = Loader(patience=0.01, clock=clock)
    ended = threading.Event()
    with pytest.raises(ManifestError, match="nothing within"):
        loader.load(lambda: str(ended.wait(10)), late)
    clock.now += 2
    monkeypatch.setattr("os.getpid", lambda: 1)
    assert loader.load(lambda: "value", late, 10) == "value"
    ended.set()


def test_a_fetch_that_fails_after_it_was_given_up_is_begun_again() -> None:
    clock = Clock()
    loader: Loader[str] = Loader(patience=0.01, clock=clock)
    ended = threading.Event()

    def slow() -> str:
        assert ended.wait(10)
        return absent()

    with pytest.raises(ManifestError, match="nothing within"):
        loader.load(slow, late)
    ended.set()
    loader._patience = 10
    while not loader._current or not loader._current.future.done():
        threading.Event().wait(0.001)
    clock.now += 2
    assert loader.load(lambda: "value", late) == "value"


def test_a_fetch_that_never_ends_is_begun_again_after_a_while() -> None:
    clock = Clock()
    loader: Loader[str] = Loader(patience=0.01, clock=clock)
    never = threading.Event()
    with pytest.raises(ManifestError):
        loader.load(lambda: str(never.wait(10)), late)
    clock.now += 11
    loader._patience = 10
    assert loader.load(lambda: "value", late) == "value"
    never.set()


def test_few_fetches_hang_at_once_and_when_one_ends_another_is_begun() -> None:
    clock, begun = Clock(), []
    loader: Loader[str] = Loader(patience=0.01, clock=clock)
    ends = [threading.Event() for _ in range(MOST)]

    def hang() -> str:
        begun.append(threading.current_thread())
        assert ends[len(begun) - 1].wait(30)
        return absent()

    for _ in range(20):
        with pytest.raises(ManifestError, match="nothing within"):
            loader.load(hang, late)
        clock.now += GIVEN_UP + 1
    assert len(begun) == MOST
    with pytest.raises(ManifestError, match=f"of {MOST}"):
        loader.load(hang, late)
    ends[0].set()
    begun[0].join(10)
    clock.now += GIVEN_UP + 1
    loader._patience = 10
    assert loader.load(lambda: "value", late) == "value"
    for each in ends:
        each.set()


def test_a_fetch_that_gets_a_little_all_the_time_is_ended_when_it_is_given_up() -> None:
    clock, begun = Clock(), []
    loader: Loader[str] = Loader(patience=0.01, clock=clock)

    def drip() -> str:
        begun.append(threading.current_thread())
        try:
            while True:
                time.sleep(0.001)
        except TimeoutError:
            return absent()

    for _ in range(10):
        with pytest.raises(ManifestError):
            loader.load(drip, late)
        for each in begun[:-1]:
            each.join(10)
            assert not each.is_alive()
        clock.now += GIVEN_UP + 1
    assert len(begun) == 10
    loader._patience = 10
    assert loader.load(lambda: "value", late) == "value"


def test_in_an_event_loop_nobody_waits_after_a_failure() -> None:
    clock, fetching, ended = Clock(), threading.Event(), threading.Event()
    loader: Loader[str] = Loader(patience=60, clock=clock)

    def slow() -> str:
        fetching.set()
        assert ended.wait(30)
        return "value"

    async def load() -> str:
        return loader.load(slow, late)

    with pytest.raises(ManifestError):
        loader.load(absent, late)
    clock.now += 2
    with pytest.raises(ManifestError, match="nothing within"):
        asyncio.run(load())
    assert fetching.wait(10)
    ended.set()
    clock.now += 2
    assert loader.load(absent, late) == "value"
