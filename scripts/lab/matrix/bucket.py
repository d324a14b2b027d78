"""What is done to a bucket from outside: emptied between two cells, cleaned by prefix or by age."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT_ONCE = 1000
"""As many as S3 deletes by one request."""


KEPT = ("CacheControl", "ContentEncoding", "ContentType", "Metadata")
"""What an object has beside its bytes."""


def flip_last(body: bytes) -> bytes:
    """Return the bytes with one bit of the last one flipped."""
    return body[:-1] + bytes([body[-1] ^ 1])


class Bucket:
    """One bucket, as whoever may do everything sees it."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.name = settings["S3_BUCKET"]
        self.client: S3Client = boto3.client(
            "s3",
            endpoint_url=settings["S3_ENDPOINT_URL"],
            region_name=settings["AWS_REGION"],
            aws_access_key_id=settings["MINIO_ROOT_USER"],
            aws_secret_access_key=settings["MINIO_ROOT_PASSWORD"],
            config=Config(s3={"addressing_style": "path"}, read_timeout=10, connect_timeout=2),
        )

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every object: key -> when it was written."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {
            found["Key"]: {"last_modified": found["LastModified"].isoformat()}
            for page in pages
            for found in page.get("Contents", ())
        }

    def flip(self, key: str) -> None:
        """Change the last byte of an object, and nothing else."""
        found = self.client.get_object(Bucket=self.name, Key=key)
        headers: Any = {name: value for name, value in found.items() if name in KEPT}
        body = flip_last(found["Body"].read())
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **headers)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects."""
        left = [*keys]
        while left:
            batch, left = left[:AT_ONCE], left[AT_ONCE:]
            objects: Any = [{"Key": key} for key in batch]
            self.client.delete_objects(Bucket=self.name, Delete={"Objects": objects, "Quiet": True})
