from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine

from lab.commands.console import Steps


def steps_on(stream: io.StringIO, *, terminal: bool) -> Steps:
    seconds = iter([0.0, 1.5, 1.5, 4.0])
    console = Console(file=stream, force_terminal=terminal, width=80, highlight=False)
    return Steps(console, lambda: next(seconds))


def test_without_a_terminal_a_step_is_one_plain_line_when_it_begins() -> None:
    stream = io.StringIO()
    say = steps_on(stream, terminal=False)
    say("starting [minio]")
    assert stream.getvalue() == "» starting [minio]\n"
    say("publishing v1")
    say.close()
    assert stream.getvalue() == "» starting [minio]\n» publishing v1\n"


def test_on_a_terminal_a_step_is_alive_and_leaves_its_seconds() -> None:
    stream = io.StringIO()
    say = steps_on(stream, terminal=True)
    say("starting minio")
    assert re.search(r"starting minio.*0:00:0\d", stream.getvalue())
    say("publishing v1")
    say.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "» starting minio  1.5 s\n" in shown
    assert "» publishing v1  2.5 s\n" in shown
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1
    assert say.live is None


def test_json_is_all_that_stdout_gets(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port) == 0
    capsys.readouterr()
    for command in (["probe"], ["rollout", "--visitors", 2], ["rollback", "--visitors", 2]):
        assert lab(*command, "--json") == 0
        shown = capsys.readouterr()
        assert json.loads(shown.out)["verdict"] == "PASS"
        assert all(line.startswith("» ") for line in shown.err.splitlines())
    assert miniature.still_up() == ["lab"]
    assert lab("gotcha", "--visitors", 2, "--json") == 2
    document = json.loads(capsys.readouterr().out)
    assert document["why"] == "the control, shared, did not fail: this run proves nothing"
