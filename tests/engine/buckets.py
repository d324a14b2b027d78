"""A stack's bucket as one of the identities sees it, from where that identity lives."""

from __future__ import annotations

import base64
import subprocess
import sys
from typing import Protocol

from tests.engine.projects import Project
from tests.engine.stacks import is_embedded, project_of, publisher_environment

from lab.stacks.stack import Stack

# Does one thing to the bucket with the credentials of its environment, or without any, and prints
# how that ended: "done", or the code of the store's answer.
SCRIPT = """
import base64, os, sys
import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
action, key, body = sys.argv[1:]
signature = UNSIGNED if action.startswith("public-") else "s3v4"
s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT_URL"], config=Config(
    signature_version=signature, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1},
    connect_timeout=3, read_timeout=10))
bucket = {"Bucket": os.environ["S3_BUCKET"]}
content = {"Body": base64.b64decode(body), "ContentType": "text/css"}
actions = {
    "put": lambda: s3.put_object(**bucket, Key=key, **content),
    "get": lambda: s3.get_object(**bucket, Key=key),
    "delete": lambda: s3.delete_object(**bucket, Key=key),
    "list": lambda: s3.list_objects_v2(**bucket),
}
try:
    actions[action.removeprefix("public-")]()
except ClientError as error:
    print(error.response["Error"]["Code"])
else:
    print("done")
"""


class Publisher(Protocol):
    """The identity that may write, for tests that play the publisher."""

    def __call__(self, action: str, key: str, body: bytes = b"") -> str:
        """Do it, and return "done" or the code of the store's answer."""


def program(action: str, key: str, body: bytes = b"") -> list[str]:
    """What Python is to be told."""
    return ["-c", SCRIPT, action, key, base64.b64encode(body).decode()]


def publisher(stack: Stack) -> Publisher:
    """Act as the publisher of this stack."""

    def act(action: str, key: str, body: bytes = b"") -> str:
        told = program(action, key, body)
        if not is_embedded(stack):
            return project_of(stack).run_beside("publish-v1", ["python", *told])
        done = subprocess.run(
            [sys.executable, *told],
            env=publisher_environment(stack),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    return act


def act_inside(project: Project, service: str, action: str, key: str) -> str:
    """Act from within a running container, with the credentials that it has."""
    code, output = project.run_inside(service, ["python", *program(action, key, b"planted")])
    assert code == 0, output
    return output
