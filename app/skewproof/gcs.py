"""The release storage on Google Cloud Storage, by way of django-storages."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, cast

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from storages.backends.gcloud import GoogleCloudStorage  # type: ignore[import-untyped]

from skewproof.errors import OptionError
from skewproof.objects import ObjectReleaseMixin, headers_of, one_line, refuse_others

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.auth.credentials import Credentials
    from obstore.store import GCSCredential, ObjectStore, RetryConfig

    from skewproof.store import Store

TIMEOUTS = (1, 2)  # seconds to connect and to read; Google's library waits 60, and tries again
NO_ACL = "make the assets readable by IAM (see docs/guide.md) instead of an ACL, and take it out"


class GoogleCloudReleaseStorage(ObjectReleaseMixin, GoogleCloudStorage):  # type: ignore[misc] # untyped base
    """Keeps assets under ``location`` in a bucket, and the manifests beside it.

    Takes all options of django-storages' Google Cloud backend. ``releases_location`` is the key
    prefix of the manifests, by default ``releases`` beside ``location``.
    """

    querystring_auth = False  # as in S3StaticStorage: a URL is the same every time

    @property
    def client(self) -> Any:
        """Return the client, which does nothing that it was not asked for."""
        client = super().client
        # Else it also asks for the bucket's metadata, in a thread of its own, for traces that are
        # switched off, and with a right that no web process needs.
        client._bucket_metadata_cache = None
        return client

    def manifest_place(self, release: str) -> str:
        """Return bucket and key of a release's manifest."""
        return f"gs://{self.bucket_name}/{self.manifest_key(release)}"

    def read_release_manifest(self, release: str) -> bytes:
        """Return the manifest of a release, with a single GET."""
        try:
            blob = self.bucket.blob(self.manifest_key(release))
            return cast("bytes", blob.download_as_bytes(timeout=TIMEOUTS, retry=None))
        except GoogleAPICallError as error:
            raise self.answered(release, error.code, one_line(error)) from error
        except (GoogleAuthError, OSError, ValueError) as error:
            raise self.answered(release, None, one_line(error)) from error

    def open_store(self, largest: int) -> Store:
        """Return the bucket as a store."""
        from obstore.store import GCSStore

        from skewproof import transport
        from skewproof.bucket import Area, Bucket

        self.assert_publishable()
        client = self.authorised_client()
        endpoint = client.api_endpoint

        def open_with(retry_config: RetryConfig) -> ObjectStore:
            return GCSStore(
                self.bucket_name,
                config={"base_url": endpoint, "skip_signature": False},
                client_options=transport.client_options(endpoint, largest),
                retry_config=retry_config,
                credential_provider=token_of(client._credentials),
            )

        stores = transport.opened(open_with)
        served = Area(*stores, str(self.location).strip("/"))
        releases = Area(*stores, self.releases_location)
        return Bucket(served, releases, f"gs://{self.bucket_name}", at_once=1)

    def authorised_client(self) -> Any:
        """Return the client of the configured storage.

        Raises:
            OptionError: There are no credentials.
        """
        try:
            return self.client
        except (GoogleAuthError, OSError, ValueError) as error:
            raise OptionError(
                f"no credentials for gs://{self.bucket_name}: set the option credentials, the "
                "variable GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account "
                f"({one_line(error)})"
            ) from error

    def assert_publishable(self) -> None:
        """Raise OptionError for what cannot be sent as well, such as an ACL."""
        super().assert_publishable()
        acl = {"default_acl": self.default_acl} if self.default_acl else {}
        refuse_others({**self.object_parameters, **acl}, NO_ACL)

    def asset_headers(self, name: str) -> dict[str, str]:
        """Return the headers that object_parameters ask for."""
        return headers_of(self.get_object_parameters(name))


def token_of(credentials: Credentials) -> Callable[[], GCSCredential]:
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
