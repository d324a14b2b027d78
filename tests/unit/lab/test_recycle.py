"""`lab recycle`: whose workers are replaced, and what is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine

from lab.checkout import ROOT
from lab.errors import UnavailableError
from lab.stacks.compose import PROJECT_PREFIX
from lab.stacks.engines import find_composed
from lab.stacks.model import Replica


@dataclass
class Composed:
    """What `docker compose up` runs."""

    running: dict[str, list[str]]
    name: str = "skewproof"
    recycled: list[str] = field(default_factory=list)

    def replicas(self, release: str) -> list[Replica]:
        return [Replica(release, name) for name in self.running.get(release, [])]

    def recycle(self, replica: Replica) -> None:
        self.recycled.append(replica.name)


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch, miniature: MiniatureEngine) -> Composed:  # noqa: ARG001 - comes first
    found = Composed({"v1": ["skewproof-web-v1-1", "skewproof-web-v1-2"], "v2": ["w2"]})
    monkeypatch.setattr("lab.stacks.lifecycle.find_composed", lambda: found)
    return found


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err.splitlines()


def test_every_replica_of_every_release_gets_fresh_workers(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port, "--weights", "v1=50,v2=50") == 0
    capsys.readouterr()
    assert lab("recycle") == 0
    names = ["web-v1-1", "web-v1-2", "web-v2-3", "web-v2-4"]
    assert lines_of(capsys) == [f"» recycling the workers of {name}" for name in names]
    assert miniature.verbs.count("recycle") == 4


def test_one_release_may_be_named(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port, "--weights", "v1=50,v2=50", "--name", "mine") == 0
    capsys.readouterr()
    assert lab("recycle", "v2", "--name", "mine") == 0
    names = ["web-v2-3", "web-v2-4"]
    assert lines_of(capsys) == [f"» recycling the workers of {name}" for name in names]
    assert miniature.verbs.count("recycle") == 2


def test_a_release_that_does_not_serve_is_refused(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port) == 0
    capsys.readouterr()
    assert lab("recycle", "v2") == 64
    assert lines_of(capsys) == [
        "lab: stack lab has no replica of v2 that could serve (there is: v1)"
    ]
    assert "recycle" not in miniature.verbs


def test_what_goes_wrong_half_way_is_one_line(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port) == 0
    miniature.plan_failure("recycle", UnavailableError("web-v1-1 still has its old workers"))
    capsys.readouterr()
    assert lab("recycle") == 69
    assert lines_of(capsys)[-1] == "lab: web-v1-1 still has its old workers"


class TestWhatDockerComposeUpRuns:
    def test_is_recycled_where_no_stack_of_the_lab_is_up(
        self, lab: Command, composed: Composed, capsys: pytest.CaptureFixture[str], work: Path
    ) -> None:
        assert lab("recycle") == 0
        assert composed.recycled == ["skewproof-web-v1-1", "skewproof-web-v1-2", "w2"]
        lines = [f"» recycling the workers of {name}" for name in composed.recycled]
        assert lines_of(capsys) == lines
        assert not work.exists()

    def test_has_to_have_the_release_that_is_named(
        self, lab: Command, composed: Composed, capsys: pytest.CaptureFixture[str]
    ) -> None:
        del composed.running["v2"]
        assert lab("recycle", "v2") == 64
        (line,) = lines_of(capsys)
        assert line.startswith("lab: stack skewproof has no replica of v2 that could serve")
        assert composed.recycled == []

    def test_is_nothing_while_none_of_it_runs(
        self, lab: Command, composed: Composed, capsys: pytest.CaptureFixture[str]
    ) -> None:
        composed.running.clear()
        assert lab("recycle") == 64
        (line,) = lines_of(capsys)
        assert line.startswith("lab: no stack lab is up (there is: none)")

    @pytest.mark.parametrize("named", [[], ["--name", "lab"]])
    def test_gives_way_to_a_stack_of_the_lab(
        self, lab: Command, composed: Composed, free_port: int, named: list[str]
    ) -> None:
        assert lab("up", "--port", free_port) == 0
        assert lab("recycle", *named) == 0
        assert composed.recycled == []

    def test_is_not_taken_for_a_stack_that_was_named(
        self, lab: Command, composed: Composed, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert lab("recycle", "--name", "lab") == 64
        (line,) = lines_of(capsys)
        assert line.startswith("lab: no stack lab is up (there is: none)")
        assert composed.recycled == []


def test_where_no_docker_answers_nothing_is_composed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert find_composed() is None


def test_the_project_is_the_one_that_the_compose_file_names() -> None:
    assert f"\nname: {PROJECT_PREFIX}\n" in (ROOT / "docker-compose.yml").read_text()
