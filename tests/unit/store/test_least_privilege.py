from __future__ import annotations

import contextlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from tests.s3servers import SCRIPTS
from tests.unit.store.promises import (
    ASSET,
    NEIGHBOURS,
    OTHER,
    PROMISES,
    RELEASE,
    Promise,
    broken,
    fill,
    is_kept,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3servers import S3Server

pytestmark = pytest.mark.engine

BUCKET_ARN = "arn:aws:s3:::{bucket}"


class TestLeastPrivilege:
    @pytest.mark.parametrize("promise", PROMISES, ids=str)
    def test_the_store_keeps_the_promise(self, s3_server: S3Server, promise: Promise) -> None:
        assert is_kept(s3_server, promise), f"{s3_server.kind}: broken: {promise}"

    @pytest.mark.parametrize("role", ["web", "public"])
    def test_no_reader_sees_other_buckets(self, s3_server: S3Server, role: str) -> None:
        """MinIO refuses the list, SeaweedFS gives an empty one."""
        seen = []
        with contextlib.suppress(s3_server.client(role).exceptions.ClientError):
            seen = s3_server.client(role).list_buckets()["Buckets"]
        assert seen == []

    @pytest.mark.parametrize("role", ["publisher", "web"])
    def test_only_root_may_make_identities(self, s3_server: S3Server, role: str) -> None:
        key, secret = (
            s3_server.environ[f"{role.upper()}_{part}_KEY"] for part in ("ACCESS", "SECRET")
        )
        if s3_server.kind == "minio":
            admin = MinioAdmin(
                endpoint=s3_server.endpoint.removeprefix("http://"),
                credentials=StaticProvider(key, secret),
                secure=False,
            )
            with pytest.raises(MinioAdminException, match="Status: 403"):
                admin.user_add("intruder", "intruders-secret")
        else:
            iam = boto3.client(
                "iam",
                endpoint_url=s3_server.endpoint,
                region_name="us-east-1",
                aws_access_key_id=key,
                aws_secret_access_key=secret,
            )
            with pytest.raises(ClientError) as caught:
                iam.create_user(UserName="intruder")
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    @pytest.mark.parametrize("key", ["static/absent.0123456789ab.css", "absent"])
    def test_the_public_never_takes_an_absent_asset_for_one(
        self, s3_server: S3Server, key: str
    ) -> None:
        """404 where the key could be read, 403 elsewhere; on AWS it is 403 in both cases."""
        with pytest.raises(ClientError) as caught:
            s3_server.client("public").get_object(Bucket=s3_server.bucket, Key=key)
        status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status == (404 if key.startswith("static/") else 403)

    def test_web_learns_that_a_manifest_is_not_there_yet(self, s3_server: S3Server) -> None:
        with pytest.raises(ClientError, match="NoSuchKey"):
            s3_server.client("web").get_object(
                Bucket=s3_server.bucket, Key="releases/v9/staticfiles.json"
            )


FAULTS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "web may list": (
        "web",
        {"Action": ["s3:ListBucket"], "Resource": [BUCKET_ARN]},
        ["web may not list"],
    ),
    "web may read everything": (
        "web",
        {"Action": ["s3:GetObject"], "Resource": [f"{BUCKET_ARN}/*"]},
        [
            f"web may not {action} {key}"
            for action in ("get", "head")
            for key in (OTHER, *NEIGHBOURS)
        ],
    ),
    "web may write manifests": (
        "web",
        {"Action": ["s3:PutObject"], "Resource": [f"{BUCKET_ARN}/releases/*"]},
        [f"web may not put {RELEASE}", f"web may not begin-upload {RELEASE}"],
    ),
    "web may delete assets": (
        "web",
        {"Action": ["s3:DeleteObject"], "Resource": [f"{BUCKET_ARN}/static/*"]},
        [f"web may not delete {ASSET}", f"web may not delete-many {ASSET}"],
    ),
    "the public may list": (
        "public",
        {"Action": ["s3:ListBucket"], "Resource": [BUCKET_ARN]},
        ["public may not list"],
    ),
    "the public may read releases": (
        "public",
        {"Action": ["s3:GetObject"], "Resource": [f"{BUCKET_ARN}/releases/*"]},
        [f"public may not get {RELEASE}", f"public may not head {RELEASE}"],
    ),
    "a prefix lacks its slash": (
        "public",
        {"Action": ["s3:GetObject"], "Resource": [f"{BUCKET_ARN}/static*"]},
        [f"public may not get {NEIGHBOURS[0]}", f"public may not head {NEIGHBOURS[0]}"],
    ),
    "the publisher may change the policy": (
        "publisher",
        {"Action": ["s3:PutBucketPolicy"], "Resource": [BUCKET_ARN]},
        ["publisher may not write-policy"],
    ),
    "the publisher may not delete": (
        "publisher",
        {"Effect": "Deny", "Action": ["s3:DeleteObject"], "Resource": [f"{BUCKET_ARN}/*"]},
        [f"publisher may delete {ASSET}", f"publisher may delete-many {ASSET}"],
    ),
}


class TestPlantedFaults:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_wrong_policy_is_seen(
        self, changing_server: S3Server, tmp_path: Path, fault: str
    ) -> None:
        role, statement, expected = FAULTS[fault]
        changing_server.set_up(with_statement(tmp_path, role, statement))
        fill(changing_server)
        assert set(expected) <= set(broken(changing_server))

    @pytest.mark.parametrize("role", ["web", "public"])
    def test_the_right_policy_heals_what_a_wrong_one_broke(
        self, changing_server: S3Server, tmp_path: Path, role: str
    ) -> None:
        everything = {"Action": ["s3:*"], "Resource": [BUCKET_ARN, f"{BUCKET_ARN}/*"]}
        changing_server.set_up(with_statement(tmp_path, role, everything))
        changing_server.set_up()
        fill(changing_server)
        assert broken(changing_server) == []


def with_statement(folder: Path, role: str, statement: dict[str, Any]) -> Path:
    """Copy the set-up with one statement more in one role's policy file."""
    scripts = folder / "minio"
    shutil.copytree(SCRIPTS, scripts)
    path = scripts / "policies" / f"{role}.json"
    policy = json.loads(path.read_text())
    principal = {"Principal": {"AWS": ["*"]}} if role == "public" else {}
    policy["Statement"].append({"Effect": "Allow", **principal, **statement})
    path.write_text(json.dumps(policy))
    return scripts
