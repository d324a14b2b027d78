"""The examples in the help of the lab are calls that it takes."""

from __future__ import annotations

import re

import click
import pytest

from lab.commands import lab

# What stands behind two spaces says what the example does.
EXAMPLE = re.compile(r"^\s+(lab .*?)(?:  .*)?$", re.MULTILINE)


def examples(command: click.Command) -> list[str]:
    """Return the calls of the lab below "Examples:" in a command's help."""
    context = click.Context(command, info_name=command.name)
    _, _, below = command.get_help(context).partition("Examples:")
    lines = " && ".join(EXAMPLE.findall(below))
    return [call.removeprefix("lab ") for call in lines.split(" && ") if call]


@pytest.mark.parametrize("name", sorted(lab.commands))
def test_the_examples_of_a_command_are_calls_of_it_that_parse(name: str) -> None:
    command = lab.commands[name]
    found = examples(command)

    assert found
    for example in found:
        assert example.split()[0] == name
        parse(example)


def parse(example: str) -> None:
    """Let click read a call of the lab, without carrying it out."""
    name, *arguments = example.split()
    lab.commands[name].make_context(name, arguments).close()


def test_the_examples_in_the_help_of_the_lab_itself_parse() -> None:
    found = examples(lab)
    assert found
    for example in found:
        parse(example)


@click.command(epilog="\b\nExamples:\n  lab broken --twice 2 && lab other    what it does")
@click.option("--once")
def broken(once: str) -> None:
    """Do nothing."""


def test_an_example_that_does_not_parse_is_seen() -> None:
    assert examples(broken) == ["broken --twice 2", "other"]
    with pytest.raises(click.NoSuchOption):
        broken.make_context("broken", ["--twice", "2"])
