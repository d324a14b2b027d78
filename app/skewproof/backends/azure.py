"""The release storage on Azure Blob Storage, by way of django-storages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient
from storages.backends.azure_storage import AzureStorage  # type: ignore[import-untyped]
from storages.utils import clean_name  # type: ignore[import-untyped]

from skewproof.backends.credentials import check_credentials
from skewproof.backends.object_storage import ObjectReleaseMixin, assert_normal
from skewproof.errors import OptionError, conceal, quote
from skewproof.manifest import LARGEST

if TYPE_CHECKING:
    import os

    from skewproof.stores.store import Store

# Azure's library waits 20 s to connect and 60 s to read, and tries again after 15 s.
IMPATIENT = {"connection_timeout": 1, "read_timeout": 2, "retry_total": 0}


class AzureStaticStorage(AzureStorage):  # type: ignore[misc] # untyped base
    """What S3StaticStorage is for S3: a URL is the same every time, and gives no rights."""

    expiration_secs = None

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except ValueError as error:
            raise OptionError(
                f"the option connection_string is of no use: {quote(error)}"
            ) from conceal(error)
        check_credentials(self, options)

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
        chosen = str(given or "").strip("/")
        assert_normal("location", str(self.location).strip("/"))
        assert_normal("releases_location", chosen)
        return chosen

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
            content: bytes = blob.download_blob(0, LARGEST + 1, **choose_patience(self)).readall()
            return content
        except HttpResponseError as error:
            raise self.make_answer_error(release, error.status_code, quote(error)) from conceal(
                error
            )
        except Exception as error:
            raise self.make_answer_error(release, None, quote(error)) from conceal(error)

    def open_store(self, largest: int) -> Store:
        """Return the two containers as a store."""
        from skewproof.stores.azure import open_containers

        self.assert_publishable()
        return open_containers(self, self.account(), self.releases_location, largest)

    def assert_publishable(self) -> None:
        """Raise OptionError for what cannot be sent with a blob."""
        from skewproof.stores.azure import assert_known

        super().assert_publishable()
        assert_known(self.object_parameters)

    def asset_headers(self, name: str) -> dict[str, str]:
        """Return the headers that the options, or methods of a subclass, ask for."""
        from skewproof.stores.azure import find_asset_headers

        return find_asset_headers(self, self._normalize_name(clean_name(name)))


def choose_patience(storage: AzureStaticStorage) -> Any:
    """Return the short time-outs; what the project configured itself wins over them."""
    return {key: value for key, value in IMPATIENT.items() if key not in storage.client_options}
