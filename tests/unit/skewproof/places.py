"""The two kinds of store, as the tests look at them from outside."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .server import BUCKET, client

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class BucketPlace:
    """A prefix of its own in the real bucket."""

    endpoint: str
    prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    kind: str = "s3"

    def __post_init__(self) -> None:
        self.client = client(self.endpoint)

    def configured(self, **options: Any) -> dict[str, Any]:
        return {
            "BACKEND": "skewproof.storage.S3ReleaseStorage",
            "OPTIONS": {
                "bucket_name": BUCKET,
                "endpoint_url": self.endpoint,
                "region_name": "us-east-1",
                "access_key": "publisher",
                "secret_key": "publisher-secret",
                "location": f"{self.prefix}/static",
                "custom_domain": "cdn.test",
                **options,
            },
        }

    def entries(self) -> dict[str, tuple[str, str]]:
        """Return when and what each key was written, as the server says."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{self.prefix}/"
        )
        return {
            entry["Key"].removeprefix(f"{self.prefix}/"): (
                entry["LastModified"].isoformat(),
                entry["ETag"],
            )
            for page in pages
            for entry in page.get("Contents", ())
        }

    def head(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.head_object(Bucket=BUCKET, Key=f"{self.prefix}/{key}")
        return found

    def read(self, key: str) -> bytes:
        found = self.client.get_object(Bucket=BUCKET, Key=f"{self.prefix}/{key}")
        content: bytes = found["Body"].read()
        return content

    def write(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{key}", Body=content)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=f"{self.prefix}/{key}")


@dataclass
class DirectoryPlace:
    """A directory with static/ and releases/."""

    root: Path
    kind: str = "directory"

    def configured(self, **options: Any) -> dict[str, Any]:
        return {
            "BACKEND": "skewproof.storage.FileSystemReleaseStorage",
            "OPTIONS": {"location": str(self.root / "static"), **options},
        }

    def entries(self) -> dict[str, tuple[str, str]]:
        return {
            file.relative_to(self.root).as_posix(): (
                f"{file.stat().st_mtime_ns} {file.stat().st_ino}",
                hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest(),
            )
            for file in self.root.rglob("*")
            if file.is_file()
        }

    def read(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def write(self, key: str, content: bytes) -> None:
        (self.root / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / key).write_bytes(content)

    def delete(self, key: str) -> None:
        (self.root / key).unlink()


Place = BucketPlace | DirectoryPlace
