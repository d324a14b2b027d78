from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.s3servers import S3Server, credentials, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    Python = Callable[..., subprocess.CompletedProcess[str]]

COUNT = 1002  # a listing has a thousand on a page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server whose bucket needs more than one page to list."""
    folder = tmp_path_factory.mktemp("inventory") / "store"
    with start("seaweedfs", folder, credentials()) as server:
        server.set_up()
        client = server.client("publisher")
        for number in range(COUNT):
            client.put_object(Bucket=server.bucket, Key=f"static/css/{number}.css", Body=b"a{}")
        yield server


@pytest.mark.parametrize("strategy", ["skewproof", "versioned", "shared"])
def test_an_inventory_is_one_document_with_every_object(
    python: Python, server: S3Server, strategy: str
) -> None:
    done = python(
        "manage.py",
        "inventory",
        RELEASE_ID="v1",
        STATICFILES_STRATEGY=strategy,
        S3_ENDPOINT_URL=server.endpoint,
        AWS_ACCESS_KEY_ID=server.environ["PUBLISHER_ACCESS_KEY"],
        AWS_SECRET_ACCESS_KEY=server.environ["PUBLISHER_SECRET_KEY"],
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
