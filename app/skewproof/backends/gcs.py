"""The release storage on Google Cloud Storage, by way of django-storages."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import GoogleAPICallError
from storages.backends.gcloud import GoogleCloudStorage  # type: ignore[import-untyped]
from storages.utils import clean_name  # type: ignore[import-untyped]

from skewproof.backends.credentials import check_credentials
from skewproof.backends.object_storage import ObjectReleaseMixin
from skewproof.errors import conceal, quote
from skewproof.manifest import LARGEST

if TYPE_CHECKING:
    from skewproof.stores.store import Store

TIMEOUTS = (1, 2)  # seconds to connect and to read; Google's library waits 60, and tries again


class Limited(BytesIO):
    """Takes a body, of one that has no end only as much as shows it."""

    def write(self, piece: Any) -> int:
        """Add a piece, unless there is too much already."""
        if self.tell() > LARGEST:
            raise EOFError
        return super().write(piece)


class GoogleCloudReleaseStorage(ObjectReleaseMixin, GoogleCloudStorage):  # type: ignore[misc] # untyped base
    """Keeps assets under ``location`` in a bucket, and the manifests beside it.

    Takes all options of django-storages' Google Cloud backend. ``releases_location`` is the key
    prefix of the manifests, by default ``releases`` beside ``location``.
    """

    querystring_auth = False  # as in S3StaticStorage: a URL is the same every time

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        check_credentials(self, options)

    @property
    def client(self) -> Any:
        """Return the client, which does nothing that it was not asked for."""
        client = super().client
        # ADR 29: else it also asks for the bucket's metadata, in a thread of its own, for traces
        # that are switched off, and with a right that no web process needs.
        client._bucket_metadata_cache = None
        return client

    def manifest_place(self, release: str) -> str:
        """Return bucket and key of a release's manifest."""
        return f"gs://{self.bucket_name}/{self.manifest_key(release)}"

    def read_release_manifest(self, release: str) -> bytes:
        """Return the manifest of a release, with a single GET."""
        try:
            blob = self.bucket.blob(self.manifest_key(release))
            content = Limited()
            with suppress(EOFError):
                blob.download_to_file(content, timeout=TIMEOUTS, retry=None)
            return content.getvalue()
        except GoogleAPICallError as error:
            raise self.make_answer_error(release, error.code, quote(error)) from conceal(error)
        except Exception as error:
            raise self.make_answer_error(release, None, quote(error)) from conceal(error)

    def open_store(self, largest: int) -> Store:
        """Return the bucket as a store."""
        from skewproof.stores.gcs import open_bucket

        self.assert_publishable()
        return open_bucket(self, self.releases_location, largest)

    def assert_publishable(self) -> None:
        """Raise OptionError for what cannot be sent with an object."""
        from skewproof.stores.gcs import assert_known

        super().assert_publishable()
        assert_known(self, self.object_parameters)

    def asset_headers(self, name: str) -> dict[str, str]:
        """Return the headers that object_parameters, or a method of a subclass, ask for."""
        from skewproof.stores.gcs import find_asset_headers

        return find_asset_headers(self, self._normalize_name(clean_name(name)))
