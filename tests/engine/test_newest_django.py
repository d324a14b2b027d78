"""A rollout and a rollback in containers on the newest Django."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engine.journeys import AT_REST, ON_THE_WAY, Journey, make
from tests.engine.pages import PAGES, faults, look_at

from lab.findings import Status

DJANGO = "6.1"


@pytest.fixture(scope="module")
def journey() -> Iterator[Journey]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO", DJANGO)
        yield make("compose", "skewproof", django=DJANGO, replicas=1)


def test_the_releases_were_built_with_it(journey: Journey) -> None:
    assert {str(record.django)[:3] for record in journey.records.values()} == {DJANGO}


@pytest.mark.parametrize("moment", [*AT_REST, *ON_THE_WAY])
def test_the_verdict_is_pass(journey: Journey, moment: str) -> None:
    assert journey.verdicts[moment].status == Status.PASS


@pytest.mark.parametrize("moment", AT_REST)
def test_every_page_and_all_that_it_names_are_of_its_release(journey: Journey, moment: str) -> None:
    release = AT_REST[moment]
    seen, record = look_at(journey.runs[moment], release), journey.records[release]
    assert set(seen) == set(PAGES)
    assert {page: found for page in PAGES if (found := faults(seen[page], record))} == {}
