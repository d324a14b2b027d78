"""Waiting for something to become true, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.errors import UnavailableError

POLL_SECONDS = 0.05


def wait_until(
    ready: Callable[[], bool],
    seconds: float,
    what: str,
    state: Callable[[], str],
    pause: float = POLL_SECONDS,
) -> None:
    """Poll every `pause` seconds until `ready`; after `seconds` say for what, and show `state`.

    Raises:
        UnavailableError: it was not ready in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise UnavailableError(f"{what} after {seconds:.0f} s; its last words:\n{state()}")
        time.sleep(pause)
