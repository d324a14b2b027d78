"""Two Azure containers as the store, through the storage's own client: the rule, and the only way.

Azure's ETags are no MD5s, but each blob has the MD5 that it was written with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobPrefix, ContentSettings
from requests.exceptions import SSLError
from storages.backends.azure_storage import AzureStorage  # type: ignore[import-untyped]

from skewproof.errors import OptionError, conceal, quote
from skewproof.stores import bucket
from skewproof.stores.bucket import Area, Bucket
from skewproof.stores.parameters import find_headers, name_headers, refuse_unknown
from skewproof.stores.store import Stored, md5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from azure.storage.blob import BlobProperties, ContainerClient

    from skewproof.stores.store import Headers

Parameters = dict[str, Any]
PAGE = 5000  # blobs in one page of a listing, the most that Azure gives
KNOWN = {*vars(ContentSettings()), "metadata"}
NO_CREDENTIALS = "set the option account_key, sas_token, connection_string or token_credential"


@dataclass(frozen=True)
class AzureClient:
    """One container, through Azure's client, which tries nothing again by itself.

    Attributes:
        container: The storage's own client of it.
        parameters: Returns what is sent with a key, beside the headers.
        options: Go with each request: the time-outs, and not to repeat it.
        concurrency: How many requests write one file that is too large for one.
        at_once: How many keys one request deletes; not all accounts take several.
    """

    container: ContainerClient
    parameters: Callable[[str, Headers], Parameters]
    options: Parameters
    concurrency: int
    at_once: int = 1

    failures: ClassVar[tuple[type[Exception], ...]] = (AzureError, OSError)

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:
        """Yield what is below a prefix, by key, page by page, without what has an unusual key."""
        return (read_page(page) for page in self._list(self.container.list_blobs, under))

    def list_folder(self, under: str) -> tuple[list[str], dict[str, Stored]]:
        """Return the prefixes right below a prefix, without a slash, and the blobs there."""
        found = list(chain.from_iterable(self._list(self.container.walk_blobs, under)))
        folders = [each.name[:-1] for each in found if isinstance(each, BlobPrefix)]
        blobs = (each for each in found if not isinstance(each, BlobPrefix))
        return [each for each in folders if bucket.is_plain(each)], read_page(blobs)

    def _list(self, ask: Callable[..., Any], under: str) -> Iterator[list[Any]]:
        pages = ask(
            f"{under}/" if under else None,
            include=["metadata"],
            results_per_page=PAGE,
            **self.options,
        ).by_page()

        def read() -> list[Any] | None:
            page = next(pages, None)
            return page if page is None else list(page)

        # A page may be empty, and others follow.
        while (page := bucket.insist(read, is_final)) is not None:
            yield page

    def read(self, key: str) -> bytes | None:
        """Return a blob, or None when there is none; a missing container is a failure."""

        def get() -> bytes:
            return self.container.download_blob(key, **self.options).readall()

        try:
            return bucket.insist(get, is_final)
        except ResourceNotFoundError as error:
            if read_code(error) != "BlobNotFound":
                raise
            return None

    def create(self, key: str, body: bytes, headers: Headers) -> bool:
        """Write a blob; return False if the key is taken: not every conflict is about that."""
        try:
            self._put(key, body, headers, overwrite=False)
        except ResourceExistsError as error:
            if read_code(error) != "BlobAlreadyExists":
                raise
            return False
        return True

    def replace(self, key: str, body: bytes, headers: Headers) -> None:
        """Write a blob over what the key may hold."""
        self._put(key, body, headers, overwrite=True)

    def _put(self, key: str, body: bytes, headers: Headers, *, overwrite: bool) -> None:
        """Write as ``_save`` of django-storages does: in one request, unless it is very large."""
        sent = self.parameters(key, headers)
        metadata = sent.pop("metadata", None)
        # Azure would find out the MD5 itself, but not of what comes in several requests.
        sent["content_md5"] = bytearray.fromhex(md5(body))

        def put() -> None:
            if not isinstance(body, bytes):  # a large file is mapped, and read as a file
                body.seek(0)
            self.container.upload_blob(
                key,
                body,
                length=len(body),
                overwrite=overwrite,
                metadata=metadata,
                content_settings=ContentSettings(**sent),
                max_concurrency=self.concurrency,
                **self.options,
            )

        bucket.insist(put, is_final)

    def delete(self, keys: list[str]) -> None:
        """Ask once to delete blobs; those that are not there count as deleted."""
        for key in keys:
            try:
                self.container.delete_blob(key, **self.options)
            except ResourceNotFoundError as error:
                if read_code(error) != "BlobNotFound":
                    raise

    def is_final(self, error: Exception) -> bool:
        """Return whether the store refused a deletion, so that no request is on its way."""
        return is_final(error)

    def find_cause(self, error: Exception) -> str:
        """Return what the error says, in one line, and what to set if it is about credentials."""
        has_some = self.container.credential or "sig=" in str(self.container.url)
        is_refused = isinstance(error, ClientAuthenticationError)
        said = describe(error)
        return said if has_some and not is_refused else f"{said}; {NO_CREDENTIALS}"


def is_final(error: Exception) -> bool:
    """Return whether asking the same again would fail again."""
    status = getattr(error, "status_code", None)
    if status:
        return status not in bucket.PASSING
    passing = (ServiceRequestError, ServiceResponseError)
    return not isinstance(error, passing) or isinstance(error.inner_exception, SSLError)


def read_code(error: Exception) -> str:
    """Return the service's code of an error; the library knows most of them, but not all."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def describe(error: Exception) -> str:
    """Return status, code and message of an answer, or the text of another error, in one line."""
    status = getattr(error, "status_code", None)
    if not status:
        return quote(error)
    message = str(getattr(error, "message", "")).partition("\n")[0]
    return bucket.describe_answer(status, read_code(error), message)


def make_stored(blob: BlobProperties) -> Stored:
    """Return a blob as it is listed."""
    digest = blob.content_settings.content_md5
    return Stored(blob.size, bytes(digest).hex() if digest else None, blob.last_modified)


def read_page(blobs: Iterable[BlobProperties]) -> dict[str, Stored]:
    """Return blobs by key, without those that have an unusual one."""
    return {
        blob.name: make_stored(blob)
        for blob in blobs
        if bucket.is_plain(blob.name) and not is_directory(blob)
    }


def is_directory(blob: BlobProperties) -> bool:
    """Return whether it is a directory, which accounts with a hierarchical namespace list."""
    return (blob.metadata or {}).get("hdi_isfolder") == "true"


def make_parameters(storage: AzureStorage, key: str, headers: Headers) -> Parameters:
    """Return what django-storages would send with an asset, and what a publish knows better."""
    return {**storage._get_content_settings_parameters(key), **name_headers(headers)}


def find_asset_headers(storage: AzureStorage, key: str) -> Headers:
    """Return the headers that the options or a subclass ask for, without guessed types."""
    stock = AzureStorage._get_content_settings_parameters
    if type(storage)._get_content_settings_parameters is stock:
        asked = {"cache_control": storage.cache_control, **storage.get_object_parameters(key)}
    else:
        asked = storage._get_content_settings_parameters(key)
    assert_known(asked)
    return find_headers(asked)


def assert_known(parameters: Mapping[str, Any]) -> None:
    """Raise OptionError for what cannot be sent with a blob."""
    refuse_unknown(parameters, KNOWN.__contains__)


def open_containers(
    storage: AzureStorage, account: str, releases_location: str, largest: int
) -> Bucket:
    """Return the two containers of the configured storage as a store.

    Args:
        storage: The configured storage.
        account: The URL of the account.
        releases_location: The prefix of the private files in their container.
        largest: Bytes of the largest file that will be sent; time-outs grow with it.

    Raises:
        OptionError: The options make no sense.
    """
    patience = choose_patience(storage, largest)
    try:
        service = storage.service_client
        assets, private = storage.client, service.get_container_client(storage.releases_container)
    except (ValueError, AttributeError) as error:
        raise OptionError(
            f"the container {storage.azure_container} cannot be addressed: {quote(error)}"
        ) from conceal(error)
    # ADR 29: there is no public way to the session.
    transport = service._pipeline._transport
    transport.open()
    bucket.widen(getattr(transport, "session", None))

    def open_client(container: ContainerClient, parameters: Any) -> AzureClient:
        return AzureClient(container, parameters, patience, storage.upload_max_conn)

    return Bucket(
        Area(
            open_client(assets, partial(make_parameters, storage)), str(storage.location).strip("/")
        ),
        Area(open_client(private, lambda _, headers: name_headers(headers)), releases_location),
        account,
        owner=f"{storage.releases_container}/{releases_location}",
    )


def choose_patience(storage: AzureStorage, largest: int) -> Parameters:
    """Return the time-outs, over which the project's own win, and that retries are ours."""
    ours = {
        "connection_timeout": bucket.CONNECTING,
        "read_timeout": bucket.find_patience(largest),
    }
    return {**{name: ours[name] for name in ours.keys() - storage.client_options}, "retry_total": 0}
