"""The commands of the lab. Results go to stdout, progress to stderr."""

from __future__ import annotations

import click

from lab.commands import matrix, report, runs, stacks
from lab.commands.options import InOrder

LAST_WORDS = """\b
Exit codes:
  0   PASS, or done
  1   FAIL
  2   UNKNOWN: the run was interrupted, or its history does not suffice
  64  what was asked for makes no sense
  69  something that the lab needs does not answer, start or build
  70  an error inside the lab

\b
Examples:
  lab build && lab gotcha                  the gotcha, the usual fix and the cure, side by side
  lab up && lab rollout && lab rollback    on a stack that stays up, for a browser too
  lab probe https://staging.example.com/   any site, while it is being deployed
"""


@click.group(
    cls=InOrder,
    epilog=LAST_WORDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def lab() -> None:
    """Show, measure and cure version skew of Django's static files during rolling deployments."""


for command in (
    stacks.build,
    stacks.up,
    runs.rollout,
    runs.rollback,
    runs.gotcha,
    matrix.matrix,
    runs.probe,
    runs.check,
    report.report,
    stacks.route,
    stacks.recycle,
    stacks.down,
):
    lab.add_command(command)
