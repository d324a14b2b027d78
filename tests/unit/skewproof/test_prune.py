"""Pruning as a user does it, on real stores."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command
from tests.unit.skewproof.proxy import at
from tests.unit.skewproof.pruning import (
    NOW,
    delete,
    deletes,
    own,
    publish_all,
    releases_there,
    run,
    store_of,
)

from skewproof.errors import StoreError
from skewproof.publishing.prune import plan_prune, prune
from skewproof.publishing.retention import Policy
from skewproof.stores import bucket as patience

if TYPE_CHECKING:
    from tests.unit.skewproof.places import BucketPlace
    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Fault, Proxy


@pytest.mark.usefixtures("everywhere")
def test_only_what_no_release_that_stays_has_is_deleted(project: Project) -> None:
    publish_all(project, "v1", "v2", "v3")
    before = project.place.entries()
    gone = own(project, "v1") | {"releases/v1/staticfiles.json"}
    out = delete(project, "--keep", "2")
    assert project.place.entries() == {key: before[key] for key in before.keys() - gone}
    assert "deleted 1 release and 2 files" in out
    for release in ("v2", "v3"):
        project.assert_whole(release)


def test_by_default_the_plan_is_shown_and_nothing_is_deleted(project: Project) -> None:
    publish_all(project, "v1", "v2", "v3")
    before = project.place.entries()
    lines = run(project, "prune_releases", *NOW, "--keep", "1").splitlines()
    assert project.place.entries() == before
    assert lines[0].startswith("3 releases in ")
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["keep", "v3"],
        ["delete", "v2"],
        ["delete", "v1"],
    ]
    assert "it is running here" in lines[2]
    assert "replaced less than a minute ago" in lines[4]
    assert len([line for line in lines if "/logo." in line]) == 2
    assert lines[-1].startswith("would delete 2 releases and 4 files, ")
    assert lines[-1].endswith("(dry run; --delete really does it)")


def test_a_release_that_was_replaced_lately_stays_by_default(project: Project) -> None:
    publish_all(project, "v1", "v2", "v3")
    out = run(project, "prune_releases", "--keep", "1", "--delete")
    assert "replaced only less than a minute ago" in out
    assert out.splitlines()[-1] == "nothing to delete"
    assert releases_there(project) == {"v1", "v2", "v3"}


def test_the_running_and_the_named_release_stay(project: Project) -> None:
    publish_all(project, "v1", "v2", "v3", "v4")
    delete(project, "--keep", "1", "--keep-release", "v2", release="v1")
    assert releases_there(project) == {"v1", "v2", "v4"}
    for release in ("v1", "v2", "v4"):
        project.assert_whole(release)


@pytest.mark.usefixtures("everywhere")
def test_a_pruned_release_can_be_published_again(project: Project) -> None:
    publish_all(project, "v1", "v2")
    delete(project, "--keep", "1", release="v2")
    assert releases_there(project) == {"v2"}
    publish_all(project, "v1")
    for release in ("v1", "v2"):
        project.assert_whole(release)


def test_pruning_again_has_nothing_to_do(project: Project) -> None:
    publish_all(project, "v1", "v2")
    delete(project, "--keep", "1", release="v2")
    before = project.place.entries()
    assert delete(project, "--keep", "1", release="v2").endswith("nothing to delete\n")
    assert project.place.entries() == before


def test_files_that_nothing_of_ours_ever_named_are_left_alone_and_counted(project: Project) -> None:
    project.place.write("static/robots.txt", b"all")
    project.place.write("static/promo.0123456789ab.png", b"promo")
    publish_all(project, "v1", "v2")
    out = delete(project, "--keep", "1", release="v2")
    assert "files that no release ever had, left alone: 2" in out
    out = delete(project, "--keep", "1", "--orphans", release="v2")
    assert "nothing to delete" in out  # the one that looks like ours is younger than the grace
    assert project.place.read("static/promo.0123456789ab.png") == b"promo"


def test_what_a_publish_left_that_died_goes_after_the_grace_and_not_before(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_all(project, "v2")
    with monkeypatch.context() as patched:
        patched.setattr("skewproof.publishing.publish.write_manifest", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish_all(project, "v3")
    logo = {key for key in project.place.entries() if "logo." in key}
    assert len(logo) == 3
    policy = Policy(keep=1, running="v2", min_age=timedelta())
    store = project.storage().open_store(0)
    assert "nothing to delete" in delete(project, "--keep", "1", release="v2")
    plan = plan_prune(store, policy, datetime.now(UTC) + timedelta(days=2))
    assert len(plan.files) == 2
    # By the store's own clock the publish may still be running, and that is what counts.
    assert prune(plan, store, policy).files == 0
    project.assert_whole("v2")


def test_the_table_shows_what_each_release_costs(project: Project) -> None:
    publish_all(project, "v1", "v2", "v3")
    lines = run(project, "releases").splitlines()
    assert lines[0].split() == ["RELEASE", "PUBLISHED", "(UTC)", "FILES", "BYTES", "SHARED", "OWN"]
    assert [line.split()[0] for line in lines[1:]] == ["v3", "v2", "v1"]
    assert lines[1].startswith("v3 *")
    found = json.loads(run(project, "releases", "--json"))
    assert [each["id"] for each in found] == ["v3", "v2", "v1"]
    for each in found:
        sizes = {name: len(project.place.read(name)) for name in own(project, each["id"])}
        assert each["own"] == sum(sizes.values())
        assert each["files"] == 7
        assert each["own"] + each["shared"] == each["bytes"]
        assert each["bytes"] == project.manifest(each["id"])["bytes"]
        assert each["running"] == (each["id"] == "v3")
        assert each["missing"] == []
        assert each["error"] is None
        age = datetime.now(UTC) - datetime.fromisoformat(each["published"])
        assert abs(age) < timedelta(hours=1)


def test_the_table_says_which_release_lacks_a_file_or_cannot_be_read(project: Project) -> None:
    publish_all(project, "v1", "v2")
    lost = min(own(project, "v1"))
    project.place.delete(lost)
    project.place.delete("releases/v2/staticfiles.json")
    project.place.write("releases/v2/staticfiles.json", b"{")
    out = run(project, "releases")
    assert f"release v1 lacks 1 of its files, such as {lost.removeprefix('static/')}" in out
    assert "release v2: the manifest at" in out
    assert json.loads(run(project, "releases", "--json"))[1]["missing"] == [lost[7:]]


def test_an_empty_store_has_no_releases_and_nothing_to_prune(project: Project) -> None:
    assert run(project, "releases").startswith("no release in ")
    assert "nothing to delete" in delete(project, "--keep", "1")


def test_nothing_is_deleted_while_a_release_that_stays_cannot_be_read(project: Project) -> None:
    publish_all(project, "v1", "v2")
    project.place.write("releases/v3/staticfiles.json", b"{")
    before = project.place.entries()
    with pytest.raises(CommandError, match="what it reaches cannot be told") as caught:
        delete(project, "--keep", "1")
    assert caught.value.returncode == 3
    assert "\n" not in str(caught.value)
    assert project.place.entries() == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--keep", "0"], "--keep 0: at least the newest"),
        (["--keep", "-1"], "--keep -1: at least the newest"),
        (["--keep", "some"], "invalid int value"),
        ([], "required: --keep"),
        (["--keep", "1", "--min-age", "7"], "'7' is no length of time such as 7d"),
        (["--keep", "1", "--min-age", "-7d"], "expected one argument"),
        (["--keep", "1", "--grace", "5m"], "--grace has to be at least 1 hour"),
        (["--keep", "1", "--keep-release", "v9"], "--keep-release v9: there is no such release"),
    ],
)
def test_nonsense_is_refused_in_one_line(
    arguments: list[str], complaint: str, directory_project: Project
) -> None:
    publish_all(directory_project, "v1", "v2")
    before = directory_project.place.entries()
    with pytest.raises(CommandError, match=complaint) as caught:
        run(directory_project, "prune_releases", *arguments, "--delete")
    assert caught.value.returncode == 1
    assert "\n" not in str(caught.value)
    assert directory_project.place.entries() == before


@pytest.mark.parametrize("command", [("releases",), ("prune_releases", "--keep", "1")])
def test_a_storage_that_knows_no_releases_is_refused(
    command: tuple[str, ...], directory_project: Project
) -> None:
    backend = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    with (
        directory_project.active("v1", STORAGES={"staticfiles": {"BACKEND": backend}}),
        pytest.raises(CommandError, match="which knows no releases"),
    ):
        call_command(*command)


def test_without_a_release_id_nobody_knows_what_is_running(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_all(directory_project, "v1", "v2")
    with directory_project.active("v1"):
        monkeypatch.delenv("RELEASE_ID")
        with pytest.raises(CommandError, match="no release id"):
            call_command("prune_releases", "--keep", "1")


def test_an_identity_that_may_only_read_is_told_so(
    s3_project: Project, bucket: BucketPlace
) -> None:
    publish_all(s3_project, "v1", "v2")
    s3_project.options = dict(bucket.identity("web"))
    with pytest.raises(CommandError, match=r"\(AccessDenied\): .*; nothing was deleted") as caught:
        delete(s3_project, "--keep", "1")
    assert caught.value.returncode == 4


def test_a_deletion_that_is_refused_is_not_asked_for_again(
    s3_project: Project, bucket: BucketPlace
) -> None:
    store = store_of(s3_project, **bucket.identity("web"))
    with pytest.raises(StoreError, match="Access Denied"):
        store.delete_private(["_intents/one.json"])
    assert store.is_sure


def test_a_prune_needs_few_requests(watched: Project, proxy: Proxy) -> None:
    publish_all(watched, "v1", "v2", "v3")
    proxy.reset(at(0, None))
    out = delete(watched, "--keep", "1")
    # The plan: 2 listings, 3 manifests, 1 listing of assets. Then 1 intent and 2 listings, and a
    # request each to delete the manifests, the assets and the intent.
    assert len(proxy.requests) == 6 + 3 + 3
    assert f"{len(proxy.requests)} requests" in out


def test_a_prune_that_fails_at_any_request_leaves_what_stays_whole_and_can_be_run_again(
    watched: Project, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By turns, the request is lost with all that follow, or only its answer is."""
    monkeypatch.setattr(patience, "RETRIES", 0)
    publish_all(watched, "r00")
    for number in range(1, 11):  # at the 11th, an intent stays, and that is all
        release = f"r{number:02}"  # those of one second count as published in this order
        publish_all(watched, release)
        # The intent is the 6th, and is written again when the answer to it is lost.
        proxy.reset(at(number, "dead" if number % 2 or number == 6 else "unanswered"))
        with pytest.raises(CommandError) as caught:
            delete(watched, "--keep", "1", release=release)
        assert caught.value.returncode == 4
        assert "\n" not in str(caught.value)
        watched.assert_whole(release)
        proxy.reset(at(0, None))
        delete(watched, "--keep", "1", release=release)
        paths = watched.manifest(release)["paths"]
        used = {f"static/{name}" for pair in paths.items() for name in pair}
        assert {key for key in watched.place.entries() if key.startswith("static/")} == used
        assert releases_there(watched) - {"_intents"} == {release}
        for intent in [key for key in watched.place.entries() if "_intents" in key]:
            watched.place.delete(intent)  # that of the prune that failed; in an hour it is over


@pytest.mark.parametrize("fault", ["lost", "unanswered", 503])
def test_a_prune_that_had_to_ask_twice_leaves_its_intent_as_the_first_request_may_still_come(
    fault: Fault, watched: Project, proxy: Proxy
) -> None:
    publish_all(watched, "v1", "v2")
    gone = own(watched, "v1")
    deletes_assets = deletes(2)
    proxy.reset(lambda _, request: fault if deletes_assets(request) else None)
    assert "deleted 1 release and 2 files" in delete(watched, "--keep", "1", release="v2")
    assert not gone & watched.place.entries().keys()
    key = next(key for key in watched.place.entries() if "_intents/prune-" in key)
    assert gone == {f"static/{name}" for name in json.loads(watched.place.read(key))["names"]}
