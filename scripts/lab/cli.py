"""The command line of the lab. Results go to stdout, progress to stderr.

Exit codes: 0 PASS or done, 1 FAIL, 2 UNKNOWN, 64 what was asked for makes no sense, 69 something that
the lab needs does not answer, start or build, 70 an error inside the lab.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from lab import gotcha as strategies
from lab import session
from lab.checkout import WORK, releases, require_release
from lab.engines import choose
from lab.errors import INTERNAL, UNKNOWN, USAGE, LabError
from lab.history import HistoryError
from lab.session import Interrupted, Order
from lab.stack import STRATEGIES, Plan
from lab.tables import render_verdict, side_by_side
from lab.traffic import parse_weights
from lab.verdict import EXIT_CODES, Verdict, judge

progress = Console(stderr=True, highlight=False)
results = Console(highlight=False)


def say(line: str) -> None:
    """Show one line of progress."""
    progress.print(f"» {line}", style="dim", markup=False, soft_wrap=True)


def example(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


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
        "--name", default=session.DEFAULT_NAME, show_default=True, help="The stack's name."
    )(command)


def option_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        command
    )


def option_visitors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --visitors."""
    return click.option(
        "--visitors",
        type=click.IntRange(2, 64),
        default=4,
        show_default=True,
        help="How many look at the same time.",
    )(command)


def options_of_a_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what rollout and rollback have in common."""
    for option in (
        option_visitors,
        click.option("--to", "target", metavar="RELEASE", help="The release to go to."),
        click.option("--from", "source", metavar="RELEASE", help="The release that serves now."),
        click.option("--strategy", help=f"One of {', '.join(STRATEGIES)}; default skewproof."),
        option_name,
        option_engine,
        option_json,
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def lab() -> None:
    """Show, measure and cure version skew of Django's static files during rolling deployments."""


@lab.command(epilog=example("lab build", "lab build v2 --engine embedded"))
@click.argument("wanted", metavar="[RELEASE]...", nargs=-1)
@option_engine
def build(wanted: tuple[str, ...], engine: str) -> None:
    """Build releases (all of them, unless some are named) and what serves them."""
    chosen = tuple(require_release(release) for release in wanted) or releases()
    choose(engine).build(chosen, say)


@lab.command(epilog=example("lab up", "lab up --weights v1=90,v2=10 --strategy shared --port 8081"))
@option_name
@option_engine
@click.option("--strategy", default="skewproof", show_default=True, help=", ".join(STRATEGIES))
@click.option("--weights", default="v1=100", show_default=True, help="Who serves, in percent.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="The gateway's, on 127.0.0.1.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, 9),
    default=2,
    show_default=True,
    help="How many of each release.",
)
def up(name: str, engine: str, strategy: str, weights: str, port: int, replicas: int) -> None:
    """Start a stack and leave it running, for rollout, rollback, probe, route and a browser."""
    shares = parse_weights(weights, releases())
    session.require_strategy(strategy)
    plan = Plan(name, strategy, port, shares, tuple(shares), replicas)
    stack = session.start_stack(choose(engine), plan, say)
    results.print(stack.base, soft_wrap=True)


@lab.command(epilog=example("lab rollout", "lab rollout --strategy shared --engine embedded"))
@options_of_a_run
def rollout(**options: Any) -> None:
    """Publish the next release and roll to it, replica by replica, with visitors looking.

    On the stack that "lab up" left running, else on one of its own that is gone afterwards.
    """
    run("rollout", **options)


@lab.command(epilog=example("lab rollback", "lab rollback --strategy shared --json"))
@options_of_a_run
def rollback(**options: Any) -> None:
    """Roll back to a release that was published before, without publishing it again."""
    run("rollback", **options)


@lab.command(epilog=example("lab gotcha", "lab gotcha --engine compose --json"))
@option_visitors
@option_engine
@option_json
def gotcha(engine: str, visitors: int, as_json: bool) -> None:
    """Roll out under each strategy, one after another, and show them side by side.

    PASS when skewproof passes and the control, the shared manifest, fails.
    """
    verdicts = strategies.run_all(engine, visitors, say)
    outcome, why = strategies.conclude(verdicts)
    if as_json:
        document = {name: verdict.to_json() for name, verdict in verdicts.items()}
        click.echo(json.dumps({"verdict": outcome, "why": why, "strategies": document}, indent=1))
    else:
        results.print(side_by_side(verdicts))
        results.print(f"{outcome}: {why}")
    sys.exit(EXIT_CODES[outcome])


@lab.command(
    epilog=example("lab probe", "lab probe --visits 3", "lab probe http://127.0.0.1:8080/")
)
@click.argument("url", required=False)
@click.option(
    "--visits", type=click.IntRange(1), default=1, show_default=True, help="Of each release."
)
@option_name
@option_json
def probe(url: str | None, visits: int, name: str, as_json: bool) -> None:
    """Look at every page, and at everything a page names, of a stack or of a URL; and judge it."""
    show(judge(session.look(url, name, visits, say)), as_json)


@lab.command(epilog=example("lab check .lab/lab/20261123-160000-rollout.jsonl"))
@click.argument("history", type=click.Path(path_type=Path))
@option_json
def check(history: Path, as_json: bool) -> None:
    """Judge a history again."""
    show(judge(history), as_json)


@lab.command(epilog=example("lab route v1=90,v2=10", "lab route v1=0,v2=100 --name other"))
@click.argument("weights")
@option_name
def route(weights: str, name: str) -> None:
    """Give the traffic of a running stack other weights."""
    shares = parse_weights(weights, releases())
    stack = session.require_stack(name)
    session.require_serving(stack, shares)
    stack.route(shares)


@lab.command(epilog=example("lab down", "lab down --name other", "lab down --all"))
@option_name
@click.option("--all", "everything", is_flag=True, help="Every stack of this checkout.")
def down(name: str, everything: bool) -> None:
    """Stop a stack and remove what it stored; its histories and logs stay in .lab."""
    names = session.stack_names() if everything else [name]
    for each in names:
        session.take_down(each, say)


def run(action: str, as_json: bool, **options: Any) -> None:
    """Carry out a rollout or a rollback, and judge its history."""
    try:
        history = session.run(Order(action, **options), say)
    except Interrupted as stopped:
        history = stopped.history
        say("interrupted: the history has no end")
    show(judge(history), as_json)


def show(verdict: Verdict, as_json: bool) -> NoReturn:
    """Print a verdict, and exit with its code."""
    if as_json:
        click.echo(json.dumps(verdict.to_json(), indent=1))
    else:
        results.print(render_verdict(verdict))
    sys.exit(verdict.exit_code)


def main() -> None:
    """Run the command line; every expected error is one line and an exit code."""
    # A SIGTERM cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        lab(standalone_mode=False)
    except click.ClickException as error:
        fail(error.format_message(), USAGE)
    except (LabError, HistoryError) as error:
        fail(str(error), getattr(error, "exit_code", USAGE))
    except (KeyboardInterrupt, click.Abort):
        fail("interrupted; everything that was started is stopped", UNKNOWN)
    except Exception as error:
        WORK.mkdir(exist_ok=True)
        trace = WORK / "error.log"
        with trace.open("w") as file:
            Console(file=file, width=120).print_exception()
        fail(f"an error inside the lab: {type(error).__name__}: {error}; see {trace}", INTERNAL)


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong, and exit."""
    progress.print(f"lab: {message}", style="bold red", markup=False, soft_wrap=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
