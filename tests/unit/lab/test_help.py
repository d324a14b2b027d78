from __future__ import annotations

import click
import pytest
from tests.unit.lab.conftest import Command

from lab.commands import lab as group
from lab.errors import FAIL, INTERNAL, PASS, UNAVAILABLE, UNKNOWN, USAGE

COMMANDS = (
    *("build", "up", "rollout", "rollback", "gotcha", "matrix"),
    *("probe", "check", "report", "route", "recycle", "down"),
)


def test_the_commands_stand_in_the_order_of_their_use() -> None:
    assert tuple(group.commands) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_whole_sentence_and_an_example(
    lab: Command, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert lab(command, "--help") == 0
    shown = capsys.readouterr().out
    assert f"\n    lab {command}" in shown[shown.index("Examples:") :]
    assert max(map(len, shown.splitlines())) <= 100
    for parameter in group.commands[command].params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None)


def test_the_help_lists_every_command_and_exit_code(
    lab: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("--help") == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        (line,) = [line for line in shown.splitlines() if line.startswith(f"  {command} ")]
        assert not line.endswith("..."), f"the sentence of {command} is cut off"
    for code in (PASS, FAIL, UNKNOWN, USAGE, UNAVAILABLE, INTERNAL):
        assert f"\n    {code} " in shown


def test_without_a_command_the_help_is_shown_and_it_is_no_success(
    lab: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab() == 64
    assert "Usage: lab [OPTIONS] COMMAND" in capsys.readouterr().err
