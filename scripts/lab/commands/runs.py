"""`lab rollout`, `rollback`, `gotcha`, `probe`, `check`: what visitors see, and its verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from lab.commands.console import results, say
from lab.commands.options import (
    example,
    option_engine,
    option_json,
    option_name,
    option_scenario,
    option_visitors,
    options_of_a_run,
    options_of_an_external_site,
)
from lab.commands.tables import render_side_by_side, render_verdict
from lab.errors import LabError
from lab.history import HistoryError, Interrupted
from lab.judge.verdict import EXIT_CODES, Verdict, conclude_comparison, judge_history
from lab.runs import session
from lab.runs.external import ProbeRequest, probe_site
from lab.runs.request import RunRequest
from lab.runs.session import run_each
from lab.stacks import lifecycle
from lab.strategies import COMPARED, CONTROL, CURE


@click.command(
    epilog=example(
        "lab rollout",
        "lab rollout --strategy shared --engine embedded",
        "lab rollout --guard",
        "lab rollout --rate 200",
        "lab rollout --engine swarm --scenario never-published",
    )
)
@options_of_a_run
@option_scenario
def rollout(**options: Any) -> None:
    """Publish the next release and roll to it, while visitors look.

    Replica by replica, on the stack that "lab up" left running, else on one of its own that is gone
    afterwards. An interrupt stops everything that was started, and keeps the history.
    """
    run_command("rollout", **options)


@click.command(epilog=example("lab rollback", "lab rollback --strategy shared --json"))
@options_of_a_run
def rollback(**options: Any) -> None:
    """Roll back to a release that was published before.

    Without publishing it again; else as rollout.
    """
    run_command("rollback", **options)


@click.command(epilog=example("lab gotcha", "lab gotcha --engine compose --json"))
@option_visitors
@option_engine
@option_json
def gotcha(engine: str, visitors: int, as_json: bool) -> None:
    """Roll out under each strategy, and show them side by side.

    PASS when skewproof passes and the control, the shared manifest, fails.
    """
    verdicts: dict[str, Verdict] = {}
    try:
        verdicts.update(run_each(engine, visitors, say))
    except KeyboardInterrupt:
        pass  # what there is so far is shown
    except LabError:
        if verdicts:
            compare(verdicts, as_json)
        raise
    sys.exit(compare(verdicts, as_json))


@click.command(
    epilog=example(
        "lab probe --visits 3",
        "lab probe http://127.0.0.1:8080/",
        "lab probe https://staging.example.com/ --for 10m --rate 2",
        "lab probe https://staging.example.com/ --manifest v1=old.json --manifest v2=new.json",
    )
)
@click.argument("url", required=False)
@click.option("--visits", type=click.IntRange(1), help="How many, each release its own; default 1.")
@options_of_an_external_site
@option_name
@option_json
def probe(url: str | None, visits: int | None, name: str, as_json: bool, **external: Any) -> None:
    """Look at every page of a stack, or of any site, and judge it.

    At everything that a page names, too. A stack is judged by the records of its releases; a URL by
    its manifests where they are given, else by what can be seen without: status, type, hash in the
    name, cache headers, and that a release has one name for each file.

    A site is asked slowly, and as its robots.txt allows; an interrupt keeps what was seen.
    """
    given = {option: value for option, value in external.items() if value}
    if url is None:
        if given:
            raise click.UsageError("That goes with a URL: lab probe URL --for 10m.")
        run_and_judge(lambda: session.probe_stack(name, visits or 1, say), as_json)
    if visits and "seconds" in given:
        raise click.UsageError("Give --for or --visits, not both.")
    look = ProbeRequest(url=url, visits=visits or 1, **given)
    run_and_judge(lambda: probe_site(look, say), as_json)


@click.command(epilog=example("lab check .lab/lab/20261123-160000-rollout.jsonl"))
@click.argument("history", type=click.Path(path_type=Path))
@option_json
def check(history: Path, as_json: bool) -> None:
    """Judge a history again."""
    theirs = "give one of those that the lab has written, .lab/*/*.jsonl"
    try:
        verdict = judge_history(history)
    except HistoryError as error:
        raise LabError(f"{error}; {theirs}") from error
    if verdict.header is None:
        raise LabError(f"{history} is no history, for no line of it says what ran: {theirs}")
    show(verdict, as_json)


def run_command(action: str, as_json: bool, **options: Any) -> None:
    """Carry out a rollout or a rollback, and judge its history."""
    if options["name"] is None:
        options["name"] = lifecycle.DEFAULT_NAME
    else:
        lifecycle.require_stack(options["name"])
    run_and_judge(lambda: session.roll_out(RunRequest(action=action, **options), say), as_json)


def run_and_judge(carry_out: Callable[[], Path], as_json: bool) -> NoReturn:
    """Judge the history of what is carried out, also when it is interrupted."""
    try:
        history = carry_out()
    except Interrupted as stopped:
        history = stopped.history
        say("interrupted: the history has no end")
    show(judge_history(history), as_json)


def show(verdict: Verdict, as_json: bool) -> NoReturn:
    """Print a verdict, and exit with its code."""
    say.close()
    if as_json:
        click.echo(json.dumps(verdict.to_json(), indent=1))
    else:
        results.print(render_verdict(verdict))
    sys.exit(verdict.exit_code)


def compare(verdicts: dict[str, Verdict], as_json: bool) -> int:
    """Print verdicts side by side; return the exit code that follows from all of them."""
    say.close()
    outcome, why = conclude_comparison(verdicts, COMPARED, CURE, CONTROL)
    if as_json:
        document = {name: verdict.to_json() for name, verdict in verdicts.items()}
        click.echo(json.dumps({"verdict": outcome, "why": why, "strategies": document}, indent=1))
    else:
        if verdicts:
            results.print(render_side_by_side(verdicts))
        results.print(f"{outcome}: {why}")
    return EXIT_CODES[outcome]
