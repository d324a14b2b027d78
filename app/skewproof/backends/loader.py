"""A value that is fetched when it is first needed, and never remembered as missing."""

from __future__ import annotations

import copy
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Generic, TypeVar

from skewproof.errors import SkewproofError

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")
PATIENCE = 1.5  # seconds that a caller waits for a fetch
GIVEN_UP = 10.0  # seconds after which another fetch is begun beside one that does not end


class Loader(Generic[Value]):
    """Fetches once for all threads; after a failure it waits a moment before it tries again.

    A fetch has a thread of its own and may go on after the caller that began it has got an error:
    no time-out of a socket bounds an answer that comes byte by byte, and none at all a file system
    that hangs. The next caller gets its result. While one thread waits for a fetch after a failure,
    the others get the last error at once.
    """

    def __init__(
        self,
        pause: float = 1.0,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pause = pause
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._value: Value | None = None
        self._failure: SkewproofError | None = None
        self._closed_until = 0.0
        self._fetching: Future[Value] | None = None
        self._begun = 0.0

    def __reduce__(self) -> tuple[type[Loader[Value]], tuple[float, float]]:
        # A copied or unpickled storage starts afresh; neither a lock nor a clock can be copied.
        return type(self), (self._pause, self._patience)

    def load(self, fetch: Callable[[], Value], late: Callable[[float], SkewproofError]) -> Value:
        """Return the value, fetching it if no thread has done so yet.

        Args:
            fetch: Returns the value, or raises SkewproofError.
            late: Makes the error for a fetch that takes longer than so many seconds.

        Raises:
            SkewproofError: The fetch failed, now or less than a pause ago, or does not end.
        """
        if self._value is None:
            if not self._lock.acquire(blocking=self._failure is None):
                raise self._same_failure()
            try:
                self._value = self._fetched(fetch, late)
            finally:
                self._lock.release()
        return self._value

    def _fetched(
        self, fetch: Callable[[], Value], late: Callable[[float], SkewproofError]
    ) -> Value:
        if self._value is not None:
            return self._value
        if self._failure is not None and self._clock() < self._closed_until:
            raise self._same_failure()
        try:
            return self._answer(fetch, late)
        except SkewproofError as error:
            self._failure = copy.copy(error)
            self._closed_until = self._clock() + self._pause
            raise

    def _answer(self, fetch: Callable[[], Value], late: Callable[[float], SkewproofError]) -> Value:
        if self._fetching is None or self._is_of_no_use(self._fetching):
            self._fetching, self._begun = in_thread(fetch), self._clock()
        if not wait([self._fetching], self._patience).done:
            raise late(self._patience)
        done, self._fetching = self._fetching, None
        return done.result()

    def _is_of_no_use(self, fetching: Future[Value]) -> bool:
        """Return whether a fetch that was begun before has failed since, or does not end."""
        if fetching.done():
            return fetching.exception() is not None
        return self._clock() - self._begun > GIVEN_UP

    def _same_failure(self) -> SkewproofError:
        # A copy: one exception object raised by many threads would collect all their tracebacks.
        assert self._failure is not None  # noqa: S101 - set before the lock was ever contended
        return copy.copy(self._failure)


def in_thread(fetch: Callable[[], Value]) -> Future[Value]:
    """Return what will come of a fetch, in a thread that no process waits for at its end."""
    future: Future[Value] = Future()

    def run() -> None:
        try:
            future.set_result(fetch())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="skewproof-manifest", daemon=True).start()
    return future
