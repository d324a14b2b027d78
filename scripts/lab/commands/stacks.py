"""`lab build`, `up`, `route`, `recycle`, `down`: stacks that stay up."""

from __future__ import annotations

import click

from lab.checkout import releases, require_release
from lab.commands.console import results, say
from lab.commands.options import check_name, example, option_engine, option_name
from lab.errors import LabError
from lab.stacks import lifecycle
from lab.stacks.engines import TakesImages, choose
from lab.stacks.model import REPLICAS, Plan
from lab.stacks.orchestrator import Orchestrator
from lab.stacks.state import stack_names
from lab.stacks.traffic import parse_weights
from lab.strategies import COMPARED


@click.command(
    epilog=example(
        "lab build",
        "lab build v2 --engine embedded",
        "lab build --engine kubernetes --images registry=registry.example.com/team",
    )
)
@click.argument("wanted", metavar="[RELEASE]...", nargs=-1)
@option_engine
@click.option(
    "--images",
    metavar="WAY",
    help="How the nodes of Kubernetes get them: kind, k3d, minikube, ctr, registry=HOST/PATH, "
    "there; default $LAB_IMAGES, else what the name of the context says.",
)
def build(wanted: tuple[str, ...], engine: str, images: str | None) -> None:
    """Build releases, and what serves them.

    All releases of app/releases, unless some are named.
    """
    chosen = tuple(require_release(release) for release in wanted) or releases()
    builder = choose(engine, say)
    if images:
        if not isinstance(builder, TakesImages):
            raise LabError(f"--images goes with --engine kubernetes, not with {builder.name}")
        builder.images = images
    builder.build(chosen, say)


@click.command(
    epilog=example("lab up", "lab up --weights v1=90,v2=10 --strategy shared --port 8081")
)
@option_name
@option_engine
@click.option("--strategy", default=COMPARED[0], show_default=True, help=f"{', '.join(COMPARED)}.")
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
    """Start a stack and leave it running; prints its URLs."""
    shares = parse_weights(weights, releases())
    lifecycle.require_strategy(strategy)
    plan = Plan(
        name=name,
        strategy=strategy,
        port=port,
        weights=shares,
        publishes=tuple(shares),
        replicas=replicas,
    )
    stack = lifecycle.start_stack(choose(engine, say), plan, say)
    say.close()
    results.print(stack.base, soft_wrap=True)
    say.show(f"explore it: {stack.base}lab/")


@click.command(epilog=example("lab route v1=90,v2=10", "lab route v1=0,v2=100 --name other"))
@click.argument("weights")
@option_name
def route(weights: str, name: str) -> None:
    """Give the traffic of a running stack other weights."""
    shares = parse_weights(weights, releases())
    engine, stack = lifecycle.require_stack(name)
    if isinstance(stack, Orchestrator):
        raise LabError(
            f"stack {name} runs on {engine.name}, where every replica draws the same share: "
            'there is nothing to route; "lab rollout" changes who serves'
        )
    lifecycle.require_serving(stack, shares)
    stack.route(shares)
    say(f"traffic: {', '.join(f'{release} {share}%' for release, share in shares.items())}")


@click.command(epilog=example("lab recycle", "lab recycle v1", "lab recycle v1 --name other"))
@click.argument("release", required=False)
@click.option(
    "--name",
    callback=check_name,
    help=f"The stack; default {lifecycle.DEFAULT_NAME} if that is up, else that of docker compose.",
)
def recycle(release: str | None, name: str | None) -> None:
    """Give replicas fresh workers, as max_requests and crashes do.

    Those of a release; without one, of every release that serves.
    """
    named = [require_release(release)] if release else []
    stack = lifecycle.require_recyclable(name)
    lifecycle.recycle_replicas(stack, named or lifecycle.serving(stack), say)


@click.command(epilog=example("lab down", "lab down --name other", "lab down --all"))
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
            lifecycle.take_down(each, say)
        except LabError as error:
            failed.append(error)
    if failed:
        raise failed[0]
