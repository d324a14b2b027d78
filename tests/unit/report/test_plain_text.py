"""A terminal obeys what it is sent: what strangers say comes out without control characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from lab.commands.tables import render_verdict
from lab.history import Answer, Fetch, Header, History, show_plainly
from lab.judge.verdict import judge_history
from lab.report.document import make_report
from lab.report.forms import render_json, render_junit, render_markdown
from lab.report.page import render_page
from lab.report.sources import Source

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eexe\u2066\u200f[/red][link=x]\r\x00\ud800"
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A history in which every text is a stranger's."""
    path = tmp_path / "evil.jsonl"
    answer = Answer(status=500, content_type=EVIL, cache_control=f"max-age=9{EVIL}", excerpt=EVIL)
    shared = {"page": f"http://x/{EVIL}", "via": None, "release": EVIL, "visitor": "1"}
    url = f"http://x/{EVIL}"
    with History(path) as written:
        written.begin(
            Header(strategy=None, engine=None, action="probe", base=url, static=None, started=EVIL)
        )
        written.add_fetch(Fetch(t=0, role="page", url=url, how="seed", answer=answer, **shared))
        written.add_fetch(Fetch(t=1, role="asset", url=url, how="img", answer=answer, **shared))
        written.add_event("forbidden", what=EVIL, role="asset")
        written.add_event("unseen", what=EVIL, why=EVIL)
        written.add_event("backed-off", url=EVIL, status=429, seconds=3)
        written.end()
    return path


@pytest.mark.parametrize("render", [render_page, render_markdown, render_json, render_junit])
def test_no_form_of_a_report_has_a_control_character(history: Path, render: object) -> None:
    text = render(make_report([Source(history)]))  # type: ignore[operator]
    assert "owned" in text
    assert CONTROL.search(text.replace("\r", "")) is None or render is render_page
    if render is render_page:
        shown = re.sub(r"<(script|style)>.*?</\\1>", "", text, flags=re.DOTALL)
        assert CONTROL.search(shown) is None


def test_the_terminal_gets_no_control_character_and_no_markup(history: Path) -> None:
    console = Console(width=300, force_terminal=False)
    with console.capture() as captured:
        console.print(render_verdict(judge_history(history)))
    assert "owned" in captured.get()
    assert "[/red]" in captured.get()
    assert CONTROL.search(captured.get()) is None


def test_plain_text_stays_as_it_is() -> None:
    assert show_plainly("Füße\t日本語\n🎉") == "Füße\t日本語\n🎉"
