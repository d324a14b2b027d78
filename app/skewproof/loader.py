"""A value that is fetched when it is first needed, and never remembered as missing."""

from __future__ import annotations

import copy
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from skewproof.errors import SkewproofError

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


class Loader(Generic[Value]):
    """Fetches once for all threads; after a failure it waits a moment before it tries again.

    While one thread fetches again after a failure, the others get the last error at once: a store
    that hangs must not hold every thread of a server.
    """

    def __init__(self, pause: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._value: Value | None = None
        self._failure: SkewproofError | None = None
        self._closed_until = 0.0

    def __reduce__(self) -> tuple[type[Loader[Value]], tuple[float]]:
        # A copied or unpickled storage starts afresh; neither a lock nor a clock can be copied.
        return type(self), (self._pause,)

    def load(self, fetch: Callable[[], Value]) -> Value:
        """Return the value, fetching it if no thread has done so yet.

        Raises:
            SkewproofError: The fetch failed, now or less than a pause ago.
        """
        if self._value is None:
            if not self._lock.acquire(blocking=self._failure is None):
                raise self._same_failure()
            try:
                self._value = self._fetched(fetch)
            finally:
                self._lock.release()
        return self._value

    def _fetched(self, fetch: Callable[[], Value]) -> Value:
        if self._value is not None:
            return self._value
        if self._failure is not None and self._clock() < self._closed_until:
            raise self._same_failure()
        try:
            return fetch()
        except SkewproofError as error:
            self._failure = copy.copy(error)
            self._closed_until = self._clock() + self._pause
            raise

    def _same_failure(self) -> SkewproofError:
        # A copy: one exception object raised by many threads would collect all their tracebacks.
        assert self._failure is not None  # noqa: S101 - set before the lock was ever contended
        return copy.copy(self._failure)
