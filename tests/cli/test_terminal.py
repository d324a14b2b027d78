"""On a terminal the step that runs is alive; what is piped away is not."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from tests.cli.checkouts import Checkout


def on_a_terminal(checkout: Checkout, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run a command with a terminal as its stderr; return code, stdout and what was drawn."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.cli", *arguments],
        cwd=checkout.folder,
        env={**os.environ, "PYTHONPATH": str(checkout.folder / "scripts"), "TERM": "xterm", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    )
    os.close(slave)
    drawn = b""
    try:
        while chunk := os.read(master, 65536):
            drawn += chunk
    except OSError:  # what a terminal says when nobody is on its other side any more
        pass
    os.close(master)
    out, _ = process.communicate()
    return process.returncode, out, drawn.decode()


def test_a_step_spins_with_its_seconds_and_stays_as_a_line(checkout: Checkout) -> None:
    code, out, drawn = on_a_terminal(checkout, "build", "--engine", "embedded")
    assert (code, out) == (0, "")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    assert len(set(re.findall(r"([\u2800-\u28ff]) building v1 0:00:\d\d", text))) > 1, (
        "nothing spins"
    )
    assert re.search(r"building v2 0:00:\d\d", text)
    shown = [line for line in text.replace("\r", "\n").splitlines() if line.startswith("»")]
    assert [re.sub(r"[0-9.]+ s$", "s", line) for line in shown] == [
        "» building v1  s",
        "» building v2  s",
    ]


def test_an_error_comes_after_the_step_and_gives_the_cursor_back(checkout: Checkout) -> None:
    code, _out, drawn = on_a_terminal(checkout, "down", "--name", "No")
    assert code == 64
    assert "lab: no name for a stack" in drawn
    code, _out, drawn = on_a_terminal(checkout, "down", "--all")
    assert code == 0
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h")


def test_an_error_in_the_middle_of_the_matrix_gives_the_cursor_back(checkout: Checkout) -> None:
    checkout.build("embedded")
    setup = checkout.folder / "minio" / "setup.py"
    text = setup.read_text()
    setup.write_text("raise SystemExit('planted')")
    try:
        cells = ("--strategy", "skewproof", "--scenario", "late-load")
        code, _out, drawn = on_a_terminal(checkout, "matrix", *cells)
    finally:
        setup.write_text(text)
    assert code == 69
    assert "the bucket could not be set up: planted" in drawn
    assert re.findall(r"\x1b\[\?25[lh]", drawn)[-1] == "\x1b[?25h"
