"""Replacing what a pattern of Django's matches, looking only where a match can begin.

Django's patterns ignore case, and Python tries such a pattern at every character. All of them begin
with a few characters that are always the same, which is what is looked for here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def substitute(
    pattern: re.Pattern[str], convert: Callable[[re.Match[str]], str], content: str
) -> str:
    """Return what ``pattern.sub(convert, content)`` returns, sooner."""
    prefix = find_prefix(pattern)
    if not prefix or not content.isascii():  # other letters than ASCII's may match one of those
        return pattern.sub(convert, content)
    text = content.lower() if pattern.flags & re.IGNORECASE else content
    parts: list[str] = []
    done = 0
    begin = text.find(prefix)
    while begin >= 0:
        if match := pattern.match(content, begin):
            parts += content[done:begin], convert(match)
            done = match.end()
        begin = text.find(prefix, max(done, begin + 1))
    return "".join([*parts, content[done:]])


@cache
def find_prefix(pattern: re.Pattern[str]) -> str:
    """Return what every match begins with, in lower case if case does not matter; or nothing."""
    try:
        # ADR 29: Python's own reading of a pattern has no public name.
        from re import _parser  # type: ignore[attr-defined]

        found = "".join(read_literals(_parser.parse(pattern.pattern, pattern.flags)))
    except Exception:  # whatever a later Python does, a pattern works without
        return ""
    prefix = found.lower() if pattern.flags & re.IGNORECASE else found
    return prefix if prefix.isascii() else ""


def read_literals(parsed: Any) -> Iterator[str]:
    """Yield the characters that a parsed pattern begins with, up to the first that may vary."""
    for operation, value in flatten(parsed):
        if operation == "LITERAL":
            yield chr(value)
        elif operation != "AT":
            return


def flatten(parsed: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a parsed pattern, those of groups in their place."""
    for operation, value in parsed:
        if str(operation) == "SUBPATTERN" and not value[1] and not value[2]:  # it changes no flags
            yield from flatten(value[3])
        else:
            yield str(operation), value
