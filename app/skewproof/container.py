"""Two Azure containers as the store: as a bucket, but for listing and deleting.

Azure's ETags are no MD5s. Its listing does have the MD5 of each blob, which obstore leaves out; so
it is Azure's own library that lists. It deletes as well, since obstore deletes by batches, which
not all accounts take.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ResourceNotFoundError

from skewproof import transport
from skewproof.azure import cause_of
from skewproof.bucket import Bucket
from skewproof.store import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.storage.blob import BlobProperties, BlobServiceClient

    from skewproof.bucket import Area

# It waits for 15 s and more between two tries, so that we try again ourselves.
OPTIONS: Any = {"connection_timeout": 3, "read_timeout": transport.PATIENCE, "retry_total": 0}


class Container(Bucket):
    """The assets in one container, the manifests in another."""

    def __init__(
        self, assets: Area, releases: Area, place: str, service: BlobServiceClient
    ) -> None:
        super().__init__(assets, releases, place, at_once=1)
        self._service = service

    def _pages(self, area: Area, under: str) -> Iterator[dict[str, Stored]]:
        pages = (
            self._service.get_container_client(area.bucket)
            .list_blobs(f"{under}/" if under else None, include=["metadata"], **OPTIONS)
            .by_page()
        )
        while page := asked(pages):
            yield {blob.name: stored(blob) for blob in page if not is_directory(blob)}

    def _ask_to_delete(self, area: Area, keys: list[str]) -> None:
        for key in keys:
            try:
                self._service.get_blob_client(area.bucket, key).delete_blob(**OPTIONS)
            except ResourceNotFoundError as error:
                raise FileNotFoundError(cause_of(error)) from error
            except AzureError as error:
                raise OSError(described(error)) from error


def asked(pages: Iterator[Iterator[BlobProperties]]) -> list[BlobProperties]:
    """Return the next page, asking again for what may pass; empty after the last one."""
    deadline = time.monotonic() + transport.GIVING_UP
    for attempt in itertools.count():
        try:
            return list(next(pages, ()))
        except AzureError as error:
            status = getattr(error, "status_code", None) or 503
            may_pass = status >= 500 or status == 429
            if not may_pass or attempt >= transport.RETRIES or time.monotonic() >= deadline:
                raise OSError(described(error)) from error
        time.sleep(min(transport.LONGEST_PAUSE, transport.FIRST_PAUSE * 2**attempt))
    raise AssertionError("the last attempt returns or raises")


def described(error: AzureError) -> str:
    """Return status and code of an error, or its text."""
    status = getattr(error, "status_code", None)
    return f"{status} {cause_of(error)}" if status else cause_of(error)


def stored(blob: BlobProperties) -> Stored:
    """Return a blob as it is listed."""
    md5 = blob.content_settings.content_md5
    return Stored(blob.size, bytes(md5).hex() if md5 else None, blob.last_modified)


def is_directory(blob: BlobProperties) -> bool:
    """Return whether it is a directory, which accounts with a hierarchical namespace list."""
    return (blob.metadata or {}).get("hdi_isfolder") == "true"
