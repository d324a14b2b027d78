from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.probe.html import SPACE, parse_srcset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , , ", []),
        ("a.png", ["a.png"]),
        ("a.png 1x, b.png 2x", ["a.png", "b.png"]),
        ("a.png 320w,b.png 640w", ["a.png", "b.png"]),
        ("a.png,b.png", ["a.png,b.png"]),  # a comma inside a URL belongs to it
        ("a.png, b.png", ["a.png", "b.png"]),
        ("a.png,, b.png", ["a.png", "b.png"]),
        ("data:image/png;base64,AA== 1x, b.png 2x", ["data:image/png;base64,AA==", "b.png"]),
        ("a.png 1x 2x, b.png", ["b.png"]),
        ("a.png 0w, b.png 1w", ["b.png"]),
        ("a.png -1x, b.png 1.5e0x", ["b.png"]),
        ("a.png 100w 50h, b.png 50h", ["a.png"]),
        ("a.png (1x, 2x) , b.png", ["b.png"]),
        ("a.png what, b.png 1q, c.png", ["c.png"]),
        ("\n a.png\t1x\n,\n b.png\f2x ", ["a.png", "b.png"]),
        ("a.png " + "9" * 5000 + "w", ["a.png"]),
    ],
)
def test_candidates_are_split_as_by_the_standard(text: str, expected: list[str]) -> None:
    assert parse_srcset(text) == expected


spaces = st.text(st.sampled_from(SPACE), min_size=1, max_size=3)
names = st.text(
    st.characters(codec="utf-8", exclude_characters=SPACE), min_size=1, max_size=20
).filter(lambda name: not name.startswith(",") and not name.endswith(","))
descriptors = st.one_of(
    st.integers(1, 10**6).map(lambda width: f"{width}w"),
    st.floats(0, 10, allow_nan=False).map(lambda density: f"{density:.3f}x"),
)


@given(st.lists(st.tuples(spaces, names, spaces, descriptors, spaces), max_size=6))
def test_what_is_written_as_candidates_is_read_back(
    candidates: list[tuple[str, str, str, str, str]],
) -> None:
    text = ",".join("".join(candidate) for candidate in candidates)
    assert parse_srcset(text) == [candidate[1] for candidate in candidates]


@given(st.text(st.sampled_from("a, (1wx\n.)-h")))
def test_any_text_yields_urls_without_spaces(text: str) -> None:
    for url in parse_srcset(text):
        assert url
        assert not set(url) & set(SPACE)
        assert not url.startswith(",")
        assert not url.endswith(",")
