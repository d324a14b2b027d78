"""The stores of Google Cloud and Azure, as emulators in local processes."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import pytest
from azure.storage.blob import BlobServiceClient
from tests.machine import lacks, require_program
from tests.s3servers.process import Program, launch
from tests.unit.skewproof.proxy import Answer, Failure, Handler, Proxy, Request, proxying

from lab.stacks.ports import free_port
from skewproof.backends.loader import Loader
from skewproof.errors import ManifestError
from skewproof.publishing.claim import is_claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.skewproof.project import Project

KINDS = ("gcs", "azure")
ACCOUNT = "shop"


def clouds() -> tuple[str, ...]:
    """Name the emulators of this machine."""
    return tuple(kind for kind in KINDS if lacks(kind) is None)


class Cloud(Protocol):
    """A running emulator, behind a proxy that a test can make fail."""

    proxy: Proxy

    def place(self) -> CloudPlace:
        """Return a place of its own in it."""


class CloudPlace(Protocol):
    """What a BucketPlace is for S3."""

    kind: str
    environ: dict[str, str]
    prefix: str
    proxy: Proxy

    def configured(self, **options: Any) -> dict[str, Any]:
        """Return the entry of STORAGES."""

    def key(self, name: str) -> str:
        """Return static/a as the store names it, and releases/... likewise."""

    def entries(self) -> dict[str, tuple[str, str]]:
        """Return when and what each key but the claim was written, as the server says."""

    def headers(self, name: str) -> dict[str, str]:
        """Return the headers of what anybody gets who asks for it."""

    def read(self, name: str) -> bytes: ...
    def write(self, name: str, content: bytes) -> None: ...
    def delete(self, name: str) -> None: ...


def ask(endpoint: str, method: str, path: str, body: bytes | None = None) -> Answer:
    connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=10)
    try:
        # With gzip accepted, what is stored compressed comes as it is stored.
        wanted = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        connection.request(method, path, body, wanted)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return response.status, headers, response.read()
    finally:
        connection.close()


class JsonApi(Handler):
    """Google's API, which says in JSON what goes wrong."""

    def refuse(self, failure: Failure) -> None:
        said = {"reason": failure.code, "message": failure.message}
        body = json.dumps({"error": {**said, "code": failure.how, "errors": [said]}}).encode()
        self.answer(int(failure.how), {"Content-Type": "application/json"}, body)


class XmlApi(Handler):
    """Azure's API, which always has a message."""

    def refuse(self, failure: Failure) -> None:
        said = replace(failure, message=failure.message or "Not now.")
        headers = {"Content-Type": "application/xml", "x-ms-error-code": failure.code}
        self.answer(int(failure.how), headers, said.body())


@dataclass(frozen=True)
class Write:
    """A request that writes a file, as either service has it.

    Attributes:
        key: What is written.
        is_conditional: Whether only where nothing is.
        sent: What Google is sent with it: properties, and the query.
        headers: What Azure is.
    """

    key: str
    is_conditional: bool
    sent: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def find_writes(proxy: Proxy) -> list[Write]:
    """Return what was written through a proxy."""
    return [found for each in proxy.requests if (found := find_write(each))]


def find_write(request: Request) -> Write | None:
    url = urlsplit(request.path)
    if request.method == "PUT":
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Write(unquote(url.path), headers.get("if-none-match") == "*", headers=headers)
    if request.method == "POST" and url.path.startswith("/upload/"):
        # Related parts: the properties, then the content.
        properties = json.loads(request.body.split(b"\r\n\r\n", 2)[1].partition(b"\r\n")[0])
        query = dict(parse_qsl(url.query))
        return Write(
            f"/{properties['name']}", "ifGenerationMatch" in query, {**properties, **query}
        )
    return None


@dataclass
class Gcs:
    """fake-gcs-server: it asks for no credentials."""

    proxy: Proxy

    def place(self) -> GcsPlace:
        return GcsPlace(self.proxy)


@dataclass
class GcsPlace:
    """A place of its own in the bucket."""

    proxy: Proxy
    prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    kind: str = "gcs"

    environ: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environ = {"STORAGE_EMULATOR_HOST": self.proxy.endpoint}

    def configured(self, **options: Any) -> dict[str, Any]:
        return {
            "BACKEND": "skewproof.storage.GoogleCloudReleaseStorage",
            "OPTIONS": {
                "bucket_name": "skew",
                "project_id": "test",
                "location": f"static/{self.prefix}",
                "releases_location": f"releases/{self.prefix}",
                **options,
            },
        }

    def key(self, name: str) -> str:
        top, _, rest = name.partition("/")
        return f"{top}/{self.prefix}/{rest}"

    def path(self, name: str) -> str:
        return f"/storage/v1/b/skew/o/{quote(self.key(name), safe='')}"

    def entries(self) -> dict[str, tuple[str, str]]:
        listed = json.loads(ask(self.proxy.endpoint, "GET", "/storage/v1/b/skew/o")[2])
        return {
            each["name"].replace(f"/{self.prefix}/", "/"): (each["generation"], each["md5Hash"])
            for each in listed.get("items", ())
            if f"/{self.prefix}/" in each["name"] and not is_claim(each["name"])
        }

    def headers(self, name: str) -> dict[str, str]:
        return ask(self.proxy.endpoint, "GET", f"/skew/{quote(self.key(name))}")[1]

    def read(self, name: str) -> bytes:
        return ask(self.proxy.endpoint, "GET", f"{self.path(name)}?alt=media")[2]

    def write(self, name: str, content: bytes) -> None:
        query = urlencode({"uploadType": "media", "name": self.key(name)})
        ask(self.proxy.endpoint, "POST", f"/upload/storage/v1/b/skew/o?{query}", content)

    def delete(self, name: str) -> None:
        ask(self.proxy.endpoint, "DELETE", self.path(name))


@dataclass
class Azure:
    """Azurite: a public container for assets and a private one for manifests."""

    proxy: Proxy
    account_key: str
    direct: BlobServiceClient

    def place(self) -> AzurePlace:
        return AzurePlace(self.proxy, self.account_key, self.direct)


@dataclass
class AzurePlace:
    """A place of its own in both containers."""

    proxy: Proxy
    account_key: str
    direct: BlobServiceClient
    prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    kind: str = "azure"
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def account_url(self) -> str:
        return f"{self.proxy.endpoint}/{ACCOUNT}"

    def configured(self, **options: Any) -> dict[str, Any]:
        return {
            "BACKEND": "skewproof.storage.AzureReleaseStorage",
            "OPTIONS": {
                "connection_string": connection_string(self.account_url, self.account_key),
                "azure_container": "static",
                "releases_container": "releases",
                "location": self.prefix,
                "releases_location": self.prefix,
                **options,
            },
        }

    def key(self, name: str) -> str:
        top, _, rest = name.partition("/")
        return f"{top}/{self.prefix}/{rest}"

    def blob(self, name: str) -> Any:
        top, _, rest = name.partition("/")
        return self.direct.get_blob_client(top, f"{self.prefix}/{rest}")

    def entries(self) -> dict[str, tuple[str, str]]:
        return {
            blob.name.replace(f"{self.prefix}/", f"{top}/", 1): (
                blob.etag,
                blob.content_settings.content_md5.hex(),
            )
            for top in ("static", "releases")
            for blob in self.direct.get_container_client(top).list_blobs(f"{self.prefix}/")
            if not is_claim(blob.name)
        }

    def headers(self, name: str) -> dict[str, str]:
        return ask(self.proxy.endpoint, "GET", f"/{ACCOUNT}/{quote(self.key(name))}")[1]

    def read(self, name: str) -> bytes:
        content: bytes = self.blob(name).download_blob().readall()
        return content

    def write(self, name: str, content: bytes) -> None:
        self.blob(name).upload_blob(content, overwrite=True)

    def delete(self, name: str) -> None:
        self.blob(name).delete_blob()


def connection_string(account_url: str, account_key: str) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={account_key};"
        f"BlobEndpoint={account_url};"
    )


@contextmanager
def emulating(kind: str, folder: Path) -> Iterator[Cloud]:
    """Run an emulator in a folder of its own until the block ends."""
    with (emulating_gcs if kind == "gcs" else emulating_azure)(folder) as cloud:
        yield cloud


@contextmanager
def emulating_gcs(folder: Path) -> Iterator[Gcs]:
    launched = launch(lambda: fake_gcs_server(folder))
    try:
        endpoint = launched.program.endpoint
        ask(endpoint, "POST", "/storage/v1/b?project=test", b'{"name": "skew"}')
        with proxying(endpoint, JsonApi) as proxy:
            yield Gcs(proxy)
    finally:
        launched.kill()


@contextmanager
def emulating_azure(folder: Path) -> Iterator[Azure]:
    account_key = base64.b64encode(secrets.token_bytes(32)).decode()
    launched = launch(lambda: azurite(folder, account_key))
    try:
        endpoint = launched.program.endpoint
        with (
            proxying(endpoint, XmlApi) as proxy,
            BlobServiceClient.from_connection_string(
                connection_string(f"{endpoint}/{ACCOUNT}", account_key)
            ) as direct,
        ):
            direct.create_container("static", public_access="blob")
            direct.create_container("releases")
            yield Azure(proxy, account_key, direct)
    finally:
        launched.kill()


def fake_gcs_server(folder: Path) -> Program:
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    return Program(
        command=(
            str(require_program("fake-gcs-server")),
            *("-scheme", "http", "-host", "127.0.0.1", "-port", str(port)),
            *("-backend", "memory", "-public-host", "127.0.0.1"),
        ),
        folder=folder,
        environ={},
        endpoint=endpoint,
        health=f"{endpoint}/_internal/healthcheck",
    )


def azurite(folder: Path, account_key: str) -> Program:
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    return Program(
        command=(
            str(require_program("azurite-blob")),
            *("--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"),
            # It lags behind the versions of the API that Azure's library asks for.
            *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        ),
        folder=folder,
        environ={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{account_key}"},
        endpoint=endpoint,
        health=f"{endpoint}/",
        healthy=400,
    )


def failure(project: Project, storage: Any) -> ManifestError:
    """Return the error of a page, whose message is one line."""
    storage._loader = Loader(pause=0)
    with project.active("v1"), pytest.raises(ManifestError) as caught:
        storage.url("css/site.css")
    assert "\n" not in str(caught.value)
    return caught.value
