"""``python -m skewproof.write_release``: write the release id into the image that is being built.

It is no management command, as those need the settings, and settings may ask for the id
(``release_id``) or for secrets that no build has.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from skewproof.errors import ReleaseIdError
from skewproof.files import write_whole
from skewproof.origin import COMMITS, chosen, timestamp
from skewproof.release import VARIABLE

EPILOG = f"""\
The id is the first of these that there is:
  ID or --timestamp;
  the variable {VARIABLE};
  a commit in a variable of what builds: {", ".join(COMMITS)};
  the git commit that is checked out, if nothing differs from it.

exit codes: 0 written; 1 no id, or one that cannot be used; 2 unknown options

example, in a Dockerfile:
  ARG {VARIABLE}
  RUN python -m skewproof.write_release
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m skewproof.write_release",
        description="Write the release id into the image that is being built.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named = made.add_mutually_exclusive_group()
    named.add_argument("release", nargs="?", metavar="ID", help="the id")
    named.add_argument("--timestamp", action="store_true", help="take the time as the id")
    made.add_argument(
        "--file",
        type=Path,
        default=Path("RELEASE"),
        help="where to write it: what SKEWPROOF_RELEASE_FILE names, else RELEASE in BASE_DIR "
        "(default: RELEASE in the current directory)",
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Choose the id and write it; return the exit code."""
    options = parser().parse_args(arguments)
    file: Path = options.file.absolute()
    try:
        origin = (
            timestamp(datetime.now(UTC))
            if options.timestamp
            else chosen(options.release, os.environ, file)
        )
        write_whole(file, f"{origin.release}\n".encode())
    except ReleaseIdError as error:
        return failed(str(error))
    except OSError as error:
        return failed(f"the release id cannot be written to {file}: {error}")
    sys.stdout.write(f"release {origin.release}, from {origin.source}, is written to {file}\n")
    return 0


def failed(why: str) -> int:
    """Say why nothing was written; return the exit code."""
    sys.stderr.write(f"{why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
