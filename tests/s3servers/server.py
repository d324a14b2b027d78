"""A running S3 server, and where to find and how to start one."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from tests.s3servers import minio, seaweedfs
from tests.s3servers.process import Launched, ServerError, launch, run_script

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from tests.s3servers.process import Program

KINDS = ("seaweedfs", "minio")
SCRIPTS = Path(__file__).parents[2] / "minio"
VARIABLES = {
    "root": ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"),
    "publisher": ("PUBLISHER_ACCESS_KEY", "PUBLISHER_SECRET_KEY"),
    "web": ("WEB_ACCESS_KEY", "WEB_SECRET_KEY"),
}


@dataclasses.dataclass(frozen=True)
class S3Server:
    """A running server; `environ` is what minio/setup.py and minio/seaweed.py are told."""

    kind: str
    folder: Path
    launched: Launched
    environ: Mapping[str, str]

    @property
    def endpoint(self) -> str:
        """Name the URL of the store."""
        return self.launched.program.endpoint

    @property
    def bucket(self) -> str:
        """Name the bucket that `set_up` makes."""
        return self.environ["S3_BUCKET"]

    def client(self, role: str) -> S3Client:
        """Make a client that signs as root, publisher or web, or not at all: public."""
        key, secret = (
            (self.environ[name] for name in VARIABLES[role]) if role != "public" else ("", "")
        )
        return connect(self.endpoint, key, secret)

    def with_environ(self, **changes: str) -> S3Server:
        """Tell the same server something else at the next `set_up`."""
        return dataclasses.replace(self, environ={**self.environ, **changes})

    def run_setup(self, scripts: Path = SCRIPTS) -> subprocess.CompletedProcess[str]:
        """Run the folder's set-up job once, whatever its exit code.

        With other identities than before, a SeaweedFS is empty afterwards.
        """
        if self.kind == "seaweedfs" and seaweedfs.write_identities(
            self.folder, self.environ, scripts
        ):
            # It takes them when it starts, and one that finds old data may answer 500 for seconds.
            self.launched.start_afresh()
        return run_script(scripts / "setup.py", self.environ)

    def set_up(self, scripts: Path = SCRIPTS) -> str:
        """Run the set-up job, which has to succeed, and return what it said."""
        done = self.run_setup(scripts)
        if done.returncode:
            raise ServerError(f"{self.kind}: setup.py exits {done.returncode}: {done.stderr}")
        return done.stdout


@functools.cache
def connect(endpoint: str, key: str, secret: str) -> S3Client:
    """Make a client that asks once; without a key it does not sign. Making one takes boto3 long."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key or None,
        aws_secret_access_key=secret or None,
        config=Config(
            signature_version="s3v4" if key else UNSIGNED,
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=2,
            read_timeout=10,
        ),
    )


def found() -> dict[str, Path]:
    """Find the servers of this machine: `weed` beside this Python or on PATH, `minio` on PATH."""
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    programs = {"seaweedfs": weed, "minio": shutil.which("minio")}
    return {kind: Path(program) for kind, program in programs.items() if program}


def wanted() -> tuple[str, ...]:
    """Name the kinds to test with: all that are here; without any, the first, which then fails."""
    return tuple(found()) or KINDS[:1]


def credentials() -> dict[str, str]:
    """Make up new credentials for all identities, beside the bucket's name and region."""
    made_up = {
        name: value
        for key, secret in VARIABLES.values()
        for name, value in ((key, f"key-{secrets.token_hex(6)}"), (secret, secrets.token_hex(16)))
    }
    return {**made_up, "S3_BUCKET": "skewproof", "AWS_REGION": "us-east-1"}


@contextlib.contextmanager
def start(kind: str, folder: Path, environ: Mapping[str, str]) -> Iterator[S3Server]:
    """Run a server of this kind in its own new folder until the block ends; nothing is set up."""
    folder.mkdir(parents=True)
    launched = launch(lambda: _program(kind, folder, environ))
    try:
        admin = "minio" if kind == "minio" else "none"
        told = {"S3_ENDPOINT_URL": launched.program.endpoint, "STORE_ADMIN": admin}
        yield S3Server(kind, folder, launched, {**environ, **told})
    finally:
        launched.kill()


def _program(kind: str, folder: Path, environ: Mapping[str, str]) -> Program:
    path = found().get(kind)
    if path is None:
        raise ServerError(f"the S3 server {kind} is wanted, but is not on this machine")
    if kind == "minio":
        return minio.program(path, folder, environ)
    seaweedfs.write_identities(folder, environ, SCRIPTS)
    return seaweedfs.program(path, folder)
