"""What the commands of the lab have in common: options, examples, the order in which they stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from lab.runs.scenarios import SCENARIOS, RollScenario
from lab.stacks.engines import ENGINES
from lab.stacks.lifecycle import DEFAULT_NAME, require_name
from lab.strategies import COMPARED


class InOrder(click.Group):
    """Lists its commands in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return them as they were added."""
        return [*self.commands]


def example(*lines: str) -> str:
    """Return the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def check_name(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """Refuse what no stack may be called."""
    return None if name is None else require_name(name)


def option_engine(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --engine."""
    return click.option(
        "--engine",
        default="auto",
        show_default=True,
        help=f"auto, {', '.join(ENGINES)}; auto takes compose where a Docker Engine answers.",
    )(command)


def option_name(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --name."""
    return click.option(
        "--name",
        default=DEFAULT_NAME,
        show_default=True,
        callback=check_name,
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


def find_scenario(
    _context: click.Context, _option: click.Parameter, name: str | None
) -> RollScenario | None:
    """Return the scenario of that name."""
    if name is not None and name not in SCENARIOS:
        raise click.BadParameter(f"{name!r} is none of {', '.join(SCENARIOS)}.")
    return SCENARIOS[name] if name else None


def option_scenario(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --scenario."""
    return click.option(
        "--scenario",
        metavar="NAME",
        callback=find_scenario,
        help=f"Where an orchestrator rolls, what happens meanwhile: {', '.join(SCENARIOS)}; "
        f"default {next(iter(SCENARIOS))}.",
    )(command)


def read_seconds(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> float | None:
    """Read a length of time, such as 90s, 10m or 1.5h."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh])", value)
    if not found or not float(found[1]):
        raise click.BadParameter(f"{value!r} is no length of time: give 90s, 10m or 1.5h.")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def options_of_an_external_site(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what goes with a URL only; each is None, or empty, where it was not given."""
    per_second = "Requests a second, at most; default 5, and no limit on this machine."
    manifest = "The staticfiles.json of a release, as FILE or URL; may be given for several."
    for option in (  # the last one stands first in the help
        click.option(
            "--history-size",
            metavar="MB",
            type=click.IntRange(1, 1024),
            help="Megabytes of the history, at most; default 32. The probe stops when it is full.",
        ),
        click.option(
            "--private",
            is_flag=True,
            help="Ask hosts inside a network, too, though the site itself is outside.",
        ),
        click.option("--insecure", is_flag=True, help="Take any TLS certificate."),
        click.option("--manifest", metavar="[RELEASE=]PLACE", multiple=True, help=manifest),
        click.option(
            "--release-pattern",
            metavar="REGEX",
            help="What finds the release in a page without that header, as its first group.",
        ),
        click.option(
            "--release-header",
            metavar="NAME",
            help="The header that names the release; default X-Release.",
        ),
        click.option("--rate", type=click.FloatRange(0, min_open=True), help=per_second),
        click.option(
            "--for",
            "seconds",
            metavar="TIME",
            callback=read_seconds,
            help="Look over and over, as in 90s, 10m, 1.5h.",
        ),
    ):
        command = option(command)
    return command


def options_of_a_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what rollout and rollback have in common."""
    used = f"The stack to roll on; default {DEFAULT_NAME} if that is up, else one of its own."
    for option in (  # the last one stands first in the help
        option_json,
        option_engine,
        click.option("--name", callback=check_name, help=used),
        option_visitors,
        click.option(
            "--rate",
            type=click.FloatRange(0, min_open=True),
            help="Pages a second, of a steady load whose times are told; default none.",
        ),
        click.option(
            "--guard",
            is_flag=True,
            help="Look at every page before each step; go back at the first that is broken.",
        ),
        click.option("--strategy", help=f"{', '.join(COMPARED)}; default {COMPARED[0]}."),
        click.option("--to", "target", metavar="RELEASE", help="The release to go to."),
        click.option("--from", "source", metavar="RELEASE", help="The release that serves now."),
    ):
        command = option(command)
    return command
