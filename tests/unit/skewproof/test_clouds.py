"""The promises on Google Cloud and Azure, as far as their protocols differ from that of S3."""

from __future__ import annotations

import functools
import mimetypes
import mmap
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError
from tests.unit.skewproof import injection
from tests.unit.skewproof.clouds import failure, find_write, find_writes
from tests.unit.skewproof.injection import FIRST, NEXT
from tests.unit.skewproof.proxy import Failure, at

from skewproof.checks.storage import check_options
from skewproof.errors import ManifestError, StoreError
from skewproof.publishing.collection import IMMUTABLE
from skewproof.stores import bucket
from skewproof.stores.store import Stored, md5, run_parallel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.skewproof.clouds import CloudPlace
    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Fault, Request

pytestmark = pytest.mark.engine

MANIFEST = "releases/v1/staticfiles.json"


def prepared(project: Project) -> dict[str, Any]:
    """Publish v1, make it v2, and return what no publish of v2 may touch."""
    project.write(FIRST)
    project.publish("v1")
    project.write(NEXT)
    return guarded(project)


def guarded(project: Project) -> dict[str, Any]:
    names = {f"static/{name}" for name in project.manifest("v1")["paths"].values()} | {MANIFEST}
    return {key: entry for key, entry in project.place.entries().items() if key in names}


def is_whole(project: Project, release: str) -> bool:
    """Return whether the release is there; if it is, it has to be whole."""
    there = f"releases/{release}/staticfiles.json" in project.place.entries()
    if there:
        project.assert_whole(release)
    return there


REQUESTS = injection.REQUESTS - 1  # nobody doubts their conditional writes


def test_a_publish_needs_as_many_requests_as_on_s3_and_may_fail_at_each(
    cloud_project: Project, cloud: CloudPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, place = cloud_project, cloud_project.place
    before = prepared(project)
    copies = {name: place.read(name) for name in place.entries().keys() - before.keys()}
    monkeypatch.setattr(bucket, "RETRIES", 0)
    # The last two are about the intent, which may stay, and to look again.
    for number in range(1, REQUESTS - 1):
        fault: Fault = ("dead", 503)[number % 2]
        cloud.proxy.reset(at(number, fault))
        with pytest.raises(CommandError) as caught:
            project.publish("v2")
        cloud.proxy.reset(at(0, None))
        assert caught.value.returncode == 4
        assert "\n" not in str(caught.value)
        assert guarded(project) == before
        assert not is_whole(project, "v2")
        for name in place.entries().keys() - before.keys() - copies.keys():
            place.delete(name)
        for name, content in copies.items():
            place.write(name, content)
    assert f"{REQUESTS} requests" in project.publish("v2")


def test_a_publish_writes_what_is_new_on_condition_and_its_copies_over_the_old_ones(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    prepared(cloud_project)
    cloud.proxy.reset(at(0, None))
    cloud_project.publish("v2")
    copies = tuple(f"/{name}" for name in NEXT)
    writes = find_writes(cloud.proxy)
    assert len(writes) == 7
    assert len([each for each in writes if each.key.endswith(copies)]) == 2
    for each in writes:
        assert each.is_conditional != each.key.endswith(copies)


def test_a_publish_outlives_a_fault_that_passes_at_every_request(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    before = prepared(cloud_project)
    failed: set[tuple[str, str]] = set()

    def plan(_: int, request: Request) -> Fault:
        write = find_write(request)
        asked = (request.method, write.key if write else request.path.partition("?")[0])
        if asked in failed:
            return None
        failed.add(asked)
        return "unanswered" if write else 503

    cloud.proxy.reset(plan)
    cloud_project.publish("v2")
    cloud.proxy.reset(at(0, None))
    assert guarded(cloud_project) == before
    cloud_project.assert_whole("v2")


def test_a_conflict_that_is_not_about_the_name_is_no_file_that_is_there(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    """Azure answers 409 for containers that are being deleted, and for much else."""
    prepared(cloud_project)

    def plan(_: int, request: Request) -> Fault:
        write = find_write(request)
        is_asset = write and "/d." in write.key
        return Failure(409, code="ContainerBeingDeleted") if is_asset else None

    cloud.proxy.reset(plan)
    with pytest.raises(CommandError, match=r"409 Conflict \(ContainerBeingDeleted\)"):
        cloud_project.publish("v2")
    cloud.proxy.reset(at(0, None))
    assert not is_whole(cloud_project, "v2")


def test_a_file_has_its_type_and_a_hashed_one_is_cached_for_ever(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    cloud_project.options = {
        "object_parameters": {"cache_control": "max-age=60", "content_language": "de"}
    }
    cloud_project.publish("v1")
    asset = cloud_project.manifest("v1")["paths"]["css/site.css"]
    hashed, copy = cloud.headers(f"static/{asset}"), cloud.headers("static/css/site.css")
    assert (hashed["cache-control"], hashed["content-type"]) == (IMMUTABLE, "text/css")
    assert (copy["cache-control"], copy["content-type"]) == ("max-age=60", "text/css")
    assert hashed["content-language"] == copy["content-language"] == "de"


@pytest.mark.parametrize(
    "fault",
    ["lost", Failure("silence"), 503, 403],
    ids=lambda fault: str(getattr(fault, "how", fault)),
)
def test_a_store_that_fails_is_told_from_one_that_refuses_and_not_waited_for(
    fault: Fault, cloud_project: Project, cloud: CloudPlace
) -> None:
    cloud_project.publish("v1")
    storage = cloud_project.storage()
    cloud.proxy.reset(lambda number, request: fault)  # noqa: ARG005
    started = time.monotonic()
    error = failure(cloud_project, storage)
    # Two seconds, and slack for a busy machine; Google's and Azure's libraries wait for a minute.
    assert time.monotonic() - started < 20
    assert error.reason == ("forbidden" if fault == 403 else "unreachable")
    assert len(cloud.proxy.requests) == 1
    cloud.proxy.reset(at(0, None))
    with cloud_project.active("v1"):
        assert healed(storage, started + 60).endswith(".css")


def healed(storage: Any, deadline: float) -> str:
    """Return a URL once there is one: what was asked of the silent store may still have to end."""
    while True:
        try:
            return str(storage.url("css/site.css"))
        except ManifestError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_what_cannot_be_sent_is_refused_and_named(cloud_project: Project) -> None:
    cloud_project.options = {"object_parameters": {"temperature": "cold"}}
    with pytest.raises(CommandError, match="cannot send temperature"):
        cloud_project.publish("v1")
    with cloud_project.active("v1"):
        assert [message.id for message in check_options()] == ["skewproof.E003"]
    assert not cloud_project.place.entries()


def test_a_type_that_the_project_adds_is_sent(
    cloud_project: Project, cloud: CloudPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mimetypes, "_db", mimetypes.MimeTypes())
    mimetypes.add_type("model/gltf-own", ".own")
    cloud_project.write({"a.own": "a", "b.nobody-knows": "b"})
    cloud_project.publish("v1")
    assert cloud.headers("static/a.own")["content-type"] == "model/gltf-own"
    assert cloud.headers("static/b.nobody-knows")["content-type"] == "application/octet-stream"


def test_keys_that_no_file_could_have_are_left_alone(
    cloud_project: Project, cloud: CloudPlace
) -> None:
    for key in ("static/img//logo.png", "static/img/a\tb.png", "static/img/"):
        cloud.write(key, b"")
    cloud_project.publish("v1")
    with cloud_project.active("v1"):
        names = cloud_project.storage().open_store(0).list_assets()
    assert len(names) == 14 + 1  # the claim
    assert cloud.read("static/img//logo.png") == b""


def test_the_threads_keep_their_connections(
    cloud_project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with cloud_project.active("v1"):
        store = cloud_project.storage().open_store(0)
        names = [f"{number}.css" for number in range(100)]
        work = functools.partial(store.create_asset, body=b"", headers={})
        assert all(run_parallel(work, names, store.workers))
        store.delete_assets(names)
    assert not [each for each in caplog.messages if "pool is full" in each]


def test_a_large_file_is_sent_again_from_its_beginning(
    cloud_project: Project, cloud: CloudPlace, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(b"large" * 20_000)
    with (
        cloud_project.active("v1"),
        (tmp_path / "large").open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body,
    ):
        store = cloud_project.storage().open_store(len(body))
        cloud.proxy.reset(at(1, 503))
        assert store.create_asset("large", body, {})
        store.replace_asset("copy", body, {})
        listed = store.list_assets()
        assert store.holds("large", listed["large"], Stored(len(body), md5(body)))
        assert store.holds("copy", listed["copy"], Stored(len(body), md5(body)))
    assert cloud.read("static/large") == cloud.read("static/copy") == b"large" * 20_000


def test_a_prune_that_is_refused_says_so_and_what_has_gone_already_counts_as_deleted(
    cloud_project: Project, cloud: CloudPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "RETRIES", 0)
    cloud_project.publish("v1")
    with cloud_project.active("v1"):
        store = cloud_project.storage().open_store(0)
        store.delete_assets(["nowhere.css", "css/site.css"])
        assert store.is_sure
        assert "css/site.css" not in store.list_assets()
        cloud.proxy.reset(lambda number, request: 403)  # noqa: ARG005
        with pytest.raises(StoreError, match=r"deleting .*img/logo\.svg .*403"):
            store.delete_assets(["img/logo.svg"])
        assert store.is_sure  # as it was answered
    cloud.proxy.reset(at(0, None))
    assert "static/img/logo.svg" in cloud.entries()
