"""A bucket on Google Cloud Storage through obstore, with the configured storage's credentials."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from obstore.store import GCSStore

from skewproof.errors import OptionError, quote
from skewproof.stores import fast
from skewproof.stores.bucket import Area, Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.auth.credentials import Credentials
    from obstore.store import GCSCredential, ObjectStore, RetryConfig
    from storages.backends.gcloud import GoogleCloudStorage  # type: ignore[import-untyped]


def open_bucket(storage: GoogleCloudStorage, releases_location: str, largest: int) -> Bucket:
    """Return the bucket of the configured storage as a store.

    Args:
        storage: The configured storage.
        releases_location: The prefix of the private files.
        largest: Bytes of the largest file that will be sent; time-outs grow with it.

    Raises:
        OptionError: There are no credentials.
    """
    google = find_client(storage)
    endpoint = google.api_endpoint

    def open_with(retry_config: RetryConfig) -> ObjectStore:
        return GCSStore(
            storage.bucket_name,
            config={"base_url": endpoint, "skip_signature": False},
            client_options=fast.make_client_options(endpoint, largest),
            retry_config=retry_config,
            credential_provider=make_token_source(google._credentials),
        )

    client = fast.ObstoreClient(*fast.open_twice(open_with), at_once=1)
    served = Area(client, str(storage.location).strip("/"))
    return Bucket(served, Area(client, releases_location), f"gs://{storage.bucket_name}")


def find_client(storage: GoogleCloudStorage) -> Any:
    """Return Google's client as the configured storage has made it."""
    try:
        return storage.client
    except (GoogleAuthError, OSError, ValueError) as error:
        raise OptionError(
            f"no credentials for gs://{storage.bucket_name}: set the option credentials, the "
            "variable GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account "
            f"({quote(error)})"
        ) from error


def make_token_source(credentials: Credentials) -> Callable[[], GCSCredential]:
    """Return what gives obstore a token, renewed as Google's library renews it.

    Anonymous credentials, which the library takes for an emulator, have an empty one.
    """

    def token() -> GCSCredential:
        if not credentials.valid:
            credentials.refresh(Request())  # type: ignore[no-untyped-call]
        expiry = credentials.expiry
        return {
            "token": credentials.token or "",
            "expires_at": expiry.replace(tzinfo=UTC) if expiry else None,
        }

    return token
