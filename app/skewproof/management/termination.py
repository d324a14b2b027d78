"""SIGTERM ends a command at once: as process 1 too, and while a library waits for the store.

Without a handler the kernel ends a process, but not one that is the first in its container; and
nothing would be said or tidied up. Python's own handlers wait until the library returns. So a
thread waits for the signal instead.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_CODE = 128 + signal.SIGTERM


@contextmanager
def ending_at_once(said: str) -> Iterator[list[str]]:
    """On SIGTERM say so, delete directories, and exit with 143; yield the list of them.

    Where a handler is there already, or outside the main thread, SIGTERM is left to others.

    Args:
        said: The line for stderr.
    """
    directories: list[str] = []
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield directories
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    watching = threading.Thread(target=watch, args=(reading, said, directories), daemon=True)
    watching.start()
    try:
        yield directories
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.set_wakeup_fd(before)
        os.close(writing)
        watching.join()
        os.close(reading)


def watch(reading: int, said: str, directories: list[str]) -> None:
    """Wait for the number of a signal, or for the end."""
    while number := os.read(reading, 1):
        if number[0] == signal.SIGTERM:
            for directory in directories:
                shutil.rmtree(directory, ignore_errors=True)
            sys.stderr.write(f"{said}\n")
            sys.stderr.flush()
            os._exit(EXIT_CODE)
