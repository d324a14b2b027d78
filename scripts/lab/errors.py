"""What can go wrong in the lab, and the exit code that says so."""

from __future__ import annotations

PASS, FAIL, UNKNOWN = 0, 1, 2
USAGE, UNAVAILABLE, INTERNAL = 64, 69, 70  # the names and numbers of sysexits.h


class LabError(Exception):
    """One clear line: what, where, what to do. The command line prints it and exits with `exit_code`."""

    exit_code = USAGE


class UnavailableError(LabError):
    """Something that the lab needs does not answer, did not start or did not build."""

    exit_code = UNAVAILABLE
