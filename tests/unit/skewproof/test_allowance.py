from __future__ import annotations

import threading

import pytest

from skewproof.allowance import Allowance

WORKERS, SECONDS = 8, 10


@pytest.mark.parametrize(("size", "at_once"), [(3, 3), (5, 2), (11, 1), (0, WORKERS)])
def test_no_more_is_held_at_once_than_allowed_and_what_is_larger_goes_alone(
    size: int, at_once: int
) -> None:
    allowance, changed, held = Allowance(10), threading.Condition(), [0, 0]

    def work() -> None:
        with allowance.take(size), changed:
            held[0] += 1
            held[1] = max(held)
            changed.notify_all()
            # The first ones stay until there are as many as can be, or too many.
            changed.wait_for(lambda: held[1] >= at_once, SECONDS)
            held[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert held == [0, at_once]


def test_what_was_held_is_free_again_after_an_error() -> None:
    allowance = Allowance(10)
    for _ in range(2):
        with pytest.raises(ValueError, match="x"), allowance.take(10):
            raise ValueError("x")
    with allowance.take(10):
        pass
