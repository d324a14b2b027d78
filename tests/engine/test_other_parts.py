"""A rollout and a rollback with other parts than usual: the newest Django, and SeaweedFS."""

from __future__ import annotations

import pytest
from tests.engine.journeys import AT_REST, ON_THE_WAY, Journey, make
from tests.engine.pages import PAGES, look_at, wrong_pages
from tests.machine import lacks

from lab.judge.findings import Status
from lab.stacks import embedded

DJANGO = "6.1"


def on_the_newest_django() -> Journey:
    """In containers, whose image of a release knows its Django."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO", DJANGO)
        made = make("compose", "skewproof", label=f"django{DJANGO}", replicas=1)
    assert {str(record.django)[:3] for record in made.records.values()} == {DJANGO}
    return made


def on_seaweedfs() -> Journey:
    """Embedded, where it is taken if there is no MinIO; here there is one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "store_kind", lambda: "seaweedfs")
        return make("embedded", "skewproof", label="seaweedfs", replicas=1)


# Without a MinIO every embedded journey is one on SeaweedFS.
MADE_OF = {
    "the newest Django": (on_the_newest_django, ("compose",)),
    "SeaweedFS": (on_seaweedfs, ("embedded", "minio", "seaweedfs")),
}
HERE = {name: journey for name, (journey, needs) in MADE_OF.items() if not any(map(lacks, needs))}


@pytest.fixture(scope="module", params=HERE)
def journey(request: pytest.FixtureRequest) -> Journey:
    return HERE[request.param]()


@pytest.mark.parametrize("moment", [*AT_REST, *ON_THE_WAY])
def test_the_verdict_is_pass(journey: Journey, moment: str) -> None:
    assert journey.verdicts[moment].status == Status.PASS


@pytest.mark.parametrize("moment", AT_REST)
def test_every_page_and_all_that_it_names_are_of_its_release(journey: Journey, moment: str) -> None:
    release = AT_REST[moment]
    seen, record = look_at(journey.runs[moment], release), journey.records[release]
    assert set(seen) == set(PAGES)
    assert wrong_pages(seen, record) == {}
