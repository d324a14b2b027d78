"""A front of an S3 server that answers as other services do: it signs anew what it passes on."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.unit.skewproof.proxy import Handler, proxying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.skewproof.places import BucketPlace
    from tests.unit.skewproof.proxy import Answer, Proxy

KEPT = {
    "x-amz-checksum-crc32",
    "content-type",
    "if-none-match",
    "content-md5",
    "cache-control",
    "x-amz-tagging",
}


class Service(Handler):
    """One connection to a service.

    Attributes:
        place: Where the objects are.
        strange: Keys that every listing has beside those of the store.
        ignored: Headers that the service does not know.
    """

    place: ClassVar[BucketPlace]
    strange: ClassVar[list[str]] = []
    ignored: ClassVar[set[str]] = set()

    def exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        url = urlsplit(path)
        path = f"/{self.place.server.bucket}{url.path.removeprefix(f'/{self.place.server.bucket}')}"
        wanted = KEPT - self.ignored
        kept = {name: value for name, value in headers.items() if name.lower() in wanted}
        status, answered, content = super().exchange(
            method, *self.signed(method, f"{path}?{url.query}", decoded(body, headers), kept)
        )
        if method == "GET" and "list-type=2" in url.query:
            by_url = "encoding-type" in url.query
            cut = "delimiter" in url.query
            content = self.with_strange(content, quote if by_url else as_entity, cut=cut)
            answered = {name: answered[name] for name in answered if name != "Content-Length"}
        return status, answered, content

    def signed(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[str, bytes, dict[str, str]]:
        """Return path, body and headers, signed by root."""
        request = AWSRequest(method, f"http://{self.server.upstream}{path}", headers, body)
        keys = Credentials(*self.place.identity("root").values())
        S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
        return path, body, {**dict(request.headers.items()), "Content-Length": str(len(body))}

    def with_strange(self, content: bytes, spelled: Callable[[str], str], *, cut: bool) -> bytes:
        """Return a listing with keys that no file system has."""
        found = re.search(rb"<Prefix>([^<]*)</Prefix>", content)
        if found is None or b"static" not in found[1]:
            return content
        prefix = found[1].decode()
        more = "".join(
            f"<Contents><Key>{spelled(prefix + key)}</Key><Size>1</Size><ETag>x</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            if not cut or "/" not in key
            else "<CommonPrefixes>"
            f"<Prefix>{spelled(prefix + key.partition('/')[0])}/</Prefix></CommonPrefixes>"
            for key in self.strange
        )
        return content.replace(b"</ListBucketResult>", f"{more}</ListBucketResult>".encode())


def as_entity(key: str) -> str:
    """Return a key as XML has it."""
    return key.replace("\t", "&#9;")


def decoded(body: bytes, headers: dict[str, str]) -> bytes:
    """Return a body that came in chunks of Amazon's own making."""
    if "x-amz-decoded-content-length" not in {name.lower() for name in headers}:
        return body
    found = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        count = int(size.partition(b";")[0], 16)
        if not count:
            return found
        found, body = found + body[:count], body[count + 2 :]


@contextmanager
def serving(
    place: BucketPlace,
    *,
    strange: list[str] | None = None,
    ignored: set[str] | None = None,
    certificate: Path | None = None,
) -> Iterator[Proxy]:
    """Run a service before the place; yield what controls it."""
    members = {"place": place, "strange": strange or [], "ignored": ignored or set()}
    handler = type("Made", (Service,), members)
    with proxying(place.server.endpoint, handler, certificate) as proxy:
        yield proxy
