"""The two kinds of store, as the tests look at them from outside."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from tests.s3servers.server import VARIABLES
from tests.unit.skewproof.clouds import CloudPlace

from skewproof.publishing.claim import is_claim

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ObjectIdentifierTypeDef
    from tests.s3servers import S3Server


@dataclass
class BucketPlace:
    """A place of its own in the real bucket, within what the publisher's policy allows."""

    server: S3Server
    prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    options: dict[str, Any] = field(default_factory=dict)
    kind: str = "s3"
    environ: ClassVar[dict[str, str]] = {}

    @property
    def client(self) -> S3Client:
        return self.server.client("root")

    def configured(self, **options: Any) -> dict[str, Any]:
        return {
            "BACKEND": "skewproof.storage.S3ReleaseStorage",
            "OPTIONS": {
                "bucket_name": self.server.bucket,
                "endpoint_url": self.server.endpoint,
                "region_name": "us-east-1",
                **self.identity("publisher"),
                "location": f"static/{self.prefix}",
                "releases_location": f"releases/{self.prefix}",
                "custom_domain": "cdn.test",
                **self.options,
                **options,
            },
        }

    def identity(self, role: str) -> dict[str, str]:
        """Return the options by which a storage is root, publisher or web."""
        access_key, secret_key = (self.server.environ[name] for name in VARIABLES[role])
        return {"access_key": access_key, "secret_key": secret_key}

    def key(self, name: str) -> str:
        """Return static/a as static/<prefix>/a, and releases/... likewise, as the store sees it."""
        top, _, rest = name.partition("/")
        return f"{top}/{self.prefix}/{rest}"

    def entries(self) -> dict[str, tuple[str, str]]:
        """Return when and what each key but the claim was written, as the server says."""
        return {
            f"{top}/{entry['Key'].removeprefix(f'{top}/{self.prefix}/')}": (
                entry["LastModified"].isoformat(),
                entry["ETag"],
            )
            for top in ("static", "releases")
            for page in self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.server.bucket, Prefix=f"{top}/{self.prefix}/"
            )
            for entry in page.get("Contents", ())
            if not is_claim(entry["Key"])
        }

    def head(self, name: str) -> HeadObjectOutputTypeDef:
        return self.client.head_object(Bucket=self.server.bucket, Key=self.key(name))

    def read(self, name: str) -> bytes:
        return self.client.get_object(Bucket=self.server.bucket, Key=self.key(name))["Body"].read()

    def write(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.server.bucket, Key=self.key(name), Body=content)

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.server.bucket, Key=self.key(name))

    def delete_all(self, names: Iterable[str]) -> None:
        keys: list[ObjectIdentifierTypeDef] = [{"Key": self.key(name)} for name in names]
        if keys:
            self.client.delete_objects(Bucket=self.server.bucket, Delete={"Objects": keys})


@dataclass
class DirectoryPlace:
    """A directory with static/ and releases/."""

    root: Path
    kind: str = "directory"
    environ: ClassVar[dict[str, str]] = {}

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
            if file.is_file() and not is_claim(file.name)
        }

    def key(self, name: str) -> str:
        return name

    def read(self, key: str) -> bytes:
        return (self.root / key).read_bytes()

    def write(self, key: str, content: bytes) -> None:
        (self.root / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / key).write_bytes(content)

    def delete(self, key: str) -> None:
        (self.root / key).unlink()

    def delete_all(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.delete(key)


Place = BucketPlace | DirectoryPlace | CloudPlace
