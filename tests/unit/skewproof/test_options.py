"""What the options of the configured storage become on the way to the store."""

from __future__ import annotations

import gzip
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from django.core.management import CommandError

from skewproof.publishing.collection import IMMUTABLE, guess_headers
from skewproof.storage import FileSystemReleaseStorage, S3ReleaseStorage
from skewproof.stores import s3_fast
from skewproof.stores.store import find_digest

if TYPE_CHECKING:
    from tests.unit.skewproof.places import BucketPlace
    from tests.unit.skewproof.project import Project

TYPES = {
    "a.css": "text/css",
    "a.js": "text/javascript",
    "a.mjs": "text/javascript",
    "a.min.js.map": "application/json",
    "a.woff2": "font/woff2",
    "a.svg": "image/svg+xml",
    "a.webp": "image/webp",
    "a.avif": "image/avif",
    "a.PNG": "image/png",
    "a.webmanifest": "application/manifest+json",
    "a.wasm": "application/wasm",
    "a.ico": "image/vnd.microsoft.icon",
    "a": "application/octet-stream",
    "a.nobody-knows": "application/octet-stream",
}


def made(s3_project: Project, **options: Any) -> Any:
    return s3_project.storage(**options)


@pytest.mark.parametrize(("name", "expected"), TYPES.items())
def test_a_file_gets_the_type_that_browsers_expect(name: str, expected: str) -> None:
    assert guess_headers(name) == {"Content-Type": expected}


def test_a_compressed_file_is_marked_as_such() -> None:
    assert guess_headers("a.tar.gz")["Content-Encoding"] == "gzip"


def test_hashed_names_are_cached_for_ever_and_copies_as_the_options_say(
    s3_project: Project, bucket: BucketPlace
) -> None:
    s3_project.options = {"object_parameters": {"CacheControl": "max-age=60"}}
    s3_project.publish("v1")
    asset = s3_project.manifest("v1")["paths"]["css/site.css"]
    hashed, copy = bucket.head(f"static/{asset}"), bucket.head("static/css/site.css")
    assert (hashed["CacheControl"], hashed["ContentType"]) == (IMMUTABLE, "text/css")
    assert (copy["CacheControl"], copy["ContentType"]) == ("max-age=60", "text/css")


def test_a_copy_has_no_cache_control_by_default(s3_project: Project, bucket: BucketPlace) -> None:
    s3_project.publish("v1")
    assert "CacheControl" not in bucket.head("static/css/site.css")


def test_headers_and_metadata_from_the_options_are_sent(
    s3_project: Project, bucket: BucketPlace
) -> None:
    s3_project.options = {
        "object_parameters": {
            "ContentLanguage": "de",
            "ContentDisposition": "inline",
            "Metadata": {"owner": "shop"},
        }
    }
    s3_project.publish("v1")
    found = bucket.head("static/css/site.css")
    assert found["ContentLanguage"] == "de"
    assert found["ContentDisposition"] == "inline"
    assert found["Metadata"] == {"owner": "shop"}


def test_with_gzip_text_is_stored_compressed_and_not_sent_again(
    s3_project: Project, bucket: BucketPlace
) -> None:
    s3_project.options = {"gzip": True}
    s3_project.publish("v1")
    asset = f"static/{s3_project.manifest('v1')['paths']['css/site.css']}"
    assert bucket.head(asset)["ContentEncoding"] == "gzip"
    assert b"logo." in gzip.decompress(bucket.read(asset))
    assert "ContentEncoding" not in bucket.head("static/fonts/a.woff2")
    assert "0 new, 14 reused" in s3_project.publish("v1")


def test_encryption_is_taken_from_the_options(s3_project: Project) -> None:
    parameters = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key", "BucketKeyEnabled": True}
    config = s3_fast.make_config(made(s3_project, object_parameters=parameters), "http://s", False)
    assert config["server_side_encryption"] == "aws:kms"
    assert config["sse_kms_key_id"] == "key"
    assert config["sse_bucket_key_enabled"] is True


def addressing(style: str) -> Config:
    return Config(s3={"addressing_style": style})


@pytest.mark.parametrize(
    ("options", "endpoint", "virtual"),
    [
        ({"endpoint_url": None}, "https://skewproof.s3.amazonaws.com", True),
        (
            {"endpoint_url": None, "region_name": "eu-west-1"},
            "https://skewproof.s3.eu-west-1.amazonaws.com",
            True,
        ),
        (
            {"endpoint_url": None, "region_name": "eu-west-1", "addressing_style": "path"},
            "https://s3.eu-west-1.amazonaws.com",
            False,
        ),
        (
            {"endpoint_url": None, "region_name": "eu-west-1", "use_ssl": False},
            "http://skewproof.s3.eu-west-1.amazonaws.com",
            True,
        ),
        ({"endpoint_url": "http://minio:9000"}, "http://minio:9000", False),
        (
            {"endpoint_url": "http://minio:9000", "addressing_style": "virtual"},
            "http://skewproof.minio:9000",
            True,
        ),
        (
            {"endpoint_url": "https://s.test", "client_config": addressing("virtual")},
            "https://skewproof.s.test",
            True,
        ),
        ({"endpoint_url": "https://s.test/under"}, "https://s.test/under", False),
    ],
)
def test_the_address_is_the_one_that_django_storages_would_use(
    options: dict[str, Any], endpoint: str, virtual: bool, s3_project: Project
) -> None:
    assert s3_fast.find_address(made(s3_project, **options)) == (endpoint, virtual)


def test_a_publish_without_credentials_says_where_they_may_come_from(
    s3_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    s3_project.options = {"access_key": None, "secret_key": None}
    with pytest.raises(CommandError, match="AWS_ACCESS_KEY_ID"):
        s3_project.publish("v1")


def test_an_endpoint_that_is_no_url_is_an_error_that_shows_it(s3_project: Project) -> None:
    s3_project.options = {"endpoint_url": "minio:9000"}
    with pytest.raises(CommandError, match="cannot be addressed: Invalid endpoint: minio:9000"):
        s3_project.publish("v1")


def test_an_etag_that_is_no_md5_is_not_taken_for_one() -> None:
    assert find_digest('"5d41402abc4b2a76b9719d911017c592"') == "5d41402abc4b2a76b9719d911017c592"
    assert find_digest('"5d41402abc4b2a76b9719d911017c592-2"') is None
    assert find_digest(None) is None


def test_types_do_not_depend_on_the_tables_of_the_machine(tmp_path: Path) -> None:
    table = tmp_path / "mime.types"
    table.write_text("text/wrong png pdf woff2 mjs nobody-knows\n", encoding="utf-8")
    mimetypes.init([str(table)])
    try:
        assert mimetypes.guess_type("a.png")[0] == "text/wrong"
        assert guess_headers("a.png") == {"Content-Type": "image/png"}
        assert guess_headers("a.pdf") == {"Content-Type": "application/pdf"}
        assert guess_headers("a.mjs") == {"Content-Type": "text/javascript"}
        assert guess_headers("a.nobody-knows") == {"Content-Type": "application/octet-stream"}
    finally:
        mimetypes.init()


@pytest.mark.parametrize("backend", [S3ReleaseStorage, FileSystemReleaseStorage])
def test_options_may_be_attributes_of_a_subclass_and_what_is_given_wins(
    backend: type[Any], s3_project: Project, directory_project: Project, tmp_path: Path
) -> None:
    project = s3_project if backend is S3ReleaseStorage else directory_project
    attributes = {
        "releases_location": str(tmp_path / "own"),
        "unhashed_copies": False,
        "baked_manifest": "own.json",
        "publish_barrier": True,
        "conditional_writes": False,
    }
    cls = type("Own", (backend,), attributes)
    configured = project.place.configured()["OPTIONS"]
    configured.pop("releases_location", None)
    with project.active("v1"):
        own = cls(**configured)
        given = cls(**configured, releases_location=str(tmp_path / "given"), unhashed_copies=True)
    assert own.releases_location.strip("/") == str(tmp_path / "own").strip("/")
    assert (own.unhashed_copies, own.publish_barrier) == (False, True)
    assert (own.baked_manifest, own.conditional_writes) == (Path("own.json"), False)
    assert given.releases_location.strip("/") == str(tmp_path / "given").strip("/")
    assert given.unhashed_copies
