"""What the lab did not expect: one line, 70, and a file that says where it happened."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from tests.unit.lab.conftest import Command
from tests.unit.lab.miniature import MiniatureEngine, histories

from lab.errors import UnavailableError
from lab.judge.verdict import judge_history
from lab.stacks.state import stack_names


def test_a_crash_inside_the_lab_is_one_line_and_70(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    miniature.plan_failure("recycle", ZeroDivisionError("planted\nhere"))
    assert lab("rollout", "--visitors", 2) == 70
    shown = capsys.readouterr()
    (line,) = [line for line in shown.err.splitlines() if not line.startswith("»")]
    trace = work / "error.log"
    assert line == f"lab: an error inside the lab: ZeroDivisionError: planted here; see {trace}"
    assert "in recycle" in trace.read_text()
    assert shown.out == ""
    assert stack_names() == miniature.still_up() == []
    (history,) = histories(work)
    assert judge_history(history).exit_code == 2


def test_a_crash_where_nothing_can_be_written_has_its_trace_elsewhere(
    lab: Command,
    miniature: MiniatureEngine,
    capsys: pytest.CaptureFixture[str],
    work: Path,
) -> None:
    work.write_text("no folder")
    miniature.plan_failure("build", ZeroDivisionError("planted"))
    assert lab("build") == 70
    trace = Path(capsys.readouterr().err.strip().rpartition("see ")[2])
    assert "ZeroDivisionError" in trace.read_text()
    trace.unlink()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_more_is_69(
    lab: Command,
    miniature: MiniatureEngine,
    capsys: pytest.CaptureFixture[str],
    work: Path,
    number: int,
) -> None:
    error = OSError(number, "the disk says no", str(work / "lab" / "x"))
    miniature.plan_failure("publish", error)
    assert lab("rollout") == 69
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("»")]
    assert line.startswith(f"lab: cannot write: the disk says no ({work}/lab/x); make room in")


def test_a_failure_names_the_history_that_leads_to_it(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], work: Path
) -> None:
    miniature.plan_failure("add_replica", UnavailableError("web-v1-1 ended; its last words:\nno"))
    assert lab("rollout") == 69
    lines = capsys.readouterr().err.splitlines()
    (history,) = histories(work)
    assert lines[-3:] == [
        f"» the history until then: {history}",
        "lab: web-v1-1 ended; its last words:",
        "no",
    ]
    assert stack_names() == []


def test_a_publish_that_fails_is_told_before_its_store_is_asked(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    assert lab("up", "--port", free_port) == 0
    miniature.stacks["lab"].exit_code = 4
    capsys.readouterr()
    assert lab("rollout", "--visitors", 2) == 69
    shown = capsys.readouterr()
    assert "lab: publishing v2 failed with exit code 4, v1 still serves; mend" in shown.err
    assert shown.err.splitlines()[-1] == "1 static file copied"
    assert miniature.verbs.count("inventory") == 1
    assert miniature.still_up() == ["lab"]


def test_a_comparison_that_fails_shows_what_it_has(
    lab: Command, miniature: MiniatureEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    miniature.plan_failure("start_store", UnavailableError("no store"), stack=2)
    assert lab("gotcha", "--visitors", 2) == 69
    shown = capsys.readouterr()
    assert "UNKNOWN: stopped before versioned and skewproof" in shown.out
    assert shown.err.splitlines()[-1] == "lab: no store"


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_visitors_that_cannot_write_end_the_run_at_once(
    lab: Command,
    miniature: MiniatureEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lab.history.History.add_fetch", refuse)
    assert lab("rollout", "--visitors", 2) == 69
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("lab: the probe cannot go on: visitor ")
    assert last.endswith("No space left on device")
    assert stack_names() == miniature.still_up() == []


def test_neither_the_line_nor_the_trace_of_a_crash_shows_a_secret(
    lab: Command,
    miniature: MiniatureEngine,
    capsys: pytest.CaptureFixture[str],
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINIO_ROOT_PASSWORD", "as-the-operator-set-it")
    said = "environment: ['as-the-operator-set-it'], http://user:pa55@store:9000/"
    for kind, code in ((ZeroDivisionError, 70), (UnavailableError, 69)):
        miniature.plan_failure("build", kind(said))
        assert lab("build") == code
        shown = capsys.readouterr()
        assert "environment: ['***'], http://store:9000/" in shown.err
        for each in (*shown, (work / "error.log").read_text()):
            assert "as-the-operator" not in each
            assert "pa55" not in each


@pytest.mark.parametrize("url", ["http://user:pa55@127.0.0.1:x/", "ftp://user:pa55@127.0.0.1/"])
def test_a_refused_url_is_named_without_its_password(
    url: str, lab: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab("probe", url) == 64
    shown = capsys.readouterr()
    assert "127.0.0.1" in shown.err
    assert "pa55" not in shown.err + shown.out
