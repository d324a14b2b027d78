"""`lab report` as one types it: exit codes, files, and what is wrong in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.report.histories import write_history, write_matrix

from lab.matrix.result import WANTED, add_wanted
from lab.matrix.run import MatrixRequest, run_cells

Lab = Callable[..., int]


def test_the_page_is_written_beside_the_run(lab: Lab, history: Path, matrix: Path) -> None:
    assert lab(history) == 1
    assert lab(history.parent) == 1
    assert lab(matrix) == 0

    for page in (history.with_suffix(".html"), history.parent / "report.html"):
        assert "rollout with shared" in page.read_text()
    assert "all 3 cells are as expected" in (matrix / "report.html").read_text()


def test_a_run_that_was_interrupted_says_how_many_of_how_many_cells_there_are(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.matrix.run.work", interrupt)
    wanted = MatrixRequest(
        strategies=["whitenoise"], scenarios=["store-down", "late-load"], run=str(tmp_path / "run")
    )
    for again in (wanted, replace(wanted, scenarios=["late-load", "rollback"])):
        with pytest.raises(KeyboardInterrupt):
            run_cells(again, print)

    assert lab(wanted.folder) == 2
    assert "1 of 3 cells have been run" in (wanted.folder / "report.html").read_text()


def test_a_run_that_was_interrupted_in_its_first_cell_is_unknown(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_history(tmp_path / "run" / "shared" / "1.jsonl")
    add_wanted(tmp_path / "run", [("shared", "late-load"), ("shared", "rollback")])
    assert lab(tmp_path / "run", "--format", "json") == 2
    assert json.loads(capsys.readouterr().out)["why"] == "0 of 2 cells have been run"


def test_a_run_of_the_matrix_has_a_short_name(lab: Lab, matrix: Path, tmp_path: Path) -> None:
    shutil.copytree(matrix, tmp_path / ".lab" / "matrix" / "20261123-200000")
    assert lab("20261123-200000") == 0


@pytest.mark.parametrize("form", ["md", "json", "junit"])
def test_other_forms_go_to_stdout_or_to_a_file(
    lab: Lab, matrix: Path, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab(matrix, "--format", form) == 0
    shown = capsys.readouterr().out
    assert lab(matrix, "--format", form, "--output", tmp_path / "file") == 0

    assert "late-load" in shown
    assert (tmp_path / "file").read_text() == shown


def test_several_runs_are_compared_as_the_gotcha_is(
    lab: Lab, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [
        write_history(tmp_path / name / "1.jsonl", name, skewed=name == "versioned")
        for name in ("versioned", "skewproof")
    ]
    assert lab(history.parent, *others, "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)

    assert document["why"] == "skewproof passed where the control, shared, failed"
    assert [run["status"] for run in document["runs"]] == ["FAIL", "FAIL", "PASS"]


def test_a_run_that_was_moved_keeps_its_histories(lab: Lab, matrix: Path, tmp_path: Path) -> None:
    matrix.rename(tmp_path / "moved")
    assert lab(tmp_path / "moved") == 0
    assert "v2's stylesheet" in (tmp_path / "moved" / "report.html").read_text().replace(
        "&#39;", "'"
    )


def test_a_cell_whose_history_is_gone_is_still_in_the_matrix(lab: Lab, matrix: Path) -> None:
    (history,) = (matrix / "shared").glob("*.jsonl")
    history.unlink()
    assert lab(matrix) == 0
    assert "no timeline: history" in (matrix / "report.html").read_text()


def test_a_torn_history_is_reported_as_unknown(lab: Lab, tmp_path: Path) -> None:
    history = write_history(tmp_path / "1.jsonl", skewed=False)
    history.write_bytes(history.read_bytes()[:-40])
    assert lab(history) == 2
    assert "its history has no end" in history.with_suffix(".html").read_text()


def test_what_is_no_run_is_one_clear_line(
    lab: Lab, tmp_path: Path, matrix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "text.jsonl").write_text("no history\n")
    (write_matrix(tmp_path / "noted") / WANTED).write_text("[1")
    (matrix / "shared" / "late-load.json").write_text('{"strategy": "sha')
    for name, complaint in {
        "nothing": "no run",
        "empty": "neither cells of a matrix nor histories are in it",
        "empty.jsonl": "is no history, for no line of it says what ran",
        "text.jsonl": "is no history, for no line of it says what ran",
        "matrix": "is damaged",
        "noted": "is damaged",
    }.items():
        assert lab(tmp_path / name) == 64
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        assert complaint in shown.err


def test_a_place_that_cannot_be_written_is_one_clear_line(
    lab: Lab, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab(history, "--output", tmp_path / "nowhere" / "x.html") == 69
    assert "cannot be written: No such file or directory" in capsys.readouterr().err
