"""Work that is done side by side: its results, its bounds and its failures."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from skewproof.stores.store import MOST, run_parallel

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 2
MANY = 3 * MOST * WORKERS + 1


def test_every_item_has_one_result_also_where_there_are_more_than_may_wait() -> None:
    assert sorted(run_parallel(abs, range(MANY), WORKERS)) == list(range(MANY))


def test_one_worker_is_the_thread_that_asks() -> None:
    threads = {*run_parallel(lambda _: threading.get_ident(), range(3), 1)}
    assert threads == {threading.get_ident()}


def test_no_more_is_taken_than_may_wait() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(MANY):
            taken.append(number)
            yield number

    results = run_parallel(abs, items(), WORKERS)
    next(results)
    assert len(taken) == MOST * WORKERS
    assert len(list(results)) == MANY - 1


def test_the_first_failure_stops_what_has_not_begun() -> None:
    begun = []
    failed = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            failed.set()
            raise ValueError("the first one")
        assert failed.wait(10)
        time.sleep(0.02)

    with pytest.raises(ValueError, match="the first one"):
        list(run_parallel(work, range(MANY), WORKERS))
    assert len(begun) < MOST * WORKERS
