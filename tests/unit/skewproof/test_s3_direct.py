"""Publishing without boto3 is the same, and only where boto3 would have nothing to decide."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from django.test import override_settings

import skewproof
from skewproof.backends.s3 import S3ReleaseStorage
from skewproof.backends.s3_direct import DirectS3Storage
from skewproof.storage import find_publishing_storage
from skewproof.stores import s3_fast
from skewproof.stores.s3_allowed import CERTIFICATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.skewproof.places import BucketPlace
    from tests.unit.skewproof.project import Project

BACKEND = "skewproof.storage.S3ReleaseStorage"
KEYS = {"access_key": "key", "secret_key": "secret"}
OPTIONS = {
    "bucket_name": "bucket",
    "location": "static",
    "endpoint_url": "http://minio:9000",
    "region_name": "us-east-1",
    "custom_domain": "cdn.test",
    **KEYS,
}


class Own(S3ReleaseStorage):
    """A project's own storage."""


@pytest.fixture(autouse=True)
def _nothing_of_amazon(tmp_path: Path) -> Iterator[None]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name not in CERTIFICATES
    }
    with mock.patch.dict(os.environ, {**kept, "HOME": str(tmp_path)}, clear=True):
        yield


def published_by(backend: str = BACKEND, **options: Any) -> Any:
    made = {name: value for name, value in {**OPTIONS, **options}.items() if value is not None}
    with override_settings(STORAGES={"staticfiles": {"BACKEND": backend, "OPTIONS": made}}):
        return find_publishing_storage()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:9000",
        "http://minio:9000/",
        "https://s3.example.com",
        "https://example.com/s3",
        "https://fra1.digitaloceanspaces.com",
        "https://account.r2.cloudflarestorage.com",
    ],
)
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "auto"])
def test_the_bucket_is_where_boto3_would_look_for_it(endpoint: str, region: str) -> None:
    options = {**OPTIONS, "endpoint_url": endpoint, "region_name": region}
    direct = published_by(**options)
    configured = S3ReleaseStorage(**options)
    assert direct.make_config() == s3_fast.make_config(
        configured, *s3_fast.find_address(configured)
    )
    assert direct.open_store(1).place == configured.open_store(1).place
    assert direct.releases_location == configured.releases_location
    assert direct.asset_headers("a.css") == configured.asset_headers("a.css")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"releases_location": "r", "unhashed_copies": False, "publish_barrier": True},
        {"querystring_auth": False, "file_overwrite": True},
    ],
)
def test_plain_options_need_no_boto3(options: dict[str, Any]) -> None:
    storage = published_by(**options)
    assert isinstance(storage, DirectS3Storage)
    assert storage.unhashed_copies is options.get("unhashed_copies", True)
    assert storage.releases_location == options.get("releases_location", "releases")


def test_keys_come_from_the_environment_as_in_django_storages() -> None:
    without = dict.fromkeys(KEYS)
    assert isinstance(published_by(**without), S3ReleaseStorage)
    variables = {"AWS_ACCESS_KEY_ID": "second", "AWS_SECRET_ACCESS_KEY": "s"}
    with mock.patch.dict(os.environ, variables):
        assert published_by(**without).access_key == "second"
        assert published_by().access_key == "key"
    with mock.patch.dict(os.environ, {**variables, "AWS_S3_ACCESS_KEY_ID": "first"}):
        assert published_by(**without).access_key == "first"


@pytest.mark.parametrize(
    "options",
    [
        {"backend": f"{__name__}.Own"},
        {"endpoint_url": None},
        {"endpoint_url": "https://s3.eu-west-1.amazonaws.com"},
        {"endpoint_url": "minio:9000"},
        {"region_name": None},
        {"object_parameters": {"CacheControl": "no-cache"}},
        {"addressing_style": "virtual"},
        {"verify": False},
        {"gzip": True},
        {"default_acl": "private"},
    ],
)
def test_what_boto3_has_a_say_in_is_left_to_it(options: dict[str, Any]) -> None:
    assert isinstance(published_by(**options), S3ReleaseStorage)


@pytest.mark.parametrize(
    "name", ["AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CA_BUNDLE", "HTTP_PROXY", "all_proxy"]
)
def test_variables_that_boto3_reads_leave_it_to_boto3(name: str) -> None:
    with mock.patch.dict(os.environ, {name: "x"}):
        assert isinstance(published_by(), S3ReleaseStorage)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_leave_it_to_boto3_where_there_are_any(name: str) -> None:
    with mock.patch.dict(os.environ, {name: "x"}):
        assert isinstance(published_by(endpoint_url="https://s.test"), S3ReleaseStorage)
        is_of_aws = name.startswith("AWS_")
        assert isinstance(published_by(), S3ReleaseStorage if is_of_aws else DirectS3Storage)


def test_files_and_settings_that_boto3_reads_leave_it_to_boto3(tmp_path: Path) -> None:
    with override_settings(AWS_S3_OBJECT_PARAMETERS={"CacheControl": "no-cache"}):
        assert isinstance(published_by(), S3ReleaseStorage)
    (tmp_path / ".aws").mkdir()
    assert isinstance(published_by(), S3ReleaseStorage)


def test_a_publish_is_the_same_with_boto3_and_without(
    s3_project: Project, bucket: BucketPlace
) -> None:
    kinds = []

    def publish(release: str, *arguments: str, **options: Any) -> str:
        storages = {"staticfiles": bucket.configured(**options)}
        with override_settings(STORAGES=storages):
            kinds.append(type(find_publishing_storage()))
        return s3_project.publish(release, *arguments, STORAGES=storages)

    publish("v1")
    said = publish("v1", "--dry-run", verify=None)
    assert "release v1 is published already: 0 new, 14 reused (dry run)" in said
    publish("v2", verify=None, location=f"static/{bucket.prefix}/other")
    assert kinds == [DirectS3Storage, S3ReleaseStorage, S3ReleaseStorage]
    for name in s3_project.manifest("v1")["paths"].values():
        first, second = (bucket.head(f"static/{folder}{name}") for folder in ("", "other/"))
        for header in ("CacheControl", "ContentType", "ContentLength", "ETag"):
            assert first[header] == second[header]


def test_boto3_is_not_imported() -> None:
    program = f"""
import sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["skewproof", "django.contrib.staticfiles"],
    STORAGES={{"staticfiles": {{"BACKEND": {BACKEND!r}, "OPTIONS": {OPTIONS!r}}}}},
)
django.setup()
from django.core.management import call_command
call_command("check")  # as every command does
from skewproof.storage import find_publishing_storage
find_publishing_storage().open_store(1)
assert not [name for name in sys.modules if name.startswith(("boto", "s3transfer"))]
"""
    path = Path(skewproof.__file__).parents[1]
    environment = {"PYTHONPATH": str(path), "HOME": os.environ["HOME"]}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
