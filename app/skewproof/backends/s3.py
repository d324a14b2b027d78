"""The release storage on S3 and whatever speaks its protocol, by way of django-storages."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError
from storages.backends.s3 import S3ManifestStaticStorage  # type: ignore[import-untyped]
from storages.utils import clean_name  # type: ignore[import-untyped]

from skewproof import manifest
from skewproof.backends.credentials import check_credentials
from skewproof.backends.object_storage import ObjectReleaseMixin
from skewproof.errors import conceal, quote
from skewproof.redaction import redact

if TYPE_CHECKING:
    from skewproof.errors import ManifestError
    from skewproof.stores.store import Store

# botocore waits 60 s and tries five times: longer than a worker or a health check may. There is no
# second try here, as the next request makes one after the loader's pause.
IMPATIENT = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
PIECE = 2**20  # bytes
NOT_THERE_OR_NOT_ALLOWED = (
    "the store answers 403, which it does for a manifest that is not there as well, unless the "
    "identity may list the bucket (s3:ListBucket); so either the release is not published yet, "
    "or this identity may not read it"
)


class S3ReleaseStorage(ObjectReleaseMixin, S3ManifestStaticStorage):  # type: ignore[misc] # untyped base
    """Keeps assets under ``location`` in a bucket, and the manifests beside it.

    Takes all options of django-storages' S3 backend. ``releases_location`` is the key prefix of the
    manifests, by default ``releases`` beside ``location``. ``conditional_writes`` is whether the
    store is asked to write only where nothing is.
    """

    conditional_writes: bool = True

    def __init__(self, *, conditional_writes: bool | None = None, **options: Any) -> None:
        super().__init__(**options)
        check_credentials(self, options)
        if conditional_writes is not None:
            self.conditional_writes = conditional_writes
        # What the project configured itself wins over the short time-outs.
        self.client_config: Config = IMPATIENT.merge(self.client_config)

    def manifest_place(self, release: str) -> str:
        """Return bucket, key and server of a release's manifest."""
        server = f" at {redact(str(self.endpoint_url))}" if self.endpoint_url else ""
        return f"s3://{self.bucket_name}/{self.manifest_key(release)}{server}"

    def read_release_manifest(self, release: str) -> bytes:
        """Return the manifest of a release, with a single GET."""
        key = self.manifest_key(release)
        try:
            client = self.connection.meta.client
            answer = client.get_object(Bucket=self.bucket_name, Key=key)
            return read_body(answer["Body"])
        except ClientError as error:
            raise self.make_refusal_error(release, error) from conceal(error)
        except Exception as error:
            why = f"the store cannot be reached ({quote(error)})"
            raise self.no_manifest("unreachable", release, why) from conceal(error)

    def make_refusal_error(self, release: str, error: ClientError) -> ManifestError:
        """Return the error for an answer that is not the manifest."""
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if error.operation_name != "GetObject":
            why = f"the credentials cannot be had ({quote(error)})"
            return self.no_manifest("forbidden", release, why)
        if code == "NoSuchBucket":
            return self.no_manifest("absent", release, "the bucket does not exist")
        if status == 404:
            return self.no_manifest("absent", release, "there is no such object")
        if status == 403 and code in ("AccessDenied", "403", ""):
            return self.no_manifest("forbidden", release, NOT_THERE_OR_NOT_ALLOWED)
        if status in (401, 403):
            why = f"the store refuses the credentials ({quote(error)})"
            return self.no_manifest("forbidden", release, why)
        why = f"the store answers {status} ({quote(error)})"
        return self.no_manifest("unreachable", release, why)

    def open_store(self, largest: int) -> Store:
        """Return the bucket as a store."""
        from skewproof.stores.s3 import open_bucket

        return open_bucket(
            self, self.releases_location, largest, is_conditional=self.conditional_writes
        )

    def asset_headers(self, name: str) -> dict[str, str]:
        """Return the headers that object_parameters, or methods of a subclass, ask for."""
        from skewproof.stores.s3 import find_headers

        return find_headers(self, self._normalize_name(clean_name(name)))


def read_body(body: Any) -> bytes:
    """Return a body, of one that has no end only as much as shows it."""
    content = bytearray()
    with closing(body):
        while len(content) <= manifest.LARGEST and (piece := body.read(PIECE)):
            content += piece
    return bytes(content)
