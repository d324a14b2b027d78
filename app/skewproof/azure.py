"""The release storage on Azure Blob Storage, by way of django-storages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.utils import parse_connection_string
from azure.storage.blob import BlobServiceClient
from storages.backends.azure_storage import AzureStorage  # type: ignore[import-untyped]

from skewproof.errors import OptionError
from skewproof.objects import ObjectReleaseMixin, headers_of, one_line, refuse_others

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from obstore.store import AzureCredential, ObjectStore, RetryConfig

    from skewproof.bucket import Area
    from skewproof.store import Store

# Azure's library waits 20 s to connect and 60 s to read, and tries again after 15 s.
IMPATIENT = {"connection_timeout": 1, "read_timeout": 2, "retry_total": 0}
SCOPE = "https://storage.azure.com/.default"


class AzureStaticStorage(AzureStorage):  # type: ignore[misc] # untyped base
    """What S3StaticStorage is for S3: a URL is the same every time, and gives no rights."""

    expiration_secs = None

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except ValueError as error:
            raise OptionError(f"the option connection_string is of no use: {error}") from error

    def get_default_settings(self) -> dict[str, Any]:
        """Return the options of django-storages, and ours."""
        return {**super().get_default_settings(), "releases_container": None}

    def _get_service_client(self) -> BlobServiceClient:
        """Return a client; the base class forgets client_options beside a connection string."""
        if self.connection_string is None:
            client: BlobServiceClient = super()._get_service_client()
            return client
        return BlobServiceClient.from_connection_string(
            self.connection_string, **self.client_options
        )

    def url(self, *args: Any, **options: Any) -> str:
        """Return the URL of a file, without the SAS token that the base class leaves in it."""
        return str(super().url(*args, **options)).partition("?")[0]


class AzureReleaseStorage(ObjectReleaseMixin, AzureStaticStorage):
    """Keeps assets under ``location`` in a container, and the manifests in a private one.

    Takes all options of django-storages' Azure backend. ``releases_container`` is the private
    container, ``releases_location`` a prefix in it, by default none.
    """

    def checked_releases_location(self, given: str | os.PathLike[str] | None) -> str:
        """Return the prefix of the manifests in their own container."""
        if self.releases_container in (None, "", self.azure_container):
            raise OptionError(
                "Azure opens a container to the public as a whole, so the manifests need one of "
                "their own: set the option releases_container to a private container beside "
                f"azure_container {self.azure_container!r}"
            )
        return str(given or "").strip("/")

    def manifest_place(self, release: str) -> str:
        """Return account, container and name of a release's manifest."""
        return f"{self.releases_container}/{self.manifest_key(release)} in {self.account()}"

    def account(self) -> str:
        """Return the URL of the account, without any token."""
        try:
            return f"{self.service_client.scheme}://{self.service_client.primary_hostname}"
        except (ValueError, AttributeError):
            return f"account {self.account_name}"

    def read_release_manifest(self, release: str) -> bytes:
        """Return the manifest of a release, with a single GET."""
        key = self.manifest_key(release)
        try:
            blob = self.service_client.get_blob_client(self.releases_container, key)
            content: bytes = blob.download_blob(**patience(self)).readall()
            return content
        except HttpResponseError as error:
            raise self.answered(release, error.status_code, cause_of(error)) from error
        except (AzureError, OSError, ValueError, AttributeError) as error:
            raise self.answered(release, None, one_line(error)) from error

    def open_store(self, largest: int) -> Store:
        """Return the two containers as a store."""
        from skewproof.container import Container

        self.assert_publishable()
        try:
            assets = self.area(self.azure_container, str(self.location).strip("/"), largest)
            releases = self.area(self.releases_container, self.releases_location, largest)
            return Container(assets, releases, self.account(), self.service_client)
        except (ValueError, AttributeError) as error:
            raise OptionError(
                f"the container {self.azure_container} cannot be addressed: {one_line(error)}"
            ) from error

    def area(self, container: str, prefix: str, largest: int) -> Area:
        """Return a container as obstore sees it."""
        from obstore.store import AzureStore

        from skewproof import transport
        from skewproof.bucket import Area

        # As Azure's library calls them.
        secure = [self.client_options.get(name) for name in ("proxies", "connection_verify")]

        def open_with(retry_config: RetryConfig) -> ObjectStore:
            return AzureStore(
                container,
                config={
                    # Only a key is of an account; obstore wants a name beside tokens as well.
                    "account_name": self.service_client.account_name or self.account_name or "any",
                    "endpoint": self.account(),
                    "skip_signature": False,
                    "use_emulator": False,
                },
                client_options=transport.client_options(self.account(), largest, *secure),
                retry_config=retry_config,
                credential_provider=credential_of(self),
            )

        return Area(*transport.opened(open_with), prefix, container)

    def assert_publishable(self) -> None:
        """Raise OptionError for headers that cannot be sent as well."""
        super().assert_publishable()
        refuse_others(self.object_parameters, "take it out")

    def asset_headers(self, name: str) -> dict[str, str]:
        """Return the headers that cache_control and object_parameters ask for."""
        default = {"Cache-Control": self.cache_control} if self.cache_control else {}
        return {**default, **headers_of(self.get_object_parameters(name))}


def patience(storage: AzureStaticStorage) -> Any:
    """Return the short time-outs; what the project configured itself wins over them."""
    return {key: value for key, value in IMPATIENT.items() if key not in storage.client_options}


def credential_of(storage: AzureStaticStorage) -> Callable[[], AzureCredential]:
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
        return lambda: bearer(storage.token_credential)
    raise OptionError(
        f"no credentials for the container {storage.azure_container}: set the option account_key, "
        "sas_token, connection_string or token_credential"
    )


def bearer(credential: Any) -> AzureCredential:
    """Return a token of a managed identity, a service principal or whoever it is."""
    token = credential.get_token(SCOPE)
    return {"token": token.token, "expires_at": datetime.fromtimestamp(token.expires_on, UTC)}


def cause_of(error: AzureError) -> str:
    """Return the code of an error of the service, else its first line."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code)) if code else one_line(error)
