from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    Python = Callable[..., subprocess.CompletedProcess[str]]

COUNT = 1002  # a listing has a thousand on a page


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server whose bucket needs more than one page to list."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="publisher",
        aws_secret_access_key="publisher-secret",
    )
    client.create_bucket(Bucket="skewproof")
    for number in range(COUNT):
        client.put_object(Bucket="skewproof", Key=f"static/css/{number}.css", Body=b"a{}")
    yield url
    server.stop()


@pytest.mark.parametrize("strategy", ["skewproof", "versioned", "shared"])
def test_an_inventory_is_one_document_with_every_object(
    python: Python, endpoint: str, strategy: str
) -> None:
    done = python(
        "manage.py",
        "inventory",
        RELEASE_ID="v1",
        STATICFILES_STRATEGY=strategy,
        S3_ENDPOINT_URL=endpoint,
        PYTHONWARNINGS="",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == COUNT
    first = found["static/css/0.css"]
    assert first["etag"] == "307cc22fa7769c09386c1c90fe36bbc6"
    assert first["bytes"] == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["last_modified"])


def test_a_store_that_does_not_answer_is_one_line(python: Python) -> None:
    done = python("manage.py", "inventory", RELEASE_ID="v1", PYTHONWARNINGS="")
    assert done.returncode == 1
    start = "CommandError: cannot list bucket skewproof at http://127.0.0.1:1: "
    assert done.stderr.startswith(start)
    assert len(done.stderr.splitlines()) == 1


def test_development_has_no_inventory(python: Python) -> None:
    done = python("manage.py", "inventory", RELEASE_ID="v1", DEBUG="true")
    assert done.returncode == 1
    assert "there is no bucket in development" in done.stderr
