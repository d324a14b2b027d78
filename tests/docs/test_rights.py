"""The policies of docs/guide.md are enough for what they are for, and for no more."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.docs.newcomer import Newcomer
from tests.docs.project import ROOT, read_document
from tests.s3servers import SCRIPTS, credentials, start, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.s3servers import S3Server

pytestmark = pytest.mark.engine

GUIDE = read_document("docs/guide.md")
BUCKET = "my-bucket"
# The test servers have identities for two roles; which of them prunes here does not matter.
ROLES = {"Publish": "publisher", "Prune": "web"}
SETTINGS = """
SECRET_KEY = "only-for-tests"
INSTALLED_APPS = ["skewproof", "django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATICFILES_DIRS = ["source"]
OPTIONS = {"bucket_name": "my-bucket", "location": "static"}
STORAGES = {"staticfiles": {"BACKEND": "skewproof.storage.S3ReleaseStorage", "OPTIONS": OPTIONS}}
"""


def policies() -> dict[str, dict[str, Any]]:
    """Return the policies of the section by the word that their statements' ids begin with."""
    section = GUIDE.section("Rights on a bucket")
    found = [json.loads(fence.content) for fence in section.fences if fence.language == "json"]
    (publish, prune) = found
    assert all(each["Sid"].startswith("Publish") for each in publish["Statement"])
    assert all(each["Sid"].startswith("Prune") for each in prune["Statement"])
    return {"Publish": publish, "Prune": prune}


@pytest.fixture(scope="module", params=wanted())
def bucket(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    """A server whose identities have the guide's policies."""
    folder = tmp_path_factory.mktemp("rights")
    shutil.copytree(SCRIPTS, folder / "minio")
    for name, policy in policies().items():
        (folder / "minio" / "policies" / f"{ROLES[name]}.json").write_text(json.dumps(policy))
    with start(request.param, folder / "store", {**credentials(), "S3_BUCKET": BUCKET}) as server:
        server.set_up(folder / "minio")
        yield server


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    folder = tmp_path_factory.mktemp("project")
    (folder / "settings.py").write_text(SETTINGS)
    (folder / "source").mkdir()
    return Newcomer(folder, {"PYTHONPATH": f"{ROOT / 'app'}", "DJANGO_SETTINGS_MODULE": "settings"})


def run(project: Newcomer, bucket: S3Server, who: str, release: str, command: str) -> str:
    """Run a command as the identity that has that policy."""
    role = ROLES[who].upper()
    return project.type(
        f"python -m django {command}",
        RELEASE_ID=release,
        AWS_ENDPOINT_URL_S3=bucket.endpoint,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID=bucket.environ[f"{role}_ACCESS_KEY"],
        AWS_SECRET_ACCESS_KEY=bucket.environ[f"{role}_SECRET_KEY"],
    )


def keys(bucket: S3Server) -> set[str]:
    listing = bucket.client("root").list_objects_v2(Bucket=BUCKET)
    return {each["Key"] for each in listing.get("Contents", ())}


def test_the_policies_are_enough_to_publish_and_to_prune(
    project: Newcomer, bucket: S3Server
) -> None:
    for release in ("v1", "v2"):
        (project.folder / "source" / "site.css").write_text(f"/* {release} */")
        printed = run(project, bucket, "Publish", release, "collectstatic --no-input")
        assert f"release {release} is published" in printed
    before = keys(bucket)
    assert not [key for key in before if "_intents" in key]

    assert "v1" in run(project, bucket, "Prune", "v2", "releases")
    prune = "prune_releases --keep 1 --min-age 0 --delete"
    assert "deleted 1 release and 1 file" in run(project, bucket, "Prune", "v2", prune)
    gone = before - keys(bucket)
    assert len(gone) == 2
    assert "releases/v1/staticfiles.json" in gone
    assert keys(bucket) < before


FORBIDDEN = [
    ("Publish", "delete_object", "static/site.css"),
    ("Publish", "delete_object", "releases/v1/staticfiles.json"),
    ("Publish", "put_object", "media/upload.png"),
    ("Prune", "put_object", "static/site.css"),
    ("Prune", "put_object", "releases/v1/staticfiles.json"),
    ("Prune", "get_object", "media/upload.png"),
    ("Prune", "delete_object", "media/upload.png"),
]


@pytest.mark.parametrize(("who", "action", "key"), FORBIDDEN)
def test_the_policies_are_for_nothing_else(
    who: str, action: str, key: str, bucket: S3Server
) -> None:
    bucket.client("root").put_object(Bucket=BUCKET, Key="media/upload.png", Body=b"theirs")
    with pytest.raises(ClientError) as caught:
        getattr(bucket.client(ROLES[who]), action)(Bucket=BUCKET, Key=key)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
