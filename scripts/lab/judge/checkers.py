"""The checkers: pure functions from a history to what is wrong in it.

Each yields one `Judged` for every sighting that it can say something about. What no checker covers
is whether the history is whole; that is for the verdict.
"""

from __future__ import annotations

from lab.judge.actions import GUARD, append_only, excuse_without_publish
from lab.judge.answers import asset_resolves, miss_uncacheable, nothing_refused, page_answers
from lab.judge.contents import (
    asset_of_release,
    body_matches_hash,
    excuse_other_hashes,
    excuse_without_records,
    mime_fits,
)
from lab.judge.evidence import Checker, Evidence, Judged

CHECKERS: tuple[Checker, ...] = (
    Checker("page answers", "every page answers 200", page_answers),
    Checker("asset resolves", "every asset that a page names is there", asset_resolves),
    Checker(
        "asset of its release",
        "a page gets the assets that its own release was built with",
        asset_of_release,
        excuse_without_records,
    ),
    Checker(
        "body matches hash",
        "a hashed asset has the body that its name was made from",
        body_matches_hash,
        excuse_other_hashes,
    ),
    Checker("type fits", "an asset has a type that browsers accept for it", mime_fits),
    Checker("miss uncacheable", "no cache may keep a missing asset", miss_uncacheable),
    Checker(
        "nothing refused",
        "nothing is refused, reset, timed out or answered 502 to 504",
        nothing_refused,
    ),
    Checker(
        "append-only",
        "a publish neither rewrites nor deletes what is served",
        append_only,
        excuse_without_publish,
    ),
)

OPTIONAL: tuple[Checker, ...] = (GUARD,)
"""Those of what is done only on request; a run without it does not mention them."""

__all__ = ["CHECKERS", "OPTIONAL", "Checker", "Evidence", "Judged"]
