"""The command line of the lab. Results go to stdout, progress to stderr.

Exit codes: 0 PASS or done, 1 FAIL, 2 UNKNOWN, 64 what was asked for makes no sense, 69 something
that the lab needs does not answer, start or build, 70 an error inside the lab.
"""

from __future__ import annotations

import errno
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from lab import checkout, session, stacks
from lab import gotcha as strategies
from lab.checkout import releases, require_release
from lab.engines import choose
from lab.engines.state import stack_names
from lab.errors import INTERNAL, UNAVAILABLE, UNKNOWN, USAGE, LabError, describe
from lab.history import HistoryError
from lab.progress import Steps
from lab.session import Interrupted, Order
from lab.stack import REPLICAS, STRATEGIES, Plan
from lab.tables import render_verdict, side_by_side
from lab.traffic import parse_weights
from lab.verdict import EXIT_CODES, Verdict, judge

problems = Console(stderr=True, highlight=False)
results = Console(highlight=False)
say = Steps(problems)

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""What the disk, and not the lab, is to blame for."""
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


class InOrder(click.Group):
    """Lists its commands in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return them as they were added."""
        return [*self.commands]


def example(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def checked_name(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """Refuse what no stack may be called."""
    return name and stacks.require_name(name)


def option_engine(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --engine."""
    return click.option(
        "--engine",
        default="auto",
        show_default=True,
        help="auto, compose or embedded; auto takes compose where a Docker Engine answers.",
    )(command)


def option_name(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --name."""
    return click.option(
        "--name",
        default=stacks.DEFAULT_NAME,
        show_default=True,
        callback=checked_name,
        help="The stack's name.",
    )(command)


def option_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    shown = "Print the result as JSON, and nothing else on stdout."
    return click.option("--json", "as_json", is_flag=True, help=shown)(command)


def option_visitors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --visitors."""
    return click.option(
        "--visitors",
        type=click.IntRange(2, 64),
        default=4,
        show_default=True,
        help="How many look at once.",
    )(command)


def options_of_a_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what rollout and rollback have in common."""
    used = (
        f"The stack to roll on; default {stacks.DEFAULT_NAME} if that is up, else one of its own."
    )
    for option in (
        option_visitors,
        click.option("--to", "target", metavar="RELEASE", help="The release to go to."),
        click.option("--from", "source", metavar="RELEASE", help="The release that serves now."),
        click.option("--strategy", help=f"{', '.join(STRATEGIES)}; default {STRATEGIES[0]}."),
        click.option("--name", callback=checked_name, help=used),
        option_engine,
        option_json,
    ):
        command = option(command)
    return command


@click.group(
    cls=InOrder,
    epilog=LAST_WORDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def lab() -> None:
    """Show, measure and cure version skew of Django's static files during rolling deployments."""


@lab.command(epilog=example("lab build", "lab build v2 --engine embedded"))
@click.argument("wanted", metavar="[RELEASE]...", nargs=-1)
@option_engine
def build(wanted: tuple[str, ...], engine: str) -> None:
    """Build releases (all, unless some are named) and what serves them."""
    chosen = tuple(require_release(release) for release in wanted) or releases()
    choose(engine, say).build(chosen, say)


@lab.command(epilog=example("lab up", "lab up --weights v1=90,v2=10 --strategy shared --port 8081"))
@option_name
@option_engine
@click.option(
    "--strategy", default=STRATEGIES[0], show_default=True, help=f"{', '.join(STRATEGIES)}."
)
@click.option(
    "--weights", default="v1=100", show_default=True, help="Which releases serve, in percent."
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Where the gateway listens on 127.0.0.1.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, 9),
    default=REPLICAS,
    show_default=True,
    help="How many a release gets.",
)
def up(name: str, engine: str, strategy: str, weights: str, port: int, replicas: int) -> None:
    """Start a stack and leave it running; prints its URL."""
    shares = parse_weights(weights, releases())
    stacks.require_strategy(strategy)
    plan = Plan(name, strategy, port, shares, tuple(shares), replicas)
    stack = stacks.start_stack(choose(engine, say), plan, say)
    say.close()
    results.print(stack.base, soft_wrap=True)


@lab.command(epilog=example("lab rollout", "lab rollout --strategy shared --engine embedded"))
@options_of_a_run
def rollout(**options: Any) -> None:
    """Publish the next release and roll to it, while visitors look.

    Replica by replica, on the stack that "lab up" left running, else on one of its own that is gone
    afterwards. An interrupt stops everything that was started, and keeps the history.
    """
    run("rollout", **options)


@lab.command(epilog=example("lab rollback", "lab rollback --strategy shared --json"))
@options_of_a_run
def rollback(**options: Any) -> None:
    """Roll back to a release that was published before.

    Without publishing it again; else as rollout.
    """
    run("rollback", **options)


@lab.command(epilog=example("lab gotcha", "lab gotcha --engine compose --json"))
@option_visitors
@option_engine
@option_json
def gotcha(engine: str, visitors: int, as_json: bool) -> None:
    """Roll out under each strategy, and show them side by side.

    PASS when skewproof passes and the control, the shared manifest, fails.
    """
    verdicts: dict[str, Verdict] = {}
    try:
        verdicts.update(strategies.run_each(engine, visitors, say))
    except KeyboardInterrupt:
        pass  # what there is so far is shown
    except LabError:
        if verdicts:
            compare(verdicts, as_json)
        raise
    sys.exit(compare(verdicts, as_json))


@lab.command(
    epilog=example("lab probe", "lab probe --visits 3", "lab probe http://127.0.0.1:8080/")
)
@click.argument("url", required=False)
@click.option(
    "--visits", type=click.IntRange(1), default=1, show_default=True, help="How many to a release."
)
@option_name
@option_json
def probe(url: str | None, visits: int, name: str, as_json: bool) -> None:
    """Look at every page of a stack or a URL, and judge it.

    At everything that a page names, too. A stack is judged by the records of its releases; a URL by
    what can be seen without: status, type, hash in the name, cache headers.
    """
    judge_run(lambda: session.look(url, name, visits, say), as_json)


@lab.command(epilog=example("lab check .lab/lab/20261123-160000-rollout.jsonl"))
@click.argument("history", type=click.Path(path_type=Path))
@option_json
def check(history: Path, as_json: bool) -> None:
    """Judge a history again."""
    verdict = judge(history)
    if verdict.header is None:
        raise LabError(f"{history} is no history of the lab: no line of it says what ran")
    show(verdict, as_json)


@lab.command(epilog=example("lab route v1=90,v2=10", "lab route v1=0,v2=100 --name other"))
@click.argument("weights")
@option_name
def route(weights: str, name: str) -> None:
    """Give the traffic of a running stack other weights."""
    shares = parse_weights(weights, releases())
    _engine, stack = stacks.require_stack(name)
    stacks.require_serving(stack, shares)
    stack.route(shares)
    say(f"traffic: {', '.join(f'{release} {share}%' for release, share in shares.items())}")


@lab.command(epilog=example("lab down", "lab down --name other", "lab down --all"))
@option_name
@click.option("--all", "everything", is_flag=True, help="Every stack of this checkout.")
def down(name: str, everything: bool) -> None:
    """Stop a stack and remove what it stored.

    Its histories and logs stay in .lab.
    """
    if everything and not stack_names():
        say("no stack is up")
    failed: list[LabError] = []
    for each in stack_names() if everything else [name]:
        try:
            stacks.take_down(each, say)
        except LabError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def run(action: str, as_json: bool, **options: Any) -> None:
    """Carry out a rollout or a rollback, and judge its history."""
    if options["name"] is None:
        options["name"] = stacks.DEFAULT_NAME
    else:
        stacks.require_stack(options["name"])
    judge_run(lambda: session.run(Order(action, **options), say), as_json)


def judge_run(carry_out: Callable[[], Path], as_json: bool) -> NoReturn:
    """Judge the history of what is carried out, also when it is interrupted."""
    try:
        history = carry_out()
    except Interrupted as stopped:
        history = stopped.history
        say("interrupted: the history has no end")
    show(judge(history), as_json)


def show(verdict: Verdict, as_json: bool) -> NoReturn:
    """Print a verdict, and exit with its code."""
    say.close()
    if as_json:
        click.echo(json.dumps(verdict.to_json(), indent=1))
    else:
        results.print(render_verdict(verdict))
    sys.exit(verdict.exit_code)


def compare(verdicts: dict[str, Verdict], as_json: bool) -> int:
    """Print verdicts side by side; returns the exit code that follows from all of them."""
    say.close()
    outcome, why = strategies.conclude(verdicts)
    if as_json:
        document = {name: verdict.to_json() for name, verdict in verdicts.items()}
        click.echo(json.dumps({"verdict": outcome, "why": why, "strategies": document}, indent=1))
    else:
        if verdicts:
            results.print(side_by_side(verdicts))
        results.print(f"{outcome}: {why}")
    return EXIT_CODES[outcome]


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
    except (LabError, HistoryError) as error:
        fail(str(error), getattr(error, "exit_code", USAGE))
    except (KeyboardInterrupt, click.Abort):
        fail(f"interrupted; {what_is_up()}", UNKNOWN)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            why = describe(error)
            fail(
                f"cannot write: {why}; make room in {checkout.WORK}, or make it yours", UNAVAILABLE
            )
        what = " ".join(f"{type(error).__name__}: {error}".split())
        fail(f"an error inside the lab: {what}; see {write_trace()}", INTERNAL)


def what_is_up() -> str:
    """What there still is when a command was interrupted."""
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
        Console(file=file, width=120).print_exception()
    return Path(file.name)


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong, and exit."""
    say.close()
    problems.print(f"lab: {message}", style="bold red", markup=False, soft_wrap=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
