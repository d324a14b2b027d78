"""The checkers: pure functions from a history to what is wrong in it.

Each yields one `Judgement` for every fetch or event that it can say something about. Whether the
history is whole is for `check_wholeness` to say.
"""

from __future__ import annotations

from lab.judge.actions import GUARD, excuse_without_publish, judge_publishes
from lab.judge.answers import judge_assets, judge_connections, judge_misses, judge_pages
from lab.judge.contents import (
    excuse_other_hashes,
    excuse_without_records,
    judge_bodies,
    judge_releases,
    judge_types,
)
from lab.judge.evidence import Checker

CHECKERS: tuple[Checker, ...] = (
    Checker("page answers", "every page answers 200", judge_pages),
    Checker("asset resolves", "every asset that a page names is there", judge_assets),
    Checker(
        "asset of its release",
        "a page gets the assets that its own release was built with",
        judge_releases,
        excuse_without_records,
    ),
    Checker(
        "body matches hash",
        "a hashed asset has the body that its name was made from",
        judge_bodies,
        excuse_other_hashes,
    ),
    Checker("type fits", "an asset has a type that browsers accept for it", judge_types),
    Checker("miss uncacheable", "no cache may keep a missing asset", judge_misses),
    Checker(
        "nothing refused",
        "nothing is refused, reset, timed out or answered 502 to 504",
        judge_connections,
    ),
    Checker(
        "append-only",
        "a publish neither rewrites nor deletes what is served",
        judge_publishes,
        excuse_without_publish,
    ),
)

OPTIONAL: tuple[Checker, ...] = (GUARD,)
"""Those of what is done only on request; a run without it does not mention them."""
