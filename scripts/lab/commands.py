"""The commands of the lab. Results go to stdout, progress to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from lab import gotcha as strategies
from lab import session, stacks
from lab.checkout import releases, require_release
from lab.engines import choose
from lab.engines.state import stack_names
from lab.errors import LabError
from lab.foreign import Look, look_at
from lab.history import HistoryError
from lab.matrix.command import matrix
from lab.options import (
    InOrder,
    example,
    option_engine,
    option_json,
    option_name,
    option_visitors,
    options_of_a_foreign_site,
    options_of_a_run,
)
from lab.progress import Steps
from lab.report.command import report
from lab.session import Interrupted, Order
from lab.stack import REPLICAS, STRATEGIES, Plan
from lab.tables import render_verdict, side_by_side
from lab.traffic import parse_weights
from lab.verdict import EXIT_CODES, Verdict, judge

problems = Console(stderr=True, highlight=False)
results = Console(highlight=False)
say = Steps(problems)

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


@lab.command(epilog=example("lab build", "lab build v2 --engine embedded"))
@click.argument("wanted", metavar="[RELEASE]...", nargs=-1)
@option_engine
def build(wanted: tuple[str, ...], engine: str) -> None:
    """Build releases, and what serves them.

    All releases of app/releases, unless some are named.
    """
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


@lab.command(
    epilog=example(
        "lab rollout",
        "lab rollout --strategy shared --engine embedded",
        "lab rollout --guard",
        "lab rollout --rate 200",
    )
)
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


lab.add_command(matrix)


@lab.command(
    epilog=example(
        "lab probe --visits 3",
        "lab probe http://127.0.0.1:8080/",
        "lab probe https://staging.example.com/ --for 10m --rate 2",
        "lab probe https://staging.example.com/ --manifest v1=old.json --manifest v2=new.json",
    )
)
@click.argument("url", required=False)
@click.option("--visits", type=click.IntRange(1), help="How many, each release its own; default 1.")
@options_of_a_foreign_site
@option_name
@option_json
def probe(url: str | None, visits: int | None, name: str, as_json: bool, **foreign: Any) -> None:
    """Look at every page of a stack, or of any site, and judge it.

    At everything that a page names, too. A stack is judged by the records of its releases; a URL by
    its manifests where they are given, else by what can be seen without: status, type, hash in the
    name, cache headers, and that a release has one name for each file.

    A site is asked slowly, and as its robots.txt allows; an interrupt keeps what was seen.
    """
    given = {option: value for option, value in foreign.items() if value}
    if url is None:
        if given:
            raise click.UsageError("That goes with a URL: lab probe URL --for 10m.")
        judge_run(lambda: session.look(name, visits or 1, say), as_json)
    if visits and "seconds" in given:
        raise click.UsageError("Give --for or --visits, not both.")
    look = Look(url, visits or 1, **given)
    judge_run(lambda: look_at(look, say), as_json)


@lab.command(epilog=example("lab check .lab/lab/20261123-160000-rollout.jsonl"))
@click.argument("history", type=click.Path(path_type=Path))
@option_json
def check(history: Path, as_json: bool) -> None:
    """Judge a history again."""
    theirs = "give one of those that the lab has written, .lab/*/*.jsonl"
    try:
        verdict = judge(history)
    except HistoryError as error:
        raise LabError(f"{error}; {theirs}") from error
    if verdict.header is None:
        raise LabError(f"{history} is no history, for no line of it says what ran: {theirs}")
    show(verdict, as_json)


lab.add_command(report)


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
