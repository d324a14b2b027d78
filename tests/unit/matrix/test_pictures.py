"""Pictures are for who asks, and has a browser; no cell depends on one."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from lab import cli
from lab.camera import CameraError
from lab.history import History, read_history
from lab.matrix.cell import Cell

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = b"a picture"


class OneShot:
    """A camera that takes one picture, and breaks."""

    def __init__(self) -> None:
        self.left = [PICTURE]

    def take(self, *_what: str, **_how: bool) -> bytes:
        if not self.left:
            raise CameraError("the browser has died")
        return self.left.pop()


def test_a_cell_keeps_the_pictures_that_it_gets_and_goes_on_without_the_others(
    tmp_path: Path,
) -> None:
    stack = SimpleNamespace(weights={"v1": 50, "v2": 50}, base="http://127.0.0.1:1/")
    with History(tmp_path / "1-late-load.jsonl") as history:
        parts = cast("Any", (stack, None, history, "0", OneShot()))
        Cell(*parts).take_pictures()
    taken, lacking = read_history(history.path).events

    assert (taken.event, taken.release) == ("pictured", "v1")
    assert (tmp_path / taken.detail["picture"]).read_bytes() == PICTURE
    assert (lacking.event, lacking.release) == ("not-pictured", "v2")
    assert lacking.detail == {"why": "the browser has died"}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command line, in this process."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["lab", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("missing", ["chromium", "playwright"])
def test_pictures_without_a_browser_are_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    missing: str,
) -> None:
    if missing == "chromium":
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    else:
        monkeypatch.setitem(sys.modules, "playwright", None)
    assert run(monkeypatch, "matrix", "--screenshots") == 69

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "no pictures without" in shown.err
    assert missing in shown.err
