"""`lab matrix`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

import click

from lab import checkout
from lab.camera import require_browser
from lab.commands.console import results, say
from lab.commands.options import example, option_json
from lab.commands.tables import render_cells
from lab.errors import LabError
from lab.judge.verdict import EXIT_CODES
from lab.matrix.cell import RELEASES
from lab.matrix.result import conclude_cells
from lab.matrix.run import MatrixRequest, run_cells
from lab.matrix.scenarios import SCENARIOS
from lab.stacks.engines import reach_machine, require_machine
from lab.stacks.lifecycle import require_built
from lab.strategies import STRATEGIES


@click.command(
    epilog=example(
        "lab matrix",
        "lab matrix --strategy shared --strategy skewproof --scenario late-load",
        "lab matrix --engine compose --strategy skewproof",
        "lab matrix --screenshots",
        "lab matrix --resume 20261123-190000",
    )
)
@click.option(
    "--strategy",
    "strategies",
    type=click.Choice([*STRATEGIES]),
    multiple=True,
    metavar="NAME",
    help=f"One of {', '.join(STRATEGIES)}; may be given several times. Default: all.",
)
@click.option(
    "--scenario",
    "scenarios",
    type=click.Choice([*SCENARIOS]),
    multiple=True,
    metavar="NAME",
    help=f"One of {', '.join(SCENARIOS)}; may be given several times. Default: all.",
)
@click.option(
    "--engine",
    callback=lambda _context, _option, name: require_machine(name, "the matrix"),
    metavar="[compose|embedded]",
    default="embedded",
    show_default=True,
    help="What runs the cells; on compose a cell takes several times as long.",
)
@click.option("--seed", default=0, show_default=True, help="Chooses what scenarios leave open.")
@click.option(
    "--workers",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="How many cells at once.",
)
@click.option("--resume", metavar="RUN", help="Go on with a run: finished cells are not run again.")
@click.option(
    "--screenshots",
    is_flag=True,
    help="Also keep what a browser shows after each look, for the report; needs a Chromium.",
)
@option_json
def matrix(
    strategies: Sequence[str],
    scenarios: Sequence[str],
    engine: str,
    seed: int,
    workers: int,
    resume: str | None,
    screenshots: bool,
    as_json: bool,
) -> None:
    """Run every strategy under every scenario.

    PASS when every cell comes to what is expected of it: skewproof passes all, and each other
    strategy fails where it is known to.
    """
    if resume and not (checkout.WORK / checkout.MATRIX / resume).is_dir():
        raise LabError(f"no run {resume}: see {checkout.WORK / checkout.MATRIX}")
    if screenshots:
        require_browser()
    require_built(reach_machine(engine), RELEASES)
    run = resume or time.strftime("%Y%m%d-%H%M%S")
    request = MatrixRequest(
        strategies=strategies or [*STRATEGIES],
        scenarios=scenarios or [*SCENARIOS],
        run=run,
        seed=seed,
        workers=workers,
        engine=engine,
        screenshots=screenshots,
    )
    interrupted = False
    try:
        found = run_cells(request, say)
    except KeyboardInterrupt:
        found, interrupted = request.finished(), True
    say.close()
    status, why = conclude_cells(found, len(request.cells))
    if interrupted:
        why += f'; go on with "lab matrix --resume {run}"'
    if as_json:
        told = [each.to_json() for each in found]
        document = {"verdict": status, "why": why, "run": run, "seed": seed, "cells": told}
        click.echo(json.dumps(document, indent=1))
    else:
        results.print(render_cells(found))
        results.print(f"{status}: {why}\nrun: {request.folder}", soft_wrap=True)
    sys.exit(EXIT_CODES[status])
