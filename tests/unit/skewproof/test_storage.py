"""A process that looks too early, or at something broken, says so and heals by itself."""

from __future__ import annotations

import copy
import json
import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.exceptions import ImproperlyConfigured
from storages.backends.s3 import S3ManifestStaticStorage
from tests.unit.skewproof.places import BucketPlace
from whitenoise.middleware import WhiteNoiseMiddleware

from skewproof import storage
from skewproof.backends.loader import Loader
from skewproof.errors import ManifestError, OptionError, ReleaseIdError, SkewproofError
from skewproof.storage import ReleaseManifestMixin

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.skewproof.places import DirectoryPlace
    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Proxy

MANIFEST = "releases/v1/staticfiles.json"
BROKEN = {
    b"": "it is not JSON",
    b"{": "it is not JSON",
    b"\xff\xfe": "it is not JSON",
    b"[" * 100_000: "it is not JSON",  # deeper than a parser goes
    b'{"a":' * 100_000: "it is not JSON",
    b'{"version": ' + b"9" * 5_000 + b"}": "it is not JSON",
    b"[]": "it is not a JSON object",
    b"{}": "its version is None",
    b'{"version": "2.0", "paths": {}}': "its version is '2.0', not one of 1.0, 1.1",
    b'{"version": "1.1"}': "it has no map of paths",
    b'{"version": "1.1", "paths": {"a": 1}}': "it has no map of paths",
    b'{"version": "1.1", "paths": {}, "release": "v0"}': "it belongs to release 'v0'",
}


def eager(storage: Any) -> Any:
    """Return the storage, asking again without a pause, and waiting while this machine is busy."""
    storage._loader = Loader(pause=0, patience=20)
    return storage


def failure(project: Project, storage: Any, name: str = "css/site.css") -> ManifestError:
    until = time.monotonic() + 20
    while True:
        with project.active("v1"), pytest.raises(ManifestError) as caught:
            storage.url(name)
        assert "\n" not in str(caught.value)
        if "has not answered in full" not in str(caught.value) or time.monotonic() > until:
            return caught.value
        time.sleep(1)  # this machine is busy


def test_the_url_of_a_file_is_that_of_its_asset(project: Project) -> None:
    project.publish("v1")
    with project.active("v1"):
        url = project.storage().url("css/site.css")
    asset = project.place.key(f"static/{project.manifest('v1')['paths']['css/site.css']}")
    assert url.endswith(f"/{asset}")


@pytest.mark.usefixtures("everywhere")
def test_each_release_sees_its_own_files(project: Project, next_tree: dict[str, str]) -> None:
    project.publish("v1")
    project.write(next_tree)
    project.publish("v2")
    urls = {}
    for release in ("v1", "v2"):
        with project.active(release):
            urls[release] = project.storage(release).url("img/logo.svg")
    assert urls["v1"] != urls["v2"]


def test_a_file_that_is_not_in_the_manifest_is_an_error_as_in_stock_django(
    project: Project,
) -> None:
    project.publish("v1")
    with project.active("v1"), pytest.raises(ValueError, match="Missing staticfiles manifest"):
        project.storage().url("nowhere.css")


def test_making_a_storage_asks_nothing_of_the_store(watched: Project, proxy: Proxy) -> None:
    watched.storage()
    assert proxy.requests == []


def test_loading_takes_one_request_and_later_look_ups_none(watched: Project, proxy: Proxy) -> None:
    watched.publish("v1")
    storage = watched.storage()
    proxy.requests.clear()
    with watched.active("v1"):
        for _ in range(3):
            storage.url("css/site.css")
    assert [each.method for each in proxy.requests] == ["GET"]


def test_a_loaded_map_is_a_plain_attribute_as_in_stock_django(project: Project) -> None:
    project.publish("v1")
    storage = project.storage()
    with project.active("v1"):
        storage.url("css/site.css")
    assert type(vars(storage)["hashed_files"]) is dict


def test_the_hash_of_the_manifest_is_right_before_any_look_up(project: Project) -> None:
    project.publish("v1")
    with project.active("v1"):
        assert project.storage().manifest_hash == project.manifest("v1")["hash"]


@pytest.mark.parametrize("is_baked", [False, True])
def test_the_manifest_can_be_loaded_and_read_as_that_of_stock_django(
    is_baked: bool, project: Project, tmp_path: Path
) -> None:
    project.options = {"baked_manifest": tmp_path / "baked.json"} if is_baked else {}
    if is_baked:
        project.publish("v1", "--bake")
    else:
        project.publish("v1")
    storage = project.storage()
    with project.active("v1"):
        paths, digest = storage.load_manifest()
        document = json.loads(storage.read_manifest())
    assert (paths, digest) == (document["paths"], document["hash"])
    assert paths["css/site.css"].startswith("css/site.")
    assert document["release"] == "v1"


@pytest.mark.parametrize("method", ["load_manifest", "read_manifest"])
def test_a_manifest_that_is_not_there_can_neither_be_loaded_nor_read(
    method: str, project: Project
) -> None:
    storage = project.storage()
    with project.active("v1"), pytest.raises(ManifestError, match="no manifest from"):
        getattr(storage, method)()


def test_a_storage_is_what_the_stock_one_with_a_manifest_is(
    directory_project: Project, s3_project: Project
) -> None:
    assert isinstance(directory_project.storage(), ManifestStaticFilesStorage)
    assert isinstance(s3_project.storage(), S3ManifestStaticStorage)


def test_whitenoise_starts_without_a_manifest_as_the_error_is_what_it_catches(
    directory_project: Project, tmp_path: Path
) -> None:
    root = tmp_path / "own" / "robots.txt"
    root.parent.mkdir()
    root.write_text("all")
    with directory_project.active("v1", STATIC_ROOT=root.parent, WHITENOISE_AUTOREFRESH=False):
        files = WhiteNoiseMiddleware(lambda request: request).files
    assert "/static/robots.txt" in files


@pytest.mark.usefixtures("everywhere")
def test_a_process_that_looked_too_early_heals_when_the_manifest_appears(
    project: Project,
) -> None:
    storage = project.storage()
    error = failure(project, storage)
    assert error.reason == "absent"
    assert "release v1: no manifest from" in str(error)
    assert project.place.key(MANIFEST) in str(error)
    assert "collectstatic" in str(error)
    project.publish("v1")
    started = time.monotonic()
    with project.active("v1"):
        while True:
            try:
                assert storage.url("css/site.css").endswith(".css")
                break
            except ManifestError:
                assert time.monotonic() - started < 5


@pytest.mark.parametrize(("content", "fault"), BROKEN.items(), ids=lambda each: repr(each)[:40])
def test_a_broken_manifest_is_an_error_that_says_what_is_wrong_until_it_is_mended(
    content: bytes, fault: str, project: Project
) -> None:
    project.place.write(MANIFEST, content)
    storage = eager(project.storage())
    for _ in range(2):
        error = failure(project, storage)
        assert error.reason == "unusable"
        assert fault in str(error)
    project.place.delete(MANIFEST)
    project.publish("v1")
    with project.active("v1"):
        assert storage.url("css/site.css").endswith(".css")


def test_a_manifest_of_stock_django_is_readable(project: Project) -> None:
    document = {"version": "1.0", "paths": {"a.css": "a.1.css"}}
    project.place.write(MANIFEST, json.dumps(document).encode())
    with project.active("v1"):
        assert project.storage().url("a.css").endswith("/a.1.css")


def test_an_identity_that_may_not_read_is_told_that_absent_and_forbidden_look_alike(
    s3_project: Project, bucket: BucketPlace
) -> None:
    s3_project.publish("v1")
    storage = s3_project.storage(**bucket.identity("web"), releases_location="others")
    error = failure(s3_project, storage)
    assert error.reason == "forbidden"
    assert "s3:ListBucket" in str(error)
    assert "not published yet" in str(error)


def test_wrong_credentials_are_not_mistaken_for_a_missing_manifest(s3_project: Project) -> None:
    storage = s3_project.storage(secret_key="wrong")
    error = failure(s3_project, storage)
    assert error.reason == "forbidden"
    assert "SignatureDoesNotMatch" in str(error)


def test_a_missing_bucket_is_said_to_be_missing(s3_project: Project, bucket: BucketPlace) -> None:
    storage = s3_project.storage(**bucket.identity("root"), bucket_name="nope")
    assert "the bucket does not exist" in str(failure(s3_project, storage))


def test_an_endpoint_that_is_no_url_is_an_error_that_shows_it(s3_project: Project) -> None:
    storage = s3_project.storage(endpoint_url="minio:9000")
    assert "Invalid endpoint: minio:9000" in str(failure(s3_project, storage))


def test_no_credentials_at_all_are_an_error_that_says_so(
    s3_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    storage = s3_project.storage(access_key=None, secret_key=None)
    error = failure(s3_project, storage)
    assert "credentials" in str(error)


def test_time_outs_that_the_project_sets_win(s3_project: Project) -> None:
    from botocore.config import Config

    storage = s3_project.storage(client_config=Config(read_timeout=7, region_name="eu-west-1"))
    assert storage.client_config.read_timeout == 7
    assert storage.client_config.connect_timeout == 1
    assert storage.client_config.region_name == "eu-west-1"


def test_a_file_that_may_not_be_read_is_an_error(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory_project.publish("v1")
    storage = eager(directory_project.storage())

    def forbidden(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.open", forbidden)
        assert failure(directory_project, storage).reason == "forbidden"
    with directory_project.active("v1"):
        assert storage.url("css/site.css").endswith(".css")


def test_a_directory_in_the_manifests_place_is_an_error(
    directory_project: Project, directory: DirectoryPlace
) -> None:
    (directory.root / MANIFEST).mkdir(parents=True)
    assert failure(directory_project, directory_project.storage()).reason == "unreachable"


def test_no_release_id_is_an_error_at_the_first_look_up(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = project.storage()
    with project.active("v1"):
        monkeypatch.delenv("RELEASE_ID")
        with pytest.raises(ReleaseIdError, match="no release id"):
            storage.url("css/site.css")


def test_debug_serves_unhashed_names_and_reads_no_manifest(project: Project) -> None:
    storage = project.storage()
    with project.active("v1", DEBUG=True):
        assert storage.url("css/site.css").endswith("/css/site.css")


def test_the_storage_refuses_to_write_and_to_delete(project: Project) -> None:
    from django.core.files.base import ContentFile

    project.publish("v1")
    storage = project.storage()
    before = project.place.entries()
    with project.active("v1"):
        with pytest.raises(SkewproofError, match=r"cannot write 'new.txt'.*INSTALLED_APPS"):
            storage.save("new.txt", ContentFile(b"new"))
        with pytest.raises(SkewproofError, match="cannot delete"):
            storage.delete("img/logo.svg")
    assert project.place.entries() == before


def test_a_storage_can_be_copied_and_pickled(project: Project) -> None:
    project.publish("v1")
    storage = project.storage()
    with project.active("v1"):
        expected = storage.url("css/site.css")
        assert copy.deepcopy(project.storage()).url("css/site.css") == expected
        assert pickle.loads(pickle.dumps(storage)).url("css/site.css") == expected  # noqa: S301


@pytest.mark.parametrize("location", ["", "static"])
def test_a_bucket_whose_manifests_would_be_public_is_refused(
    location: str, s3_project: Project
) -> None:
    with pytest.raises(OptionError, match="the public can read"):
        s3_project.storage(location=location, releases_location=f"{location}/releases")


def test_the_manifests_can_be_kept_elsewhere(project: Project, tmp_path: Any) -> None:
    elsewhere = (
        f"releases/elsewhere/{project.place.prefix}"
        if isinstance(project.place, BucketPlace)
        else str(tmp_path / "private")
    )
    project.options = {"releases_location": elsewhere}
    project.publish("v1")
    with project.active("v1"):
        assert project.storage().url("css/site.css").endswith(".css")
    assert MANIFEST not in project.place.entries()


@pytest.mark.parametrize(
    ("location", "expected"),
    [("static", "releases"), ("shop/static", "shop/releases"), ("static/", "releases")],
)
def test_the_manifests_are_beside_the_assets_by_default(
    location: str, expected: str, s3_project: Project
) -> None:
    storage = s3_project.storage(location=location, releases_location=None)
    assert storage.releases_location == expected


def test_a_directory_whose_manifests_would_be_served_is_refused(
    directory_project: Project, directory: DirectoryPlace
) -> None:
    within = directory.root / "static" / "releases"
    with pytest.raises(ImproperlyConfigured, match="which the public can read"):
        directory_project.storage(releases_location=within)


def test_a_directory_storage_without_a_directory_is_refused(directory_project: Project) -> None:
    with pytest.raises(ImproperlyConfigured, match="set STATIC_ROOT"):
        directory_project.storage(location=None)


def test_the_option_of_stock_django_for_another_manifest_store_is_refused(
    project: Project,
) -> None:
    with pytest.raises(OptionError, match="takes no option manifest_storage"):
        project.storage(manifest_storage=None)


def test_an_option_that_nobody_knows_is_refused(s3_project: Project) -> None:
    with pytest.raises(ImproperlyConfigured, match="Invalid setting 'bucket'"):
        s3_project.storage(bucket="skew")


@pytest.mark.parametrize("name", storage.__all__)
def test_every_storage_can_be_imported_from_one_module(name: str) -> None:
    found = getattr(storage, name)
    assert found.__name__ == name
    assert issubclass(found, ReleaseManifestMixin)


def test_a_storage_that_is_none_cannot_be_imported() -> None:
    with pytest.raises(ImportError):
        exec("from skewproof.storage import NoSuchStorage")  # noqa: S102
