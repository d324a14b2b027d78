"""A steady load on pages while a stack rolls, from a process of its own.

The probe's visitors parse what they get, and keep a processor busy: in their process a page would
have to wait for them, and not for the stack.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Any, Self

from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.history import Answer, Fetch, History
from lab.probe import Probe
from lab.stacks.model import Say
from lab.stacks.processes import with_this_lab

BEGIN_SECONDS = 30.0
WARM_SECONDS = 3.0
"""Every worker has rendered its first page by then."""
REST_SECONDS = 15.0
"""What a rollout is compared with."""

LATE_SECONDS = 40.0
"""For what is on its way at the end: no page is waited for longer than that."""


@contextmanager
def steady_load(probe: Probe, rate: float | None, history: History, say: Say) -> Iterator[None]:
    """Ask for that many pages a second, at rest first, and then while the block runs."""
    if rate is None:
        yield
        return
    seen = [each for each in probe.crawl_once() if each.role == "page"]
    pages = dict.fromkeys(each.url for each in seen if each.answer.status == 200)
    say(f"{rate:g} pages a second, at rest for {REST_SECONDS:g} s")
    with Load([*pages], rate, history) as load:
        wait_until(load.begun.is_set, BEGIN_SECONDS, "no page of the load was answered", str)
        time.sleep(WARM_SECONDS)
        history.add_event("load-at-rest")
        time.sleep(REST_SECONDS)
        history.add_event("load-rolling")
        yield


class Load:
    """Asks for so many pages a second, on time whether the answers come on time or not.

    Args:
        pages: the URLs, in turn.
        rate: how many a second.
        history: gets a line for each page; a time is counted from when the page was due.
    """

    def __init__(self, pages: Sequence[str], rate: float, history: History) -> None:
        self.pages, self.rate, self.history = pages, rate, history
        # Both processes read the one monotonic clock of the machine.
        self.zero = time.monotonic() - history.now()
        self.begun = threading.Event()
        """Set when the first page has come."""
        self.thread = threading.Thread(target=self.copy_samples, name="load", daemon=True)

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.runs.openloop", str(self.rate)],
            env=with_this_lab(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is the lab's: the load ends with its input
        )
        self.get_pipe("stdin").write(json.dumps(self.pages).encode() + b"\n")
        self.get_pipe("stdin").flush()
        self.history.add_event("load-started", rate=self.rate, pages=len(self.pages))
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ask for no further page, and wait for those that are on their way."""
        self.history.add_event("load-ended")
        self.get_pipe("stdin").close()
        try:
            self.process.wait(LATE_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self.thread.join()
            self.get_pipe("stdout").close()
        if self.process.returncode and error is None:
            code = self.process.returncode
            raise UnavailableError(f"the load ended by itself, with exit code {code}")

    def copy_samples(self) -> None:
        """Write down what came."""
        for line in self.get_pipe("stdout"):
            self.history.add_fetch(self.read_sample(json.loads(line)))
            self.begun.set()

    def read_sample(self, sample: Sequence[Any]) -> Fetch:
        """Return what the other process saw of one page."""
        due, thread, page, ms, status, error, release, replica, length, retried = sample
        url = self.pages[page]
        answer = Answer(
            status=status,
            error=error,
            bytes=length,
            ms=ms,
            release=release,
            replica=replica,
            retried=retried,
        )
        t = due - self.zero
        return Fetch(
            t=t,
            role="page",
            url=url,
            page=url,
            via=None,
            how="load",
            release=release,
            visitor=f"load-{thread}",
            answer=answer,
        )

    def get_pipe(self, name: str) -> IO[bytes]:
        """Return one end of the other process."""
        pipe: IO[bytes] = getattr(self.process, name)
        return pipe
