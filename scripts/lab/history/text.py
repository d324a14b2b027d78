"""Text of strangers, made fit to be shown: a terminal obeys what it is sent."""

from __future__ import annotations

import re
from typing import Any

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""What moves a cursor, sets a title or a colour, or lets letters stand in another order, and what
nobody sees; all but the tab and the end of a line."""


def show_plainly(text: str) -> str:
    """Return a text with a sign in the place of each control character."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def show_all_plainly(value: Any) -> Any:
    """Return a JSON document with all its texts so."""
    if isinstance(value, str):
        return show_plainly(value)
    if isinstance(value, dict):
        return {show_plainly(name): show_all_plainly(each) for name, each in value.items()}
    return [show_all_plainly(each) for each in value] if isinstance(value, list) else value
