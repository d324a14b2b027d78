"""References are found where Django's patterns find them, without trying every character."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.skewproof.comparison import Aggregating

from skewproof.publishing.references import find_prefix, substitute

PIECES = (
    *("url(", "URL(x)", "url( 'a' )", 'url("b)', "@import", "@import 'c.css';", '@IMPORT "d"'),
    *("//# sourceMappingURL=e.map", "/*# sourceMappingURL=f.map */", "/*# sourcemappingurl=g */"),
    *("import x from './h.js'", "export * from './i.js'", "import('./j.js')", "'", "\n", "*/"),
)
LETTERS = "\u0131\u0130\u017f\u212a\u00e9"
"""Some of them match i, s or k where case is ignored."""


@cache
def patterns_of(cls: Any) -> list[re.Pattern[str]]:
    """Return the patterns that Django makes of those of a class."""
    storage = cls(location="/nowhere", base_url="/static/")
    return [each[0] for some in storage._patterns.values() for each in some]


def mark(match: re.Match[str]) -> str:
    return f"<{match['matched']}|{match['url']}>"


@given(st.lists(st.sampled_from(PIECES) | st.sampled_from(LETTERS)).map("".join))
def test_all_that_a_pattern_matches_is_replaced_and_nothing_else(content: str) -> None:
    for pattern in patterns_of(ManifestStaticFilesStorage) + patterns_of(Aggregating):
        assert substitute(pattern, mark, content) == pattern.sub(mark, content)


def test_the_prefix_of_what_is_always_there_is_known() -> None:
    prefixes = {find_prefix(each) for each in patterns_of(ManifestStaticFilesStorage)}
    assert {"url(", "@import", "//# ", "/*#"} <= prefixes
    assert "" not in prefixes


@pytest.mark.parametrize(
    ("pattern", "flags", "prefix"),
    [
        ("(?P<matched>a|b)", re.IGNORECASE, ""),
        ("(a?)b", re.IGNORECASE, ""),
        ("((aB*))c", re.IGNORECASE, "a"),
        ("((AB))c^d", re.IGNORECASE, "abcd"),
        ("Ab", 0, "Ab"),
        ("(?i:a)b", 0, ""),
        ("a(?-i:B)", re.IGNORECASE, "a"),
        ("(x)(?:y)z", re.IGNORECASE, "xyz"),
        ("x{2}y", re.IGNORECASE, ""),
        ("(?=a)b", re.IGNORECASE, ""),
        ("(?<=a)b", re.IGNORECASE, ""),
        ("\u00e9a", re.IGNORECASE, ""),
    ],
)
def test_only_what_every_match_begins_with_is_a_prefix(
    pattern: str, flags: int, prefix: str
) -> None:
    assert find_prefix(re.compile(pattern, flags)) == prefix
