"""A bucket on S3 through obstore, which is told what the configured storage would use.

Credentials come from the storage's own session, so that roles and profiles work and are renewed;
endpoint and addressing from a request that boto3 prepares and does not send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from skewproof.errors import OptionError
from skewproof.stores import fast
from skewproof.stores.bucket import Area, Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ClientConfig, RetryConfig, S3Config
    from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]

HEADERS = {
    "CacheControl": "Cache-Control",
    "ContentDisposition": "Content-Disposition",
    "ContentEncoding": "Content-Encoding",
    "ContentLanguage": "Content-Language",
    "ContentType": "Content-Type",
    "StorageClass": "Storage-Class",
}
ENCRYPTION = {
    "ServerSideEncryption": "server_side_encryption",
    "SSEKMSKeyId": "sse_kms_key_id",
    "BucketKeyEnabled": "sse_bucket_key_enabled",
}


class Nothing:
    """The body of an answer that was never received."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """Yield no bytes."""
        yield from ()


def open_bucket(storage: S3Storage, releases_location: str, largest: int) -> Bucket:
    """Return the bucket of the configured storage as a store.

    Args:
        storage: The configured storage.
        releases_location: The prefix of the private files.
        largest: Bytes of the largest file that will be sent; time-outs grow with it.

    Raises:
        OptionError: The options ask for something that cannot be honoured, or hold no credentials.
    """
    provider = find_credentials(storage)
    config = make_config(storage, *find_address(storage))

    def open_with(retry_config: RetryConfig) -> S3Store:
        return S3Store(
            storage.bucket_name,
            config=config,
            client_options=make_client_options(storage, config["aws_endpoint_url_s3"], largest),
            retry_config=retry_config,
            credential_provider=provider,
        )

    client = fast.ObstoreClient(*fast.open_twice(open_with))
    server = f" at {storage.endpoint_url}" if storage.endpoint_url else ""
    served = Area(client, str(storage.location).strip("/"))
    return Bucket(served, Area(client, releases_location), f"s3://{storage.bucket_name}{server}")


def make_config(storage: S3Storage, endpoint: str, virtual: bool) -> S3Config:
    """Return where the bucket is and how it encrypts; nothing is left to the environment."""
    region = storage.connection.meta.client.meta.region_name
    return {
        "aws_endpoint_url_s3": endpoint,
        "virtual_hosted_style_request": virtual,
        "region": "us-east-1" if region == "aws-global" else region,
        "skip_signature": False,
        **read_encryption(storage),
    }


def read_encryption(storage: S3Storage) -> S3Config:
    """Return what object_parameters say on encryption, after refusing what cannot be sent."""
    parameters = dict(storage.object_parameters)
    if storage.default_acl:
        parameters.setdefault("ACL", storage.default_acl)
    refused = sorted(parameters.keys() - HEADERS.keys() - ENCRYPTION.keys() - {"Metadata"})
    if refused and (refused != ["ACL"] or parameters["ACL"] != "private"):
        raise OptionError(
            f"publishing cannot send {', '.join(refused)} (options default_acl and "
            "object_parameters); make the assets readable by a bucket policy instead of an ACL, "
            "and take the rest out"
        )
    config: dict[str, Any] = {
        ours: parameters[name] for name, ours in ENCRYPTION.items() if name in parameters
    }
    return cast("S3Config", config)


def translate_headers(parameters: dict[str, Any]) -> dict[str, str]:
    """Return boto3's names of headers as HTTP's; metadata keeps its names."""
    named = {ours: str(parameters[name]) for name, ours in HEADERS.items() if name in parameters}
    return {**named, **parameters.get("Metadata", {})}


def make_client_options(storage: S3Storage, endpoint: str, largest: int) -> ClientConfig:
    """Return time-outs, proxy and certificates."""
    return fast.make_client_options(endpoint, largest, storage.proxies, storage.verify)


def find_credentials(storage: S3Storage) -> Boto3CredentialProvider:
    """Return the credentials of the storage's own session, renewed as it renews them."""
    try:
        return Boto3CredentialProvider(storage._create_session())
    except (ValueError, BotoCoreError) as error:
        raise OptionError(
            f"no credentials for s3://{storage.bucket_name}: set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, the options access_key and secret_key, or give the machine "
            f"a role ({error})"
        ) from error


def find_address(storage: S3Storage) -> tuple[str, bool]:
    """Return the base URL that boto3 would use, and whether it names the bucket in the host."""
    urls: list[str] = []

    def catch(request: Any, **_: Any) -> AWSResponse:
        urls.append(request.url)
        return AWSResponse(request.url, 200, HTTPHeaders(), Nothing())

    try:
        client = storage.connection.meta.client
        # ADR 29: boto3 tells where a bucket is only by making a request, which is answered here.
        client.meta.events.register_first("before-send.s3.HeadObject", catch)
        client.head_object(Bucket=storage.bucket_name, Key="key")
        client.meta.events.unregister("before-send.s3.HeadObject", catch)
    except (BotoCoreError, ValueError) as error:
        raise OptionError(f"s3://{storage.bucket_name} cannot be addressed: {error}") from error
    base = urls[0].removesuffix("/key")
    path_style = base.removesuffix(f"/{storage.bucket_name}")
    return path_style, path_style == base
