"""The embedded engine's S3 server: SeaweedFS, from its wheel."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.checkout import MINIO
from lab.stacks.ports import GRPC_DISTANCE, free_port

BUCKET = "skewproof"
REGION = "us-east-1"
# Guards nothing but a server on 127.0.0.1 that lives as long as its stack.
IDENTITIES = {
    "MINIO_ROOT_USER": "root",  # as minio/ calls whoever sets the bucket up
    "MINIO_ROOT_PASSWORD": "root-secret",
    "PUBLISHER_ACCESS_KEY": "publisher",
    "PUBLISHER_SECRET_KEY": "publisher-secret",
    "WEB_ACCESS_KEY": "web",
    "WEB_SECRET_KEY": "web-secret-key",
}

SEAWEEDFS = (
    *("-logtostderr", "mini", "-dir=.", "-master.telemetry=false"),
    *("-webdav=false", "-admin.ui=false", "-s3.port.lance=0", "-s3.port.iceberg=0"),
    *("-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"),
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
)
"""Master, volume server, filer and S3 in one process that works in its folder alone."""
WEED = Path(sys.executable).with_name("weed")


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """How to start the server."""

    command: list[str | Path]
    port: int
    litter: tuple[str, ...]
    """Files that it leaves behind outside its folder."""

    @property
    def settings(self) -> dict[str, str]:
        """Return the environment of whoever sets the bucket up."""
        return {
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "S3_BUCKET": BUCKET,
            "AWS_REGION": REGION,
            "STORE_ADMIN": "none",
            **IDENTITIES,
        }


def make_store(folder: Path) -> ObjectStore:
    """Choose ports and write the identities, which are a file; `folder` takes the objects."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("s3", "master", "volume", "filer", "admin")
    ports = {name: free_port() for name in names}
    identities = folder / "s3.json"
    identities.write_bytes(describe_identities())
    command: list[str | Path] = [WEED, *SEAWEEDFS]
    command += [
        f"-s3.config={identities}",
        *(f"-{name}.port={port}" for name, port in ports.items()),
    ]
    sockets = [f"*-grpc-{port + GRPC_DISTANCE}.sock" for port in ports.values()]
    litter = [f"/tmp/seaweedfs-{socket}" for socket in sockets]  # noqa: S108 - where it puts them
    return ObjectStore(command=command, port=ports["s3"], litter=tuple(litter))


def describe_identities() -> bytes:
    """Return what SeaweedFS reads at its start, made of MinIO's policies."""
    command = [sys.executable, str(MINIO / "seaweed.py")]
    environment = {**IDENTITIES, "S3_BUCKET": BUCKET}
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
