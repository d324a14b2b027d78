"""What can go wrong in the lab, and the exit code that says so."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any

PASS, FAIL, UNKNOWN = 0, 1, 2
USAGE, UNAVAILABLE, INTERNAL = 64, 69, 70  # the names and numbers of sysexits.h

USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")
SECRET = re.compile(r"(?:SECRET|TOKEN|PASSWORD|SECRET_KEY|SECRET_ACCESS_KEY)$")


def hide_secrets(text: str) -> str:
    """Return what others have said, without names and passwords in URLs and without secrets.

    A secret is what stands in a variable with such a name; too short a one is a part of words.
    """
    secrets = {value for name, value in os.environ.items() if SECRET.search(name)}
    for value in sorted(secrets, key=len, reverse=True):
        if len(value) >= 8:
            text = text.replace(value, "***")
    return USERINFO.sub("", text)


class LabError(Exception):
    """One clear line: what, where, what to do; the command line exits with `exit_code`."""

    exit_code = USAGE

    def __init__(self, *args: Any) -> None:
        super().__init__(*(hide_secrets(each) if isinstance(each, str) else each for each in args))


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
