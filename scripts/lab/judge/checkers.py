"""The checkers: pure functions from a history to what is wrong in it.

Each yields one `Judgement` for every fetch or event that it can say something about. Whether the
history is whole is for `check_wholeness` to say.
"""

from __future__ import annotations

from lab.judge.actions import GUARD, ROLL, excuse_without_publish, judge_publishes
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
    Checker(name="page answers", promise="every page answers 200", judge=judge_pages),
    Checker(
        name="asset resolves", promise="every asset that a page names is there", judge=judge_assets
    ),
    Checker(
        name="asset of its release",
        promise="a page gets the assets that its own release was built with",
        judge=judge_releases,
        excuse=excuse_without_records,
    ),
    Checker(
        name="body matches hash",
        promise="a hashed asset has the body that its name was made from",
        judge=judge_bodies,
        excuse=excuse_other_hashes,
    ),
    Checker(
        name="type fits",
        promise="an asset has a type that browsers accept for it",
        judge=judge_types,
    ),
    Checker(
        name="miss uncacheable", promise="no cache may keep a missing asset", judge=judge_misses
    ),
    Checker(
        name="nothing refused",
        promise="nothing is refused, reset, timed out or answered 502 to 504",
        judge=judge_connections,
    ),
    Checker(
        name="append-only",
        promise="a publish neither rewrites nor deletes what is served",
        judge=judge_publishes,
        excuse=excuse_without_publish,
    ),
)

OPTIONAL: tuple[Checker, ...] = (ROLL, GUARD)
"""Those of what only some runs have; the others do not mention them."""
