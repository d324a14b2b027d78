"""The assertion behind the page-by-page tests fails where it should: with planted faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.engine.journeys import MADE, Journeys
from tests.engine.pages import Sight, faults, look_at, wrong_pages

from lab.history import Asset, Record

pytestmark = pytest.mark.parametrize(("engine", "strategy"), MADE[:1], scope="module")

MARK, MARKS_PAGE = "img/makers-mark.svg", "/about/"
"""An asset that one page alone needs."""


@pytest.fixture(scope="module")
def healthy(journeys: Journeys, engine: str, strategy: str) -> tuple[Mapping[str, Sight], Record]:
    """All pages of v1 as they should be, and its record."""
    journey = journeys.get(engine, strategy)
    return look_at(journey.runs["before the rollout"], "v1"), journey.records["v1"]


def test_nothing_is_wrong_without_a_fault(healthy: tuple[Mapping[str, Sight], Record]) -> None:
    assert wrong_pages(*healthy) == {}


def test_one_wrong_digest_in_the_record_is_seen_on_the_pages_that_need_it(
    healthy: tuple[Mapping[str, Sight], Record],
) -> None:
    seen, record = healthy
    name = record.paths[MARK]
    assets = {**record.assets, name: Asset("0" * 64, record.assets[name].bytes)}
    assert wrong_pages(seen, replace(record, assets=assets)) == {
        MARKS_PAGE: [f"{name} has another body than v1's record says"]
    }


def test_an_asset_of_nobody_is_seen(healthy: tuple[Mapping[str, Sight], Record]) -> None:
    seen, record = healthy
    name = record.paths[MARK]
    assets = {each: asset for each, asset in record.assets.items() if each != name}
    wrong = wrong_pages(seen, replace(record, assets=assets))
    assert wrong == {MARKS_PAGE: [f"{name} is not of v1"]}


def test_a_body_that_does_not_fit_its_name_is_seen(
    healthy: tuple[Mapping[str, Sight], Record],
) -> None:
    seen, record = healthy
    (first, *others) = seen["/"].assets
    spoilt = replace(first, answer=replace(first.answer, md5="0" * 32))
    (fault,) = faults(replace(seen["/"], assets=(spoilt, *others)), record)
    assert fault.endswith("has a body that does not fit its name")


@pytest.mark.parametrize(("status", "error"), [(404, None), (500, None), (None, "reset")])
def test_a_page_or_an_asset_that_did_not_come_is_seen(
    healthy: tuple[Mapping[str, Sight], Record],
    status: int | None,
    error: str | None,
) -> None:
    seen, record = healthy
    sight = seen["/"]
    (page,), (asset, *others) = sight.pages, sight.assets
    lost = replace(asset.answer, status=status, error=error)
    came = str(status or error)
    (fault,) = faults(replace(sight, pages=(replace(page, answer=lost),)), record)
    assert fault == f"the page answered {came}"
    gone = (replace(asset, answer=lost), *others)
    (fault,) = faults(replace(sight, assets=gone), record)
    assert fault.endswith(f" answered {came}")
