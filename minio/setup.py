"""Set up the store: its bucket, what the public may read, and the publisher's and web's rights.

A one-shot job that may run any number of times: what is already as it should be is left alone, a
changed secret or policy file is applied. It is told everything by environment variables:

    S3_ENDPOINT_URL                              the store, such as http://minio:9000
    S3_BUCKET                                    default skewproof
    AWS_REGION                                   default us-east-1
    MINIO_ROOT_USER, MINIO_ROOT_PASSWORD         the identity that sets up
    PUBLISHER_ACCESS_KEY, PUBLISHER_SECRET_KEY   the identity of the publish jobs
    WEB_ACCESS_KEY, WEB_SECRET_KEY               the identity of the web replicas
    STORE_ADMIN                                  minio (default), or none: another S3 server, whose
                                                 publisher and web identities are made elsewhere
    STORE_TIMEOUT                                seconds to wait for the store, default 60

Exit codes: 0 done; 64 a variable or a policy file is missing or bad; 69 the store does not answer
in time; 70 it answers with another error; 77 it refuses the root credentials.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import boto3
import policy
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from settings import RefusedError, Settings, SetupError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from settings import Identity

REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403")
POLL = 0.25  # seconds


def main() -> int:
    """Set the store up as the environment says, and return the exit code."""
    # As process 1 of a container it would outlive a SIGTERM that it does not handle. An exception
    # is lost where Python ignores it, as in a destructor; there is nothing to clean up.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    try:
        for line in set_up(Settings.read(os.environ)):
            print(line, flush=True)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def set_up(settings: Settings) -> Iterator[str]:
    """Bring the store into its wanted state; yield a line for each part of it."""
    public = policy.read("public", settings.bucket)
    client = connect(settings, settings.root)
    with errors_of(settings):
        wait_until_ready(client, settings)
        yield f"bucket {settings.bucket}: {ensure_bucket(client, settings)}"
        yield f"public: {ensure_bucket_policy(client, settings.bucket, public)}"
    if settings.identities:
        # The one part that needs the package minio: S3 itself has no way to make an identity.
        from identities import ensure_identities

        yield from ensure_identities(settings, lambda identity: accepts(settings, identity))
    yield f"store {settings.endpoint}: set up"


def connect(settings: Settings, identity: Identity) -> S3Client:
    """Make a client that asks once and does not wait long: the caller polls."""
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id=identity.access_key,
        aws_secret_access_key=identity.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=2,
            read_timeout=5,
        ),
    )


def wait_until_ready(client: S3Client, settings: Settings) -> None:
    """Poll until the store answers root's signed request; refused credentials end it at once."""
    deadline = time.monotonic() + settings.timeout
    pause = threading.Event()
    while True:
        try:
            client.list_buckets()
        except ClientError as error:
            if error.response["Error"]["Code"] in REFUSED:
                raise
            last = told(error)
        except BotoCoreError as error:
            last = told(error)
        else:
            return
        if time.monotonic() >= deadline:
            raise UnreachableError(
                f"store {settings.endpoint}: not ready after {settings.timeout:g} s ({last}); "
                "see whether it runs, and S3_ENDPOINT_URL"
            )
        pause.wait(POLL)


def ensure_bucket(client: S3Client, settings: Settings) -> str:
    """Create the bucket unless it is there."""
    try:
        client.head_bucket(Bucket=settings.bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
    else:
        return "as it should be"
    where: dict[str, Any] = {}
    if settings.region != "us-east-1":  # which S3 does not take as a constraint
        where = {"CreateBucketConfiguration": {"LocationConstraint": settings.region}}
    try:
        client.create_bucket(Bucket=settings.bucket, **where)
    except client.exceptions.BucketAlreadyOwnedByYou:
        return "as it should be"
    return "created"


def ensure_bucket_policy(client: S3Client, bucket: str, wanted: dict[str, Any]) -> str:
    """Give the public its rights, and take away what the policy does not name."""
    current: dict[str, Any] = {}
    try:
        current = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
    if policy.same(current, wanted):
        return "as it should be"
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(wanted))
    return "policy applied"


def accepts(settings: Settings, identity: Identity) -> bool:
    """Tell whether the store knows this key with this secret, whatever it may do with it."""
    with errors_of(settings):
        try:
            connect(settings, identity).get_bucket_location(Bucket=settings.bucket)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in REFUSED:
                raise
            return code == "AccessDenied"
    return True


@contextlib.contextmanager
def errors_of(settings: Settings) -> Iterator[None]:
    """Turn what boto3 raises into one line and an exit code."""
    store = f"store {settings.endpoint}"
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in REFUSED:
            raise RefusedError(
                f"{store}: refuses {settings.root.access_key} ({told(error)}); "
                "see MINIO_ROOT_USER and MINIO_ROOT_PASSWORD"
            ) from error
        raise SetupError(f"{store}: {told(error)}") from error
    except BotoCoreError as error:
        raise UnreachableError(f"{store}: went away during the set-up ({told(error)})") from error


def told(error: Exception) -> str:
    """Put an error into a few words on one line."""
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        return (
            f"{error.operation_name} answers {answer['Code']}: {answer.get('Message', '')}".strip()
        )
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
