"""``python -m skewproof.write_release``: write the release id into the image that is being built.

Only a build chooses an id; a process reads what the build has written, and never looks for more.

It is no management command, as those need the settings, and settings may ask for the id
(``release_id``) or for secrets that no build has.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from skewproof.errors import ReleaseIdError
from skewproof.manifest import write_whole
from skewproof.release import VARIABLE, check_release_id

if TYPE_CHECKING:
    from collections.abc import Mapping

# What sets the variable to the commit that is being built, and where that is written. Left out is
# what exists only at run time (FLY_IMAGE_REF, K_REVISION), and Heroku's HEROKU_SLUG_COMMIT and
# HEROKU_BUILD_COMMIT: they tell of the release that runs, which during a build is the one before.
COMMITS = {
    # https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    "GITHUB_SHA": "GitHub Actions",
    # https://docs.gitlab.com/ci/variables/predefined_variables/
    "CI_COMMIT_SHA": "GitLab CI",
    # https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
    "BITBUCKET_COMMIT": "Bitbucket Pipelines",
    # https://circleci.com/docs/reference/variables/
    "CIRCLE_SHA1": "CircleCI",
    # https://buildkite.com/docs/pipelines/configure/environment-variables
    "BUILDKITE_COMMIT": "Buildkite",
    # https://learn.microsoft.com/azure/devops/pipelines/build/variables
    "BUILD_SOURCEVERSION": "Azure Pipelines",
    # https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
    "CODEBUILD_RESOLVED_SOURCE_VERSION": "AWS CodeBuild",
    # https://render.com/docs/environment-variables
    "RENDER_GIT_COMMIT": "Render",
    # https://docs.railway.com/reference/variables
    "RAILWAY_GIT_COMMIT_SHA": "Railway",
    # https://vercel.com/docs/environment-variables/system-environment-variables
    "VERCEL_GIT_COMMIT_SHA": "Vercel",
    # https://github.com/ianpurvis/heroku-buildpack-version, as Heroku's own pages do not name it
    "SOURCE_VERSION": "Heroku",
    # https://plugins.jenkins.io/git/#plugin-content-environment-variables
    "GIT_COMMIT": "Jenkins",
}
# Buildkite may say "HEAD", CodeBuild the version of an archive: neither is one build's own.
COMMIT = re.compile(r"[0-9a-f]{7,64}")
BY_HAND = 'name the id: "python -m skewproof.write_release ID", or --timestamp'
SHOWN = 5

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


@dataclass(frozen=True)
class Origin:
    """A release id, and where it comes from, in words."""

    release: str
    source: str


def choose_id(given: str | None, variables: Mapping[str, str], file: Path) -> Origin:
    """Return the id of what is being built, from the first place in the documented order.

    Args:
        given: What the caller named, if anything.
        variables: The environment of the build.
        file: Where the id will be written; the commit is that of its directory.

    Raises:
        ReleaseIdError: No place has an id, or the first that has one holds no usable one.
    """
    if given is not None:
        return Origin(check_release_id(given, "the command line"), "the command line")
    # As at run time, a variable that is set to nothing counts as not set.
    if value := variables.get(VARIABLE):
        source = f"the variable {VARIABLE}"
        return Origin(check_release_id(value, source), source)
    for name, platform in COMMITS.items():
        if value := variables.get(name):
            return Origin(check_commit(value, name), f"the variable {name} of {platform}")
    return Origin(read_commit(file), "the git commit")


def take_timestamp(now: datetime) -> Origin:
    """Return an id that no other build has, unless it began in the same second."""
    return Origin(now.strftime("%Y%m%dT%H%M%SZ"), "the clock")


def check_commit(value: str, name: str) -> str:
    """Return the value if it is a commit."""
    if not COMMIT.fullmatch(value):
        raise ReleaseIdError(f"the variable {name} is {value!r}, which is no commit; {BY_HAND}")
    return value


def read_commit(file: Path) -> str:
    """Return the commit that is checked out, if it is all that is there beside the file itself."""
    commit = run_git(file.parent, "rev-parse", "--verify", "HEAD")
    others = ("--", ":/", f":(exclude,literal){file.name}")
    changes = run_git(file.parent, "status", "--porcelain", *others).splitlines()
    if changes:
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        raise ReleaseIdError(
            f"the git commit {commit} is not what is being built: "
            f"{', '.join(' '.join(each.split()) for each in changes[:SHOWN])}{more}; two builds "
            f"with different files need two ids, so commit or ignore that, or {BY_HAND}"
        )
    return commit


def run_git(folder: Path, *arguments: str) -> str:
    """Return what git prints."""
    program = shutil.which("git")
    if program is None:
        raise make_origin_error("git is not installed")
    done = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise make_origin_error(f"git says: {' '.join(done.stderr.split())}")
    return done.stdout.strip()


def make_origin_error(why: str) -> ReleaseIdError:
    """Return the error for a build that has no id."""
    return ReleaseIdError(
        f"no release id: {VARIABLE} is not set, nor is {', '.join(COMMITS)}, and {why}; "
        f"pass one of them to the build, or {BY_HAND}"
    )


def make_parser() -> argparse.ArgumentParser:
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
    options = make_parser().parse_args(arguments)
    file: Path = options.file.absolute()
    try:
        origin = (
            take_timestamp(datetime.now(UTC))
            if options.timestamp
            else choose_id(options.release, os.environ, file)
        )
        write_whole(file, f"{origin.release}\n".encode())
    except ReleaseIdError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"the release id cannot be written to {file}: {error}")
    sys.stdout.write(f"release {origin.release}, from {origin.source}, is written to {file}\n")
    return 0


def fail(why: str) -> int:
    """Say why nothing was written; return the exit code."""
    sys.stderr.write(f"{why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
