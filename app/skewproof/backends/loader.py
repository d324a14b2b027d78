"""A value that is fetched when it is first needed, and never remembered as missing."""

from __future__ import annotations

import asyncio
import copy
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from ctypes import c_ulong, py_object, pythonapi
from typing import Generic, TypeVar

from skewproof.errors import SkewproofError

Value = TypeVar("Value")
Late = Callable[[float, int], SkewproofError]
PATIENCE = 1.5  # seconds that a caller waits for a fetch
PATIENCE_AT_START = 5.0  # seconds, while nobody waits; servers give a worker more to start
GIVEN_UP = 10.0  # seconds after which a fetch is given up, and another one begun
MOST = 3  # fetches at once, of which all but the last were given up and hang


class Loader(Generic[Value]):
    """Fetches once for all threads; after a failure it waits a moment before it tries again.

    A fetch has a thread of its own and may go on after the caller that began it has got an error:
    no time-out of a socket bounds an answer that comes byte by byte, and none at all a file system
    that hangs. The next caller gets its result. A few may hang at once, and no more are begun.
    While one thread waits for a fetch after a failure, the others get the last error at once.
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
        self._current: Fetch[Value] | None = None
        self._hanging: list[Fetch[Value]] = []
        self.seconds: float | None = None
        """How long the fetch took that got the value."""

    def __reduce__(self) -> tuple[type[Loader[Value]], tuple[float, float]]:
        # A copied or unpickled storage starts afresh; neither a lock nor a clock can be copied.
        return type(self), (self._pause, self._patience)

    def load(self, fetch: Callable[[], Value], late: Late, patience: float | None = None) -> Value:
        """Return the value, fetching it if no thread has done so yet.

        Args:
            fetch: Returns the value, or raises SkewproofError.
            late: Makes the error for a fetch that takes longer than so many seconds, of so many
                that are on their way.
            patience: How many seconds to wait, if not as long as callers wait otherwise.

        Raises:
            SkewproofError: The fetch failed, now or less than a pause ago, or does not end.
        """
        if self._value is None:
            if not self._lock.acquire(blocking=self._failure is None):
                raise self._same_failure()
            try:
                self._value = self._fetched(fetch, late, self._find_patience(patience))
            finally:
                self._lock.release()
        return self._value

    @property
    def has_failed(self) -> bool:
        """Return whether a fetch has failed, or has taken too long for who asked."""
        return self._failure is not None

    def _fetched(self, fetch: Callable[[], Value], late: Late, patience: float) -> Value:
        if self._value is not None:
            return self._value
        if self._failure is not None and self._clock() < self._closed_until:
            raise self._same_failure()
        try:
            return self._answer(fetch, late, patience)
        except SkewproofError as error:
            self._failure = copy.copy(error)
            self._closed_until = self._clock() + self._pause
            raise

    def _answer(self, fetch: Callable[[], Value], late: Late, patience: float) -> Value:
        if self._current is not None and self._current.process != os.getpid():
            self._current, self._hanging = None, []  # no thread survives a fork
        self._hanging = [each for each in self._hanging if not each.future.done()]
        if self._current is None or self._is_of_no_use(self._current):
            self._current = Fetch(fetch, self._clock())
        if not wait([self._current.future], patience).done:
            raise late(patience or self._patience, len(self._hanging) + 1)
        done, self._current = self._current, None
        value = done.future.result()
        self.seconds = done.seconds
        return value

    def _is_of_no_use(self, current: Fetch[Value]) -> bool:
        """Return whether a fetch has failed since it was begun, or does not end; then give it up.

        The last of so many that hang is waited for: it may yet end.
        """
        if current.future.done():
            return current.future.exception() is not None
        if self._clock() - current.begun <= GIVEN_UP:
            return False
        for each in (*self._hanging, current):
            each.give_up()
        if len(self._hanging) >= MOST - 1:
            return False
        self._hanging.append(current)
        return True

    def _find_patience(self, wanted: float | None) -> float:
        """Return how long to wait: in an event loop only for a first answer, as all would wait."""
        if self._failure is not None and is_in_loop():
            return 0
        return self._patience if wanted is None else wanted

    def _same_failure(self) -> SkewproofError:
        # A copy: one exception object raised by many threads would collect all their tracebacks.
        assert self._failure is not None  # noqa: S101 - set before the lock was ever contended
        return copy.copy(self._failure)


class Fetch(Generic[Value]):
    """A fetch in a thread of its own, for which no process waits at its end."""

    def __init__(self, fetch: Callable[[], Value], begun: float = 0.0) -> None:
        self.begun = begun
        self.process = os.getpid()
        self.seconds: float | None = None
        self.future: Future[Value] = Future()
        self.future.set_running_or_notify_cancel()  # so that no waiting task can cancel it
        self._fetch = fetch
        self._thread = threading.Thread(target=self._run, name="skewproof-manifest", daemon=True)
        self._thread.start()

    def give_up(self) -> None:
        """Have it end with a time-out where it still gets something; one that hangs goes on.

        ADR 29: no library bounds an answer that comes byte by byte, in headers or in a body. But
        Python runs a little between two bytes, and then raises what it was told to.
        """
        thread = self._thread.ident
        if thread and not self.future.done():
            pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread), py_object(TimeoutError))

    def _run(self) -> None:
        began = time.monotonic()
        try:
            value = self._fetch()
            self.seconds = time.monotonic() - began
            self.future.set_result(value)
        except BaseException as error:
            if not self.future.done():  # else it was given up a moment too late
                self.future.set_exception(error)


def is_in_loop() -> bool:
    """Return whether an event loop runs in this thread, which waiting would stop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
