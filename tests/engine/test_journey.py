"""Every page of both releases, before, during and after a rollout and a rollback."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from tests.engine.journeys import (
    AT_REST,
    MADE,
    ON_THE_WAY,
    Journey,
    Journeys,
    as_parameter,
)
from tests.engine.pages import PAGES, SHARED, STYLESHEETS, Broken, Disguised, Sight, faults, look_at

from lab.judge.findings import Finding, Status

MANIFEST_EACH = ("skewproof", "versioned")
"""The strategies under which each release has a manifest of its own."""


def on(*strategies: str) -> pytest.MarkDecorator:
    """Run with every journey under these strategies."""
    journeys = [as_parameter(*made) for made in MADE if made[1] in strategies]
    return pytest.mark.parametrize(("engine", "strategy"), journeys)


def at(*moments: str, strategies: Collection[str]) -> pytest.MarkDecorator:
    """Run with every journey under these strategies, at each of these moments."""
    seen = [
        as_parameter(*made, moment) for made in MADE for moment in moments if made[1] in strategies
    ]
    return pytest.mark.parametrize(("engine", "strategy", "moment"), seen)


@pytest.fixture
def journey(journeys: Journeys, engine: str, strategy: str) -> Journey:
    return journeys.get(engine, strategy)


def sight(journey: Journey, moment: str, release: str, page: str) -> Sight:
    """What was seen of a page; it must have been seen."""
    seen = look_at(journey.runs[moment], release)
    assert page in seen, f"nobody saw {release}'s {page}"
    return seen[page]


def assert_right(journey: Journey, moment: str, release: str, page: str) -> None:
    """The page and all its assets came, as the release was built."""
    seen, record = sight(journey, moment, release, page), journey.records[release]
    assert faults(seen, record) == []
    stylesheet = STYLESHEETS[page]
    if stylesheet:
        assert record.paths[stylesheet] in seen.names()
    else:
        assert seen.names() == set()


class TestTheCrawl:
    """It is worth no more than what it finds."""

    @at(*AT_REST, strategies=(*MANIFEST_EACH, "shared"))
    def test_a_visitor_finds_exactly_the_pages_of_the_list(
        self, journey: Journey, moment: str
    ) -> None:
        found = look_at(journey.runs[moment], AT_REST[moment])
        if journey.strategy == "shared":
            # A broken page names no others, but each of them is named by several.
            assert set(SHARED) == set(PAGES)
        assert set(found) == set(PAGES)

    @on(*MANIFEST_EACH, "shared")
    def test_a_visitor_finds_every_asset_of_the_shop_on_some_page(self, journey: Journey) -> None:
        moments = {"v1": "before the rollout", "v2": "after the rollout"}
        for release, moment in moments.items():
            paths = journey.records[release].paths
            shops = {name for source, name in paths.items() if not source.startswith("admin/")}
            seen = look_at(journey.runs[moment], release).values()
            assert shops - set().union(*(each.names() for each in seen)) == set()


class TestAManifestForEachRelease:
    @pytest.mark.parametrize("page", PAGES)
    @at(*AT_REST, strategies=MANIFEST_EACH)
    def test_a_page_and_all_that_it_names_are_of_its_release(
        self, journey: Journey, moment: str, page: str
    ) -> None:
        assert_right(journey, moment, AT_REST[moment], page)

    @at(*AT_REST, strategies=MANIFEST_EACH)
    def test_the_checkers_agree(self, journey: Journey, moment: str) -> None:
        assert journey.verdicts[moment].status == Status.PASS


@on("skewproof")
class TestSkewproof:
    @pytest.mark.parametrize("page", PAGES)
    @pytest.mark.parametrize("action", ON_THE_WAY)
    def test_a_page_of_either_release_is_right_at_every_moment_on_the_way(
        self, journey: Journey, action: str, page: str
    ) -> None:
        for release in ("v1", "v2"):
            assert_right(journey, action, release, page)

    @pytest.mark.parametrize("action", ON_THE_WAY)
    def test_the_verdict_is_pass_with_nothing_broken_and_nothing_refused(
        self, journey: Journey, action: str
    ) -> None:
        verdict = journey.verdicts[action]
        total = verdict.total
        assert verdict.status == Status.PASS, verdict.to_json()["checkers"]
        assert (total.broken_pages, total.broken_assets, total.wrong) == (0, 0, 0)
        assert (total.refused, total.broken_polls) == (0, 0)

    def test_the_publish_rewrites_nothing(self, journey: Journey) -> None:
        assert journey.verdicts["rollout"].finding("append-only").status == Status.PASS

    def test_the_rollback_publishes_nothing(self, journey: Journey) -> None:
        events = {event.event for event in journey.runs["rollback"].events}
        assert "publish-started" not in events
        assert {"recycled", "replica-started", "weights", "replica-stopped"} <= events


@on("versioned")
class TestVersioned:
    """The article's fix: every page resolves, and the publish rewrites what is being served."""

    def test_append_only_fails_and_names_what_the_publish_rewrote(self, journey: Journey) -> None:
        finding = journey.verdicts["rollout"].finding("append-only")
        v1, v2 = journey.records["v1"], journey.records["v2"]
        unchanged = v1.paths["css/reset.css"]
        assert unchanged == v2.paths["css/reset.css"]
        assert finding.status == Status.FAIL
        assert f"v2 {unchanged}" in finding.subjects
        assert {subject.removeprefix("v2 ") for subject in finding.subjects} <= set(v1.assets)
        assert finding.first is not None
        assert "the publish of v2 rewrote" in finding.first.sentence

    def test_no_page_breaks_or_gets_what_is_not_its_own(self, journey: Journey) -> None:
        for action in ON_THE_WAY:
            verdict = journey.verdicts[action]
            assert verdict.finding("page answers").status == Status.PASS
            assert verdict.finding("asset of its release").status == Status.PASS
            assert verdict.finding("nothing refused").status == Status.PASS

    def test_the_rollback_which_publishes_nothing_passes(self, journey: Journey) -> None:
        verdict = journey.verdicts["rollback"]
        assert verdict.status == Status.PASS, verdict.to_json()["checkers"]


class TestTheSharedManifest:
    """The control, which must fail, and as expected."""

    @pytest.mark.parametrize("page", PAGES)
    @at("before the rollout", "after the rollout", strategies=["shared"])
    def test_a_page_of_the_release_that_published_last_is_right(
        self, journey: Journey, moment: str, page: str
    ) -> None:
        assert_right(journey, moment, AT_REST[moment], page)

    @pytest.mark.parametrize("page", PAGES)
    @at("after the publish", "after the rollback", strategies=["shared"])
    def test_a_page_of_v1_breaks_as_expected(
        self, journey: Journey, moment: str, page: str
    ) -> None:
        seen = sight(journey, moment, "v1", page)
        match SHARED[page]:
            case Broken(missing):
                (answer,) = [fetch.answer for fetch in seen.pages]
                assert answer.status == 500
                assert f"Missing staticfiles manifest entry for '{missing}'" in str(answer.excerpt)
                assert missing in journey.records["v1"].paths
                assert missing not in journey.records["v2"].paths
            case Disguised(stylesheet):
                own, others = (journey.records[release] for release in ("v1", "v2"))
                assert {fetch.answer.status for fetch in seen.pages + seen.assets} == {200}
                assert others.paths[stylesheet] in seen.names()
                assert own.paths[stylesheet] not in seen.names()
                assert f"{others.paths[stylesheet]} is not of v1" in faults(seen, own)
            case None:
                assert_right(journey, moment, "v1", page)

    @at("after the publish", "after the rollback", *ON_THE_WAY, strategies=["shared"])
    def test_the_checkers_fail_and_name_what_broke(self, journey: Journey, moment: str) -> None:
        verdict = journey.verdicts[moment]
        broken = {f"v1 {page}" for page, what in SHARED.items() if isinstance(what, Broken)}
        stylesheets = {
            f"v1 {journey.records['v2'].paths[what.stylesheet]}"
            for what in SHARED.values()
            if isinstance(what, Disguised)
        }
        assert verdict.status == Status.FAIL
        self.assert_failed(verdict.finding("page answers"), broken, "500")
        self.assert_failed(verdict.finding("asset of its release"), stylesheets, "v2's")

    def assert_failed(self, finding: Finding, subjects: set[str], kind: str) -> None:
        """It failed in this way alone, and for all of these."""
        assert finding.status == Status.FAIL
        assert [other for other in finding.kinds if not other.startswith(kind)] == []
        assert subjects <= set(finding.subjects)

    @at(*ON_THE_WAY, strategies=["shared"])
    def test_no_page_of_v2_breaks(self, journey: Journey, moment: str) -> None:
        tally = journey.verdicts[moment].releases["v2"]
        assert (tally.broken_pages, tally.wrong, tally.refused) == (0, 0, 0)
