"""The gateway before each real S3 server: what is a file for one of them is a file for all."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.s3servers import credentials, start, wanted
from tests.unit.gateway.conftest import Upstream, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.gateway.conftest import Gateway

NAME = "css/site.0123456789ab.css"
NO_FILES = (
    *("", "/", "//", "/css", "/css/", "/css//", "/css/.", "/css/..", "/css%2f", "/%2f", "/%20"),
    *("/css/site", "/site.0123456789ab.css", f"/{NAME}/", f"/{NAME}/x", f"//{NAME}", "/absent"),
)
QUERIES = ("", "?list-type=2", "?list-type=2&delimiter=/", "?prefix=css/", "?policy", "?versions")


@pytest.fixture(scope="module", params=wanted())
def before(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The gateway before a store that holds one asset."""
    folder = tmp_path_factory.mktemp("gateway")
    with start(request.param, folder / "store", credentials()) as server:
        server.set_up()
        server.client("publisher").put_object(
            Bucket=server.bucket,
            Key=f"static/{NAME}",
            Body=b".a {}",
            ContentType="text/css",
            Metadata={"owner": "x"},
        )
        port = urlsplit(server.endpoint).port
        assert port
        with serve(folder, Upstream(port)) as gateway:
            yield gateway


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", NO_FILES)
def test_what_is_no_file_is_a_miss_on_every_store(before: Gateway, path: str, query: str) -> None:
    for method, said in (("GET", "no such asset\n"), ("HEAD", "")):
        status, headers, body = before.ask(f"/static{path}{query}", method)
        assert (status, headers["Cache-Control"], body) == (404, "no-store", said)


@pytest.mark.parametrize("query", QUERIES)
def test_a_file_is_found_on_every_store_with_the_same_headers(before: Gateway, query: str) -> None:
    status, headers, body = before.ask(f"/static/{NAME}{query}", Cache_Control="no-cache")
    assert (status, headers["Content-Type"], body) == (200, "text/css", ".a {}")
    assert {name.lower() for name in headers} == {
        *("accept-ranges", "access-control-allow-origin", "cache-control", "connection"),
        *("content-length", "content-type", "date", "etag", "last-modified", "server", "x-cache"),
        "x-content-type-options",
    }
