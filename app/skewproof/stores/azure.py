"""Two Azure containers as the store: through obstore, but for listing and deleting.

Azure's ETags are no MD5s. Its listing does have the MD5 of each blob, which obstore leaves out; so
it is Azure's own library that lists. It deletes as well, since obstore deletes by batches, which
not all accounts take.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.core.utils import parse_connection_string
from obstore.store import AzureStore

from skewproof.errors import OptionError, quote
from skewproof.stores import bucket, fast
from skewproof.stores.bucket import Area, Bucket
from skewproof.stores.store import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.storage.blob import BlobProperties, ContainerClient
    from obstore.store import AzureCredential, ObjectStore, RetryConfig
    from storages.backends.azure_storage import AzureStorage  # type: ignore[import-untyped]

SCOPE = "https://storage.azure.com/.default"
# It waits for 15 s and more between two tries, so that we try again ourselves.
OPTIONS: Any = {"connection_timeout": 3, "read_timeout": bucket.PATIENCE, "retry_total": 0}


@dataclass(frozen=True)
class AzureClient(fast.ObstoreClient):
    """One container, which Azure's own library lists and deletes from."""

    at_once: int = 1
    container: ContainerClient = field(kw_only=True)

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:
        """Yield what is below a prefix, by name, page by page."""
        pages = self.container.list_blobs(
            f"{under}/" if under else None, include=["metadata"], **OPTIONS
        ).by_page()
        while page := read_page(pages):
            yield {blob.name: make_stored(blob) for blob in page if not is_directory(blob)}

    def delete(self, keys: list[str]) -> None:
        """Ask once to delete blobs; those that are not there count as deleted."""
        for key in keys:
            try:
                self.container.get_blob_client(key).delete_blob(**OPTIONS)
            except ResourceNotFoundError as error:
                if quote(error) == "ContainerNotFound":
                    raise FileNotFoundError(quote(error)) from error
            except AzureError as error:
                raise OSError(describe(error)) from error


def read_page(pages: Iterator[Iterator[BlobProperties]]) -> list[BlobProperties]:
    """Return the next page, asking again for what may pass; empty after the last one."""
    try:
        return bucket.insist(lambda: list(next(pages, ())), is_final)
    except AzureError as error:
        raise OSError(describe(error)) from error


def is_final(error: Exception) -> bool:
    """Return whether a listing that failed would fail again."""
    status = getattr(error, "status_code", None) or 503
    return not isinstance(error, AzureError) or (status < 500 and status != 429)


def describe(error: AzureError) -> str:
    """Return status and code of an error, or its text."""
    status = getattr(error, "status_code", None)
    return f"{status} {quote(error)}" if status else quote(error)


def make_stored(blob: BlobProperties) -> Stored:
    """Return a blob as it is listed."""
    md5 = blob.content_settings.content_md5
    return Stored(blob.size, bytes(md5).hex() if md5 else None, blob.last_modified)


def is_directory(blob: BlobProperties) -> bool:
    """Return whether it is a directory, which accounts with a hierarchical namespace list."""
    return (blob.metadata or {}).get("hdi_isfolder") == "true"


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
        OptionError: There are no credentials, or the options make no sense.
    """
    open_client = partial(open_container, storage, account, largest=largest)
    try:
        assets = Area(open_client(storage.azure_container), str(storage.location).strip("/"))
        return Bucket(
            assets, Area(open_client(storage.releases_container), releases_location), account
        )
    except (ValueError, AttributeError) as error:
        raise OptionError(
            f"the container {storage.azure_container} cannot be addressed: {quote(error)}"
        ) from error


def open_container(
    storage: AzureStorage, account: str, container: str, *, largest: int
) -> AzureClient:
    """Return what talks to a container."""
    service = storage.service_client
    # As Azure's library calls them.
    secure = [storage.client_options.get(name) for name in ("proxies", "connection_verify")]

    def open_with(retry_config: RetryConfig) -> ObjectStore:
        return AzureStore(
            container,
            config={
                # Only a key is of an account; obstore wants a name beside tokens as well.
                "account_name": service.account_name or storage.account_name or "any",
                "endpoint": account,
                "skip_signature": False,
                "use_emulator": False,
            },
            client_options=fast.make_client_options(account, largest, *secure),
            retry_config=retry_config,
            credential_provider=find_credential(storage),
        )

    stores = fast.open_twice(open_with)
    return AzureClient(*stores, container=service.get_container_client(container))


def find_credential(storage: AzureStorage) -> Callable[[], AzureCredential]:
    """Return what gives obstore the credential that the storage's own client uses.

    Raises:
        OptionError: There is none.
    """
    connection = storage.connection_string
    named = parse_connection_string(connection) if connection else {}
    key = named.get("accountkey") if connection else storage.account_key
    sas = named.get("sharedaccesssignature") if connection else storage.sas_token
    if key:
        return lambda: {"access_key": key, "expires_at": None}
    if sas:
        # Azure's library takes the token itself or an object that has it, and may get a new one.
        return lambda: {
            "sas_token": getattr(sas, "signature", sas).lstrip("?"),
            "expires_at": None,
        }
    if storage.token_credential and not connection:
        return lambda: fetch_token(storage.token_credential)
    raise OptionError(
        f"no credentials for the container {storage.azure_container}: set the option account_key, "
        "sas_token, connection_string or token_credential"
    )


def fetch_token(credential: Any) -> AzureCredential:
    """Return a token of a managed identity, a service principal or another credential."""
    token = credential.get_token(SCOPE)
    return {"token": token.token, "expires_at": datetime.fromtimestamp(token.expires_on, UTC)}
