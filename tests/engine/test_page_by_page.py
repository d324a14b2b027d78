"""The assertion behind the page-by-page tests fails where it should: with planted faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine.buckets import publisher
from tests.engine.journeys import Journeys, crawl
from tests.engine.pages import PAGES, Sight, faults, look_at
from tests.engine.stacks import ENGINES

from lab.history import Asset, Record, read_history
from lab.stack import Stack

MARK, MARKS_PAGE = "img/makers-mark.svg", "/about/"
"""An asset that one page alone needs."""
PROMO, PROMOS_PAGE = "js/promo.js", "/cart/"


@pytest.fixture(scope="module")
def healthy(journeys: Journeys) -> tuple[Mapping[str, Sight], Record]:
    """All pages of v1 as they should be, and its record."""
    journey = journeys.get(ENGINES[0], "skewproof")
    return look_at(journey.runs["before the rollout"], "v1"), journey.records["v1"]


def wrong_pages(seen: Mapping[str, Sight], record: Record) -> dict[str, list[str]]:
    """The pages that have faults, with them."""
    return {page: found for page in PAGES if (found := faults(seen[page], record))}


class TestInWhatWasSeen:
    def test_nothing_is_wrong_without_a_fault(
        self, healthy: tuple[Mapping[str, Sight], Record]
    ) -> None:
        assert wrong_pages(*healthy) == {}

    def test_one_wrong_digest_in_the_record_is_seen_on_the_pages_that_need_it(
        self, healthy: tuple[Mapping[str, Sight], Record]
    ) -> None:
        seen, record = healthy
        name = record.paths[MARK]
        assets = {**record.assets, name: Asset("0" * 64, record.assets[name].bytes)}
        assert wrong_pages(seen, replace(record, assets=assets)) == {
            MARKS_PAGE: [f"{name} has another body than v1's record says"]
        }

    def test_an_asset_of_nobody_is_seen(self, healthy: tuple[Mapping[str, Sight], Record]) -> None:
        seen, record = healthy
        name = record.paths[MARK]
        assets = {each: asset for each, asset in record.assets.items() if each != name}
        wrong = wrong_pages(seen, replace(record, assets=assets))
        assert wrong == {MARKS_PAGE: [f"{name} is not of v1"]}

    def test_a_body_that_does_not_fit_its_name_is_seen(
        self, healthy: tuple[Mapping[str, Sight], Record]
    ) -> None:
        seen, record = healthy
        (first, *others) = seen["/"].assets
        spoilt = replace(first, answer=replace(first.answer, md5="0" * 32))
        (fault,) = faults(replace(seen["/"], assets=(spoilt, *others)), record)
        assert fault.endswith("has a body that does not fit its name")

    @pytest.mark.parametrize(("status", "error"), [(404, None), (500, None), (None, "reset")])
    def test_a_page_or_an_asset_that_did_not_come_is_seen(
        self,
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


class TestInTheBucket:
    def test_a_deleted_asset_is_seen_on_its_page_until_its_release_is_published_again(
        self, both: Stack, tmp_path: Path
    ) -> None:
        name = both.record("v1")["paths"][PROMO]
        assert publisher(both)("delete", f"static/{name}") == "done"
        try:
            broken = self.look(both, tmp_path / "broken")
        finally:
            published = both.publish("v1")
        assert published.exit_code == 0, published.log
        assert broken == {PROMOS_PAGE: [f"{name} answered 404"]}
        assert self.look(both, tmp_path / "healed") == {}

    def look(self, stack: Stack, path: Path) -> dict[str, list[str]]:
        """Visit v1, and say what is wrong."""
        run = read_history(crawl(stack, "any", path, "v1"))
        return wrong_pages(look_at(run, "v1"), run.records["v1"])
