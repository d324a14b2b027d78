from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from skewproof.errors import ManifestError
from skewproof.loader import Loader

THREADS = 24


class Clock:
    """A clock that only moves when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


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
        return loader.load(fetch)

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
            loader.load(fetch)
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
        loader.load(absent)
    clock.now += 0.99
    with pytest.raises(ManifestError):
        loader.load(lambda: "too early")
    clock.now += 0.02
    with pytest.raises(ManifestError):
        loader.load(absent)
    with pytest.raises(ManifestError):
        loader.load(lambda: "too early")
    clock.now += 1.01
    assert loader.load(lambda: "value") == "value"
    assert loader.load(absent) == "value"


def test_while_one_thread_tries_again_the_others_do_not_wait_for_it() -> None:
    clock = Clock()
    loader: Loader[str] = Loader(clock=clock)
    with pytest.raises(ManifestError):
        loader.load(absent)
    clock.now += 2
    trying, answered = threading.Event(), threading.Event()

    def slow() -> str:
        trying.set()
        assert answered.wait(10)
        return "value"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(loader.load, slow)
        assert trying.wait(10)
        with pytest.raises(ManifestError):
            loader.load(lambda: "never called")
        answered.set()
        assert first.result(10) == "value"


def test_an_error_that_nobody_expected_is_neither_hidden_nor_kept() -> None:
    loader: Loader[str] = Loader()
    with pytest.raises(ZeroDivisionError):
        loader.load(lambda: str(1 // 0))
    assert loader.load(lambda: "value") == "value"
