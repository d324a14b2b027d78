"""Runs one program to its end and writes down what it took; run as a script, without site-packages.

A process of its own, since Linux counts the memory of who starts a program as that program's.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> int:
    """Run the program that follows the name of the file for the figures."""
    file, *command = sys.argv[1:]
    started = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - started
    figures = {
        "seconds": seconds,
        "user": usage.ru_utime,
        "system": usage.ru_stime,
        "peak": usage.ru_maxrss * 1024,  # Linux counts in KiB
        "code": os.waitstatus_to_exitcode(status),
    }
    with open(file, "w") as out:  # noqa: PTH123 - pathlib takes 10 ms to import
        json.dump(figures, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
