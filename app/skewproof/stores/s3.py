"""A bucket on S3 through boto3: the rule, which does what the configured storage would do.

It is the storage's own client, with the parameters that django-storages would send, so that
whatever is configured holds. Where obstore is known to mean the same, it goes first (ADR 32).
"""

from __future__ import annotations

import copy
import os
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    SSLError,
)

from skewproof.errors import OptionError, conceal, quote
from skewproof.stores import bucket, either
from skewproof.stores.s3_allowed import HEADERS, NO_CREDENTIALS, find_bundle, find_hindrance
from skewproof.stores.store import Stored, find_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.client import BaseClient
    from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]

    from skewproof.stores.bucket import Bucket
    from skewproof.stores.store import Headers

Parameters = dict[str, Any]
NAMES = {header: name for name, header in HEADERS.items()}
UNKNOWN = "application/octet-stream"
# What a manifest gets of the parameters of an asset: nothing by which the public could read it, or
# that would keep an intent from being deleted.
PRIVATE = {
    "BucketKeyEnabled",
    "ChecksumAlgorithm",
    "ExpectedBucketOwner",
    "RequestPayer",
    "SSEKMSEncryptionContext",
    "SSEKMSKeyId",
    "ServerSideEncryption",
    "Tagging",
}
PASSING_CODES = {"ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown"}
LACKING = {"NotImplemented", "MethodNotAllowed"}
NO_CONDITIONS = (
    "it seems to lack conditional writes (If-None-Match), by which two publishes at once keep out "
    "of each other's way: use another store, or set the option conditional_writes to False and see "
    "to it that no two run at once"
)


@dataclass
class Boto3Client:
    """One bucket, through boto3's client, which tries nothing again by itself.

    Attributes:
        client: The storage's own.
        name: That of the bucket, or the ARN of an access point.
        parameters: Returns what is sent with a key, beside the headers.
        is_conditional: Whether the store is asked to write only where nothing is.
        at_once: How many keys one request deletes.
    """

    client: BaseClient
    name: str
    parameters: Callable[[str, Headers], Parameters]
    is_conditional: bool = True
    at_once: int = bucket.PAGE
    failures: tuple[type[Exception], ...] = (ClientError, BotoCoreError, OSError)
    _one_by_one: threading.Event = field(default_factory=threading.Event)

    def list_pages(self, under: str) -> Iterator[dict[str, Stored]]:
        """Yield what is below a prefix, by key, page by page, without what has an unusual key."""
        return (read_page(page) for page in self._list(under))

    def list_folder(self, under: str) -> tuple[list[str], dict[str, Stored]]:
        """Return the prefixes right below a prefix, without a slash, and the objects there."""
        folders: list[str] = []
        objects: dict[str, Stored] = {}
        for page in self._list(under, Delimiter="/"):
            folders += [each["Prefix"][:-1] for each in page.get("CommonPrefixes", ())]
            objects |= read_page(page)
        return [each for each in folders if bucket.is_plain(each)], objects

    def _list(self, under: str, **more: Any) -> Iterator[Parameters]:
        if under:
            more["Prefix"] = f"{under}/"
        while True:
            page = self._ask("list_objects_v2", MaxKeys=bucket.PAGE, **more)
            yield page
            if not page.get("IsTruncated"):
                return
            more["ContinuationToken"] = page["NextContinuationToken"]

    def read(self, key: str) -> bytes | None:
        """Return an object, or None when there is none; a missing bucket is a failure."""

        def get() -> bytes:
            answer = self._ask_once("get_object", Key=key)
            return cast("bytes", answer["Body"].read())

        try:
            return bucket.insist(get, is_final)
        except ClientError as error:
            if read_status(error) != 404 or read_code(error) == "NoSuchBucket":
                raise
            return None

    def create(self, key: str, body: bytes, headers: Headers) -> bool:
        """Write an object; return False if the key is taken."""
        if not self.is_conditional:
            return self._create_where_nothing_was(key, body, headers)
        try:
            self._put(key, body, headers, IfNoneMatch="*")
        except ClientError as error:
            if read_status(error) != 412:
                raise
            return False
        return True

    def _create_where_nothing_was(self, key: str, body: bytes, headers: Headers) -> bool:
        """Look first, where the store cannot write on a condition: another may write meanwhile."""
        try:
            self._ask("head_object", Key=key)
        except ClientError as error:
            if read_status(error) != 404:
                raise
            self._put(key, body, headers)
            return True
        return False

    def replace(self, key: str, body: bytes, headers: Headers) -> None:
        """Write an object over what the key may hold."""
        self._put(key, body, headers)

    def _put(self, key: str, body: bytes, headers: Headers, **more: Any) -> None:
        """Write in one request: the ETag of a multipart upload would be no MD5."""
        sent = {**self.parameters(key, headers), **more}

        def put() -> None:
            if not isinstance(body, bytes):  # a large file is mapped, and boto3 reads it as a file
                body.seek(0)
            self._ask_once("put_object", Key=key, Body=body, **sent)

        bucket.insist(put, is_final)

    def delete(self, keys: list[str]) -> None:
        """Ask once to delete objects; those that are not there count as deleted."""
        if not self._one_by_one.is_set():
            try:
                return self._delete_at_once(keys)
            except ClientError as error:
                if not is_lacking(error):
                    raise
                self._one_by_one.set()
        for key in keys:
            self._ask_once("delete_object", Key=key)
        return None

    def _delete_at_once(self, keys: list[str]) -> None:
        named = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = self._ask_once("delete_objects", Delete=named)
        for each in answer.get("Errors", ()):
            if each.get("Code") not in ("NoSuchKey", "NoSuchVersion"):
                # The answer to the request is 200, and each key has its own.
                raise ClientError({"Error": each}, "DeleteObjects")

    def is_final(self, error: Exception) -> bool:
        """Return whether the store refused a deletion, so that no request is on its way."""
        return is_final(error)

    def find_cause(self, error: Exception) -> str:
        """Return what the error says, in one line."""
        return describe(error)

    def _ask(self, call: str, **parameters: Any) -> Parameters:
        return bucket.insist(partial(self._ask_once, call, **parameters), is_final)

    def _ask_once(self, call: str, **parameters: Any) -> Parameters:
        return cast("Parameters", getattr(self.client, call)(Bucket=self.name, **parameters))


def read_page(page: Parameters) -> dict[str, Stored]:
    """Return the objects of a page by key, without those that have an unusual one."""
    return {
        each["Key"]: Stored(each["Size"], find_digest(each["ETag"]), each["LastModified"])
        for each in page.get("Contents", ())
        if bucket.is_plain(each["Key"])
    }


def read_status(error: ClientError) -> int:
    """Return the HTTP status of an answer, 0 where there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def read_code(error: ClientError) -> str:
    """Return the service's code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_of_s3(error: ClientError) -> bool:
    """Return whether an answer came from the store, and not from what gives credentials."""
    return "Object" in error.operation_name


def is_lacking(error: ClientError) -> bool:
    """Return whether the store does not know the request at all."""
    return read_status(error) in (405, 501) or read_code(error) in LACKING


def is_final(error: Exception) -> bool:
    """Return whether asking the same again would fail again."""
    if isinstance(error, ClientError):
        if is_lacking(error) or not is_of_s3(error):
            return True
        return read_status(error) not in bucket.PASSING and read_code(error) not in PASSING_CODES
    passing = (HTTPClientError, exceptions.ConnectionError, IncompleteReadError)
    return isinstance(error, SSLError) or not isinstance(error, passing)


def describe(error: Exception) -> str:
    """Return status, code and message of an answer, or the text of another error, in one line."""
    if isinstance(error, NoCredentialsError):
        return f"there are no credentials: {NO_CREDENTIALS}"
    if not isinstance(error, ClientError) or not is_of_s3(error):
        return quote(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    is_write = error.operation_name == "PutObject"
    advice = f"; {NO_CONDITIONS}" if is_lacking(error) and is_write else ""
    return bucket.describe_answer(read_status(error), read_code(error), f"{message}{advice}")


def open_bucket(
    storage: S3Storage, releases_location: str, largest: int, *, is_conditional: bool = True
) -> Bucket:
    """Return the bucket of the configured storage as a store.

    Args:
        storage: The configured storage.
        releases_location: The prefix of the private files.
        largest: Bytes of the largest file that will be sent; time-outs grow with it.
        is_conditional: Whether the store is asked to write only where nothing is.

    Raises:
        OptionError: The options make no sense, or hold no credentials.
    """
    open_rule = cache(partial(open_clients, storage, largest, is_conditional))
    with addressing(storage):
        hindrance = find_hindrance(storage) if is_conditional else "conditional_writes is False"
    if not hindrance:
        from skewproof.stores import s3_fast

        try:
            clients = either.prefer(s3_fast.open_client(storage, largest), open_rule)
            return either.make_bucket(storage, releases_location, clients, either.FAST)
        except ClientError:  # a role that is refused, of which the rule will tell
            hindrance = "it has to say why there are no credentials"
    way = f"through boto3, since {hindrance}"
    return either.make_bucket(storage, releases_location, open_rule(), way, in_doubt=is_conditional)


def open_clients(
    storage: S3Storage, largest: int, is_conditional: bool
) -> tuple[Boto3Client, Boto3Client]:
    """Return the storage's own client, for assets and for private files."""
    patient = Config(
        connect_timeout=bucket.CONNECTING,
        read_timeout=bucket.find_patience(largest),
        retries={"total_max_attempts": 1},
        max_pool_connections=bucket.WORKERS,
    )
    # A copy has no connection yet, and all that a subclass does when it makes one.
    asking = copy.copy(storage)
    asking.client_config = storage.client_config.merge(patient)
    with addressing(storage):
        client = asking.connection.meta.client
    if client.meta.endpoint_url.startswith("https:"):
        check_bundle(storage)
    of_asset, of_private = partial(make_parameters, storage), partial(make_private, storage)
    name = storage.bucket_name
    return (
        Boto3Client(client, name, of_asset, is_conditional),
        Boto3Client(client, name, of_private, is_conditional),
    )


@contextmanager
def addressing(storage: S3Storage) -> Iterator[None]:
    """Turn what boto3 says of a missing profile or of an impossible address into an OptionError."""
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        raise OptionError(
            f"s3://{storage.bucket_name} cannot be addressed: {quote(error)}"
        ) from conceal(error)


def check_bundle(storage: S3Storage) -> None:
    """Raise OptionError if the file of certificates that boto3 would use is none."""
    named = find_bundle(storage)
    if named is None:
        return
    option, path = named
    try:
        ssl.create_default_context(cafile=os.fspath(path))
    except OSError as error:
        raise OptionError(
            f"{option} names {path}, from which no certificates can be read: {quote(error)}; "
            "name a file of certificates in PEM"
        ) from conceal(error)


def make_parameters(storage: S3Storage, key: str, headers: Headers) -> Parameters:
    """Return what django-storages would send with an asset, and what a publish knows better."""
    parameters: Parameters = storage._get_write_parameters(key)
    ours = {NAMES[name]: value for name, value in headers.items() if name in NAMES}
    if ours.get("ContentType") == UNKNOWN:
        del ours["ContentType"]
    return {**parameters, **ours}


def make_private(storage: S3Storage, key: str, headers: Headers) -> Parameters:
    """Return what is sent with a manifest or an intent."""
    parameters = make_parameters(storage, key, headers)
    kept = {name: value for name, value in parameters.items() if name in PRIVATE}
    return {**kept, "ContentType": headers["Content-Type"]}


def find_headers(storage: S3Storage, key: str) -> Headers:
    """Return the headers that the options or a subclass ask for on an asset, without guessed types.

    What no header carries, such as an ACL, is sent by ``make_parameters``.
    """
    from storages.backends.s3 import S3Storage

    guesses = type(storage)._get_write_parameters is S3Storage._get_write_parameters
    asked = storage.get_object_parameters if guesses else storage._get_write_parameters
    parameters: Parameters = asked(key)
    named = {ours: str(parameters[name]) for name, ours in HEADERS.items() if name in parameters}
    return {**named, **parameters.get("Metadata", {})}
