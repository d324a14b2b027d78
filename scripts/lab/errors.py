"""What can go wrong in the lab, and the exit code that says so."""

from __future__ import annotations

import shutil

PASS, FAIL, UNKNOWN = 0, 1, 2
USAGE, UNAVAILABLE, INTERNAL = 64, 69, 70  # the names and numbers of sysexits.h


class LabError(Exception):
    """One clear line: what, where, what to do; the command line exits with `exit_code`."""

    exit_code = USAGE


class UnavailableError(LabError):
    """Something that the lab needs does not answer, did not start or did not build."""

    exit_code = UNAVAILABLE


def describe_error(error: BaseException) -> str:
    """Return the first cause of an error on one line: `No space left on device (.lab/x)`."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        _source, _target, why = error.args[0][0]  # of all the files that could not be copied, one
        return str(why)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f" ({error.filename})" if error.filename else "")
    return " ".join(str(error).split()) or type(error).__name__
