"""What makes no sense is refused with one line and exit code 64, before anything is started."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine, histories

from lab.errors import UnavailableError
from lab.stacks.composeproject import require_compose
from lab.stacks.engines import choose
from lab.stacks.lifecycle import LOCK
from lab.stacks.state import State, locked, stack_names

Lines = Callable[[], list[str]]


@pytest.fixture
def complaints(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The lines of stderr that are no progress."""

    def read() -> list[str]:
        shown = capsys.readouterr()
        assert shown.out == ""
        return [line for line in shown.err.splitlines() if not line.startswith("»")]

    return read


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that is in use."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nope"], """No such command 'nope'. See "lab --help"."""),
        (["rollout", "--nope"], """No such option '--nope'"""),
        (["rollout", "--visitors", 1], "'--visitors': 1 is not in the range 2<=x<=64"),
        (["rollout", "--visitors", 65], "'--visitors': 65 is not in the range 2<=x<=64"),
        (["gotcha", "--visitors", "many"], "'--visitors': 'many' is not a valid integer"),
        (["up", "--port", 0], "'--port': 0 is not in the range"),
        (["up", "--port", 65536], "'--port': 65536 is not in the range"),
        (["up", "--replicas", 0], "'--replicas': 0 is not in the range"),
        (["probe", "--visits", 0], "'--visits': 0 is not in the range"),
        (["probe", "--for", "10m"], "That goes with a URL: lab probe URL --for 10m."),
        (["probe", "http://x/", "--for", "10"], "'10' is no length of time: give 90s, 10m or"),
        (["probe", "http://x/", "--for", "0s"], "'0s' is no length of time"),
        (["probe", "http://x/", "--for", "1m", "--visits", 2], "--for or --visits, not both"),
        (["probe", "http://x/", "--rate", 0], "'--rate': 0.0 is not in the range x>0"),
        (["probe", "http://x/", "--release-pattern", "("], "--release-pattern (: missing ), unt"),
        (["build", "v9"], "unknown release v9: app/releases has v1, v2"),
        (["rollout", "--to", "v9"], "unknown release v9: app/releases has v1, v2"),
        (["rollback", "--from", "../v1"], "unknown release ../v1: app/releases has v1, v2"),
        (["rollout", "--from", "v2", "--to", "v2"], "from v2 to v2 goes nowhere"),
        (["rollout", "--strategy", "none"], "unknown strategy none: there are skewproof, vers"),
        (["up", "--strategy", "none"], "unknown strategy none: there are skewproof, versioned, sh"),
        (["up", "--engine", "swarm"], "unknown engine swarm: there are auto, miniature"),
        (["rollout", "--engine", "swarm"], "unknown engine swarm: there are auto, miniature"),
        (["up", "--weights", "half"], 'no weights: "half" in "half"; write them as v1=90,v2=10'),
        (["up", "--weights", f"v1={'9' * 5000}"], "no weights"),
        (["route", "v1=90"], 'the weights "v1=90" add up to 90, not to 100'),
        (["up", "--name", "../mine"], 'no name for a stack: "../mine"; take a to z'),
        (["up", "--name", "Mine"], 'no name for a stack: "Mine"'),
        (["up", "--name", ""], 'no name for a stack: ""'),
        (["up", "--name", "x" * 41], "at most 40 of them"),
        (["up", "--name", "build"], 'the lab has a folder "build" of its own'),
        (["down", "--name", "-mine"], 'no name for a stack: "-mine"'),
        (["rollout", "--name", "a/b"], 'no name for a stack: "a/b"'),
        (["rollout", "--name", "mine"], "no stack mine is up (there is: none)"),
        (["rollback", "--name", "mine"], 'start one with "lab up"'),
        (["probe"], "no stack lab is up (there is: none)"),
        (["route", "v1=100"], "no stack lab is up (there is: none)"),
        (["recycle"], "no stack lab is up (there is: none)"),
        (["recycle", "v9"], "unknown release v9: app/releases has v1, v2"),
        (["recycle", "v1", "v2"], "Got unexpected extra argument (v2)"),
        (["recycle", "--name", "mine"], "no stack mine is up (there is: none)"),
        (["recycle", "--name", "a/b"], 'no name for a stack: "a/b"'),
        (["probe", "127.0.0.1:8080"], "not an http or https URL; give one such as http://127"),
        (["probe", "ftp://127.0.0.1/"], "not an http or https URL"),
        (["probe", "http://"], "not an http or https URL"),
        (["check", "nowhere.jsonl"], "history nowhere.jsonl: cannot be read: No such file"),
        (["check", "."], "history .: cannot be read: Is a directory"),
        (["check", __file__], "is no history, for no line of it says what ran: give one of those"),
    ],
)
def test_bad_input_is_one_line_and_64(
    lab: Command,
    miniature: MiniatureEngine,
    complaints: Lines,
    arguments: list[object],
    complaint: str,
) -> None:
    assert lab(*arguments) == 64
    (line,) = complaints()
    assert line.startswith("lab: ")
    assert complaint in line
    assert miniature.verbs == []


@pytest.mark.parametrize("command", ["up", "rollout", "rollback"])
def test_a_release_that_is_not_built_is_refused(
    lab: Command, miniature: MiniatureEngine, complaints: Lines, command: str
) -> None:
    miniature.unbuilt = {"v1"}
    assert lab(command) == 64
    (line,) = complaints()
    assert 'v1 is not built for the engine miniature: run "lab build v1 --engine minia' in line
    assert miniature.verbs == []


def test_a_rollout_on_a_stack_that_is_up_needs_its_target_built(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port) == 0
    miniature.unbuilt = {"v2"}
    assert lab("rollout") == 64
    assert "release v2 is not built" in capsys.readouterr().err


def test_a_port_in_use_is_69_and_leaves_nothing(
    lab: Command, miniature: MiniatureEngine, complaints: Lines, listener: int, work: Path
) -> None:
    assert lab("up", "--port", listener) == 69
    assert complaints() == [
        f"lab: port {listener} of 127.0.0.1 is in use: stop what listens there, "
        "or choose another with --port"
    ]
    assert miniature.verbs == []
    assert not work.exists()


def test_a_url_where_nobody_answers_is_69(
    lab: Command, complaints: Lines, free_port: int, work: Path
) -> None:
    assert lab("probe", f"http://127.0.0.1:{free_port}/") == 69
    (line,) = complaints()
    assert f"http://127.0.0.1:{free_port}/ does not answer" in line
    assert "(Connection refused)" in line
    assert histories(work) == []


def test_a_stack_that_is_up_is_not_started_again(
    lab: Command,
    miniature: MiniatureEngine,
    capsys: pytest.CaptureFixture[str],
    free_port: int,
    other_port: int,
) -> None:
    assert lab("up", "--port", free_port) == 0
    assert capsys.readouterr().out == f"http://127.0.0.1:{free_port}/\n"
    assert lab("up", "--port", other_port) == 64
    assert "stack lab is already up: choose another --name" in capsys.readouterr().err
    assert miniature.still_up() == ["lab"]


def test_a_stack_that_is_being_started_is_left_to_who_starts_it(
    lab: Command, miniature: MiniatureEngine, complaints: Lines, free_port: int, work: Path
) -> None:
    with locked(work / "lab" / LOCK):
        assert lab("up", "--port", free_port) == 64
    assert complaints() == ["lab: stack lab is being started by another lab: choose another --name"]
    assert miniature.verbs == []


@pytest.mark.parametrize(
    "command", [["rollout"], ["probe"], ["route", "v1=100"], ["recycle"], ["up"]]
)
def test_a_stack_that_is_half_up_is_used_for_nothing_but_taking_it_down(
    lab: Command,
    miniature: MiniatureEngine,
    capsys: pytest.CaptureFixture[str],
    free_port: int,
    command: list[str],
) -> None:
    assert lab("up", "--port", free_port) == 0
    miniature.stacks["lab"].missing = ["store", "web-v1-2"]
    capsys.readouterr()
    assert lab(*command) == 64
    assert capsys.readouterr().err == (
        "lab: stack lab is half up (store, web-v1-2 does not run): "
        'take it down with "lab down --name lab"\n'
    )
    assert lab("down") == 0
    assert stack_names() == []


def test_a_damaged_state_file_is_named(lab: Command, complaints: Lines, work: Path) -> None:
    (work / "lab").mkdir(parents=True)
    (work / "lab" / "stack.json").write_text('{"name": "la')
    assert lab("route", "v1=100") == 64
    (line,) = complaints()
    assert "stack.json is damaged" in line


@pytest.mark.usefixtures("miniature")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--to", "v1"], "stack lab serves v1: it cannot go from v1 to v1"),
        (["--from", "v2"], "stack lab serves v1: it cannot go from v2 to v2"),
        (["--strategy", "shared"], "stack lab has the strategy skewproof, not shared"),
        (["--engine", "embedded"], "stack lab runs on miniature, not on embedded"),
    ],
)
def test_an_order_that_does_not_fit_the_stack_is_refused(
    lab: Command,
    capsys: pytest.CaptureFixture[str],
    free_port: int,
    arguments: list[str],
    complaint: str,
) -> None:
    assert lab("up", "--port", free_port) == 0
    assert lab("rollout", *arguments) == 64
    assert complaint in capsys.readouterr().err


@pytest.mark.usefixtures("miniature")
def test_a_rollout_begins_with_one_release(
    lab: Command, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port, "--weights", "v1=50,v2=50") == 0
    assert lab("rollout") == 64
    complaint = "stack lab serves v1 and v2, but a rollout begins with one release"
    assert complaint in capsys.readouterr().err


def test_a_rollback_to_what_was_never_published_is_refused(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port, "--weights", "v2=100") == 0
    assert lab("rollback") == 64
    complaint = "release v1 is not published on stack lab, 1 of its 1 assets are missing"
    assert complaint in capsys.readouterr().err
    assert "drain" not in miniature.verbs


def test_traffic_for_a_release_without_a_replica_is_refused(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port) == 0
    assert lab("route", "v1=50,v2=50") == 64
    complaint = "stack lab has no replica of v2 that could serve (there is: v1)"
    assert complaint in capsys.readouterr().err
    assert "route" not in miniature.verbs


@pytest.mark.usefixtures("miniature")
def test_a_torn_history_is_unknown(
    lab: Command, capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    assert lab("rollout", "--visitors", 2) == 0
    (history,) = histories(work)
    torn = work / "torn.jsonl"
    torn.write_bytes(history.read_bytes()[:-30])
    capsys.readouterr()
    assert lab("check", torn, "--json") == 2
    assert json.loads(capsys.readouterr().out)["verdict"] == "UNKNOWN"


def test_taking_down_nothing_says_so(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("down", "--all") == 0
    assert capsys.readouterr().err == "» no stack is up\n"
    assert lab("up", "--port", free_port, "--name", "other") == 0
    capsys.readouterr()
    assert lab("down") == 0
    assert capsys.readouterr().err == "» no stack lab is up (there is: other)\n"
    assert miniature.still_up() == ["other"]


def test_taking_all_down_goes_on_after_one_that_refuses(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, port in (("one", 1), ("two", 2)):
        State(name=name, engine="miniature", strategy="skewproof", port=port).claim()
    miniature.plan_failure("down", UnavailableError("one does not go"))
    for name in ("one", "two"):
        state = State.load(name)
        assert state
        miniature.remember(state)
    assert lab("down", "--all") == 69
    assert capsys.readouterr().err.splitlines()[-1] == (
        'lab: stack one could not be taken down: one does not go; try "lab down --name one" again'
    )
    assert stack_names() == ["one"]


def test_where_no_docker_answers_auto_takes_embedded_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    lines: list[str] = []
    assert choose("auto", lines.append).name == "embedded"
    (line,) = lines
    assert line.startswith("engine embedded, for there is no compose: Docker does not answer at")
    assert line.endswith("(No such file or directory)")


def test_where_no_docker_answers_compose_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lab: Command, complaints: Lines
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert lab("up", "--engine", "compose") == 69
    (line,) = complaints()
    assert "nobody.sock: start it, or choose --engine embedded" in line


def test_a_docker_without_the_compose_plugin_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\necho \"docker: 'compose' is not a docker command.\" >&2\nexit 1\n"
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(
        UnavailableError, match=r"install the Compose plugin .* is not a docker com"
    ):
        require_compose()


def test_a_machine_without_docker_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="there is no docker on PATH: install the Compose"):
        require_compose()
