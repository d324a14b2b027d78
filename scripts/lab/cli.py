"""The command line of the lab: runs a command, and makes one line of what goes wrong.

Exit codes: 0 PASS or done, 1 FAIL, 2 UNKNOWN, 64 what was asked for makes no sense, 69 something
that the lab needs does not answer, start or build, 70 an error inside the lab.
"""

from __future__ import annotations

import errno
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NoReturn

import click

from lab import checkout
from lab.commands import lab
from lab.commands.console import problems, say
from lab.errors import (
    INTERNAL,
    UNAVAILABLE,
    UNKNOWN,
    USAGE,
    LabError,
    describe_error,
    hide_secrets,
)
from lab.history import show_plainly
from lab.stacks.state import stack_names

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""What the disk, and not the lab, is to blame for."""


def main() -> None:
    """Run the command line; every expected error is one line and an exit code."""
    # A SIGTERM cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        lab(standalone_mode=False, prog_name="lab")
        say.close()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(USAGE)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "lab"
        fail(f'{error.format_message()} See "{command} --help".', USAGE)
    except LabError as error:
        fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        fail(f"interrupted; {what_is_up()}", UNKNOWN)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            why = describe_error(error)
            fail(
                f"cannot write: {why}; make room in {checkout.WORK}, or make it yours", UNAVAILABLE
            )
        what = " ".join(f"{type(error).__name__}: {error}".split())
        fail(f"an error inside the lab: {what}; see {write_trace()}", INTERNAL)


def what_is_up() -> str:
    """Return which stacks a command has left running that was interrupted."""
    left = ", ".join(stack_names())
    return f"up: {left}" if left else "nothing is left running"


def write_trace() -> Path:
    """Write down where the error that is being handled came from."""
    try:
        checkout.WORK.mkdir(exist_ok=True)
        file = (checkout.WORK / "error.log").open("w")
    except OSError:
        file = Path(tempfile.mkstemp(prefix="lab-error-", suffix=".log")[1]).open("w")  # noqa: SIM115
    with file:
        file.write(hide_secrets(traceback.format_exc()))
    return Path(file.name)


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong, and exit."""
    say.close()
    text = show_plainly(hide_secrets(message))
    problems.print(f"lab: {text}", style="bold red", markup=False, soft_wrap=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
