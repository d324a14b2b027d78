"""A bucket on Google Cloud Storage through the storage's own client: the rule, and the only way."""

from __future__ import annotations

import mimetypes
from base64 import b64decode
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, cast

from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud.storage import Blob  # type: ignore[import-untyped]
from google.cloud.storage.acl import ACL  # type: ignore[import-untyped]
from requests.exceptions import RequestException, SSLError

from skewproof.errors import OptionError, conceal, quote
from skewproof.stores import bucket
from skewproof.stores.bucket import Area, Bucket
from skewproof.stores.parameters import find_headers, name_headers, refuse_unknown
from skewproof.stores.store import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from storages.backends.gcloud import GoogleCloudStorage  # type: ignore[import-untyped]

    from skewproof.stores.store import Headers

Parameters = dict[str, Any]
# What a manifest gets of the parameters of an asset: nothing by which the public could read it, or
# that would keep an intent from being deleted.
PRIVATE = {"contexts", "kms_key_name"}
APART = {"acl": "predefined_acl", "content_type": "content_type"}  # sent, but not as a property
LISTED = "items(name,size,md5Hash,updated),prefixes,nextPageToken"
NO_CREDENTIALS = (
    "set the option credentials, the variable GOOGLE_APPLICATION_CREDENTIALS, or give the machine "
    "a service account"
)


@dataclass(frozen=True)
class GoogleClient:
    """One bucket, through Google's client, which tries nothing again by itself.

    Attributes:
        storage: The configured storage, which has the client.
        parameters: Returns what is sent with a key, beside the headers.
        options: Go with each request: the time-outs, and not to repeat it.
        at_once: How many keys one request deletes.
    """

    storage: GoogleCloudStorage
    parameters: Callable[[GoogleCloudStorage, str, Headers], Parameters]
    options: Parameters
    at_once: int = 1

    failures: ClassVar[tuple[type[Exception], ...]] = (GoogleAPICallError, GoogleAuthError, OSError)

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:
        """Yield what is below a prefix, by key, page by page, without what has an unusual key."""
        return (objects for _, objects in self._list(under))

    def list_folder(self, under: str) -> tuple[list[str], dict[str, Stored]]:
        """Return the prefixes right below a prefix, without a slash, and the objects there."""
        folders: list[str] = []
        found: dict[str, Stored] = {}
        for prefixes, objects in self._list(under, "/"):
            folders += [each[:-1] for each in sorted(prefixes) if bucket.is_plain(each[:-1])]
            found |= objects
        return folders, found

    def _list(
        self, under: str, delimiter: str | None = None
    ) -> Iterator[tuple[set[str], dict[str, Stored]]]:
        token = None
        while True:
            # After a failure the library's iterator would end as if that were all: hence a new one.
            ask = partial(self._list_page, under, delimiter, token)
            prefixes, blobs, token = bucket.insist(ask, is_final)
            plain = (blob for blob in blobs if bucket.is_plain(blob.name))
            yield prefixes, {blob.name: make_stored(blob) for blob in plain}
            if not token:
                return

    def _list_page(
        self, under: str, delimiter: str | None, token: str | None
    ) -> tuple[set[str], list[Blob], str | None]:
        found = self.storage.bucket.list_blobs(
            prefix=f"{under}/" if under else None,
            delimiter=delimiter,
            page_token=token,
            page_size=bucket.PAGE,
            fields=LISTED,
            **self.options,
        )
        blobs = list(next(found.pages))
        return found.prefixes, blobs, found.next_page_token

    def read(self, key: str) -> bytes | None:
        """Return an object, or None when there is none; a missing bucket is a failure."""
        blob = self.storage.bucket.blob(key)
        try:
            found = bucket.insist(
                partial(blob.download_as_bytes, raw_download=True, **self.options), is_final
            )
        except NotFound as error:
            if is_of_bucket(error):
                raise
            return None
        return cast("bytes", found)

    def create(self, key: str, body: bytes, headers: Headers) -> bool:
        """Write an object; return False if the key is taken."""
        try:
            self._put(key, body, headers, if_generation_match=0)
        except PreconditionFailed:
            return False
        return True

    def replace(self, key: str, body: bytes, headers: Headers) -> None:
        """Write an object over what the key may hold."""
        self._put(key, body, headers)

    def _put(self, key: str, body: bytes, headers: Headers, **condition: int) -> None:
        """Write as ``_save`` of django-storages does: in one request, unless it is large."""
        sent = self.parameters(self.storage, key, headers)
        more = {name: sent.get(given) for given, name in APART.items()}
        blob = make_blob(self.storage, self.storage.bucket, key, sent)
        # A large file is mapped, and read as a file.
        stream = BytesIO(body) if isinstance(body, bytes) else body
        put = partial(blob.upload_from_file, stream, rewind=True, size=len(body))
        bucket.insist(partial(put, **more, **condition, **self.options), is_final)

    def delete(self, keys: list[str]) -> None:
        """Ask once to delete objects; those that are not there count as deleted."""
        for key in keys:
            try:
                self.storage.bucket.delete_blob(key, **self.options)
            except NotFound as error:
                if is_of_bucket(error):
                    raise

    def is_final(self, error: Exception) -> bool:
        """Return whether the store refused a deletion, so that no request is on its way."""
        return is_final(error)

    def find_cause(self, error: Exception) -> str:
        """Return what the error says, in one line."""
        return describe(error)


def is_of_bucket(error: NotFound) -> bool:
    """Return whether it is the bucket that is missing, of which only the message tells."""
    return "bucket does not exist" in str(error)


def is_final(error: Exception) -> bool:
    """Return whether asking the same again would fail again."""
    if isinstance(error, GoogleAPICallError):
        return error.code not in bucket.PASSING
    if isinstance(error, GoogleAuthError):
        return not (error.retryable or isinstance(error, TransportError))
    return isinstance(error, SSLError) or not isinstance(error, RequestException)


def describe(error: Exception) -> str:
    """Return status, code and message of an answer, or the text of another error, in one line."""
    if isinstance(error, GoogleAuthError):
        return f"the credentials cannot be used ({quote(error)}); {NO_CREDENTIALS}"
    if not isinstance(error, GoogleAPICallError):
        # The library of requests adds a URL to what is wrong.
        return quote(getattr(next(iter(error.args), None), "reason", None) or error)
    said = bucket.describe_answer(int(error.code or 0), *read_answer(error))
    return f"{said}; {NO_CREDENTIALS}" if error.code == 401 else said


def read_answer(error: GoogleAPICallError) -> tuple[str, str]:
    """Return code and message of the service; in the error's own text are URLs as well."""
    try:
        said = error.response.json()["error"]
        return said["errors"][0]["reason"], said["message"]
    except (AttributeError, LookupError, TypeError, ValueError):
        text = str(getattr(error.response, "text", "")).strip()
        return "", "" if text.startswith("<") else text  # a page of what stands in between


def make_stored(blob: Blob) -> Stored:
    """Return an object as it is listed; what was composed of others has no MD5."""
    digest = b64decode(blob.md5_hash).hex() if blob.md5_hash else None
    return Stored(blob.size, digest, blob.updated)


def make_blob(storage: GoogleCloudStorage, holder: Any, key: str, sent: Parameters) -> Blob:
    """Return an object that is to be written, with its properties."""
    try:
        ACL.validate_predefined(sent.get("acl"))
        blob = Blob(key, holder, chunk_size=storage.blob_chunk_size)
        for name in sent.keys() - APART:
            setattr(blob, name, sent[name])
    except (AttributeError, TypeError, ValueError) as error:
        raise OptionError(f"{key} cannot be sent as the options ask: {quote(error)}") from conceal(
            error
        )
    return blob


def make_parameters(storage: GoogleCloudStorage, key: str, headers: Headers) -> Parameters:
    """Return what django-storages would send with an asset, and what a publish knows better."""
    default = {"acl": storage.default_acl, "content_type": mimetypes.guess_type(key)[0]}
    return {**default, **storage.get_object_parameters(key), **name_headers(headers)}


def make_private(storage: GoogleCloudStorage, key: str, headers: Headers) -> Parameters:
    """Return what is sent with a manifest or an intent."""
    asked = storage.get_object_parameters(key)
    return {**{name: asked[name] for name in PRIVATE & asked.keys()}, **name_headers(headers)}


def find_asset_headers(storage: GoogleCloudStorage, key: str) -> Headers:
    """Return the headers that the options or a subclass ask for on an asset."""
    asked = storage.get_object_parameters(key)
    assert_known(storage, asked)
    return find_headers(asked)


def assert_known(storage: GoogleCloudStorage, asked: Mapping[str, Any]) -> None:
    """Raise OptionError for what cannot be sent with an object."""
    refuse_unknown(asked, lambda name: name in APART or can_set(name))
    make_blob(storage, None, "an asset", {"acl": storage.default_acl, **asked})


def can_set(name: str) -> bool:
    """Return whether an object has such a property; Python would take any name."""
    return getattr(getattr(Blob, name, None), "fset", None) is not None


def open_bucket(storage: GoogleCloudStorage, releases_location: str, largest: int) -> Bucket:
    """Return the bucket of the configured storage as a store.

    Args:
        storage: The configured storage.
        releases_location: The prefix of the private files.
        largest: Bytes of the largest file that will be sent; time-outs grow with it.

    Raises:
        OptionError: There are no credentials.
    """
    # ADR 29: there is no public way to the session.
    bucket.widen(find_client(storage)._http)
    patience = {"timeout": (bucket.CONNECTING, bucket.find_patience(largest)), "retry": None}
    assets = GoogleClient(storage, make_parameters, patience)
    private = GoogleClient(storage, make_private, patience)
    return Bucket(
        Area(assets, str(storage.location).strip("/")),
        Area(private, releases_location),
        f"gs://{storage.bucket_name}",
    )


def find_client(storage: GoogleCloudStorage) -> Any:
    """Return Google's client as the configured storage has made it."""
    try:
        return storage.client
    except (GoogleAuthError, OSError, ValueError) as error:
        raise OptionError(
            f"no credentials for gs://{storage.bucket_name}: {NO_CREDENTIALS} ({quote(error)})"
        ) from conceal(error)
