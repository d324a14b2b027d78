"""What each identity may and may not do with the store, and whether a server keeps to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client
    from tests.s3servers import S3Server

ASSET = "static/css/site.0123456789ab.css"
SHARED = "static/staticfiles.json"
VERSIONED = "static/staticfiles-v1.json"
RELEASE = "releases/v1/staticfiles.json"
OTHER = "other/report.csv"
NEIGHBOURS = ("staticky/x", "releases-of-others/x")  # the prefix is more than its letters
OBJECTS = (ASSET, SHARED, VERSIONED, RELEASE, OTHER, *NEIGHBOURS)
BUCKET = ""  # the key of actions on the bucket itself

ON_OBJECTS = ("put", "begin-upload", "copy", "delete", "delete-many")
ON_BUCKET = (
    *("list", "list-versions", "list-uploads", "read-policy", "write-policy", "drop-policy"),
    "delete-bucket",
)


@dataclass(frozen=True)
class Promise:
    """One sentence: a role may, or may not, do this to that key."""

    role: str
    allowed: bool
    action: str
    key: str = BUCKET

    def __str__(self) -> str:
        may = "may" if self.allowed else "may not"
        return f"{self.role} {may} {self.action} {self.key}".strip()


def may(role: str, *actions: str, keys: tuple[str, ...] = (BUCKET,)) -> list[Promise]:
    return [Promise(role, True, action, key) for action in actions for key in keys]


def may_not(role: str, *actions: str, keys: tuple[str, ...] = (BUCKET,)) -> list[Promise]:
    return [Promise(role, False, action, key) for action in actions for key in keys]


PROMISES = [
    *may("web", "get", "head", keys=(RELEASE, SHARED, VERSIONED)),
    *may_not("web", "get", "head", keys=(OTHER, *NEIGHBOURS)),
    *may_not("web", *ON_OBJECTS, keys=(ASSET, SHARED, RELEASE, OTHER)),
    *may_not("web", *ON_BUCKET),
    *may("public", "get", "head", keys=(ASSET, SHARED, VERSIONED)),
    *may_not("public", "get", "head", keys=(RELEASE, OTHER, *NEIGHBOURS)),
    *may_not("public", *ON_OBJECTS, keys=(ASSET, SHARED, RELEASE, OTHER)),
    *may_not("public", *ON_BUCKET),
    *may("publisher", "get", "head", keys=(ASSET, SHARED, VERSIONED, RELEASE)),
    *may("publisher", *ON_OBJECTS, "upload-in-parts", keys=(ASSET, SHARED, RELEASE)),
    *may("publisher", "list", "locate"),
    *may_not("publisher", "get", "head", *ON_OBJECTS, keys=(OTHER, *NEIGHBOURS)),
    *may_not("publisher", "read-policy", "write-policy", "drop-policy", "delete-bucket"),
]


def fill(server: S3Server) -> None:
    """Put the objects that the promises speak of."""
    for key in OBJECTS:
        server.client("root").put_object(Bucket=server.bucket, Key=key, Body=b"content")


def broken(server: S3Server) -> list[str]:
    """Try all promises, and name those that the server does not keep."""
    return [str(promise) for promise in PROMISES if not is_kept(server, promise)]


def is_kept(server: S3Server, promise: Promise) -> bool:
    """Try it; what may be deleted is put back."""
    allowed = is_allowed(server.client(promise.role), server.bucket, promise)
    if promise.action in ("delete", "delete-many"):
        is_there = promise.key in listing(server)
        server.client("root").put_object(Bucket=server.bucket, Key=promise.key, Body=b"content")
        allowed = allowed or not is_there
    return allowed is promise.allowed


def listing(server: S3Server) -> list[str]:
    answer = server.client("root").list_objects_v2(Bucket=server.bucket)
    return [entry["Key"] for entry in answer.get("Contents", [])]


def is_allowed(client: S3Client, bucket: str, promise: Promise) -> bool:
    """Tell a refusal from anything else; an answer that is neither is an error of the test."""
    try:
        answer = act(client, bucket, promise)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 403:
            return False
        if status == 409:  # the bucket is not empty: it was not refused for lack of the right
            return True
        raise
    return not any(entry["Code"] == "AccessDenied" for entry in answer.get("Errors", ()))


def act(client: S3Client, bucket: str, promise: Promise) -> Any:
    """Do it, with the least change to the store that still needs the right."""
    key: dict[str, Any] = {"Bucket": bucket, "Key": promise.key}
    actions: dict[str, Callable[[], Any]] = {
        "get": lambda: client.get_object(**key),
        "head": lambda: client.head_object(**key),
        "put": lambda: client.put_object(**key, Body=b"content"),
        "begin-upload": lambda: client.create_multipart_upload(**key),
        "upload-in-parts": lambda: upload_in_parts(client, key),
        "copy": lambda: client.copy_object(
            **key,
            CopySource={"Bucket": bucket, "Key": SHARED},  # which everybody may read
            MetadataDirective="REPLACE",
        ),
        "delete": lambda: client.delete_object(**key),
        "delete-many": lambda: client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": promise.key}]}
        ),
        "list": lambda: client.list_objects_v2(Bucket=bucket),
        "list-versions": lambda: client.list_object_versions(Bucket=bucket),
        "list-uploads": lambda: client.list_multipart_uploads(Bucket=bucket),
        "locate": lambda: client.get_bucket_location(Bucket=bucket),
        "read-policy": lambda: client.get_bucket_policy(Bucket=bucket),
        "write-policy": lambda: client.put_bucket_policy(Bucket=bucket, Policy=harmless(bucket)),
        "drop-policy": lambda: client.delete_bucket_policy(Bucket=bucket),
        "delete-bucket": lambda: client.delete_bucket(Bucket=bucket),
    }
    return actions[promise.action]()


def upload_in_parts(client: S3Client, key: dict[str, Any]) -> Any:
    """Upload once to the end, and once more to give it up."""
    upload: dict[str, Any] = {**key, "UploadId": client.create_multipart_upload(**key)["UploadId"]}
    part = client.upload_part(**upload, PartNumber=1, Body=b"content")
    parts: list[Any] = [{"PartNumber": 1, "ETag": part["ETag"]}]
    done = client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    again = client.create_multipart_upload(**key)["UploadId"]
    client.abort_multipart_upload(**key, UploadId=again)
    return done


def harmless(bucket: str) -> str:
    """Write a policy that takes rights away and gives none."""
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/nothing/*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
