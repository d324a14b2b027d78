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

from skewproof.errors import OptionError, conceal, quote
from skewproof.redaction import remember
from skewproof.stores import fast
from skewproof.stores.s3_allowed import ENCRYPTION, NO_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import RetryConfig, S3Config, S3Credential
    from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]


class Nothing:
    """The body of an answer that was never received."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """Yield no bytes."""
        yield from ()


class Credentials:
    """The credentials of the storage's own session, renewed as it renews them."""

    def __init__(self, storage: S3Storage) -> None:
        try:
            self._provider = Boto3CredentialProvider(storage._create_session())
        except (ValueError, BotoCoreError) as error:
            raise OptionError(
                f"no credentials for s3://{storage.bucket_name}: {NO_CREDENTIALS} ({quote(error)})"
            ) from conceal(error)
        self.have_failed = False

    def __call__(self) -> S3Credential:
        """Return them as they are now."""
        try:
            found = self._provider()
        except Exception:
            # What obstore makes of it names neither the call nor the reason; the rule does.
            self.have_failed = True
            raise
        remember(found["secret_access_key"], found.get("token"))
        return found


def open_client(storage: S3Storage, largest: int) -> fast.ObstoreClient:
    """Return the bucket of the configured storage through obstore.

    Args:
        storage: The configured storage; it asks for nothing that s3_allowed does not list.
        largest: Bytes of the largest file that will be sent; time-outs grow with it.

    Raises:
        OptionError: The bucket cannot be addressed.
    """
    credentials = Credentials(storage)
    config = make_config(storage, *find_address(storage))

    def open_with(retry_config: RetryConfig) -> S3Store:
        return S3Store(
            storage.bucket_name,
            config=config,
            client_options=fast.make_client_options(config["aws_endpoint_url_s3"], largest),
            retry_config=retry_config,
            credential_provider=credentials,
        )

    return fast.ObstoreClient(
        *fast.open_twice(open_with), has_lost_access=lambda: credentials.have_failed
    )


def make_config(storage: S3Storage, endpoint: str, virtual: bool) -> S3Config:
    """Return where the bucket is and how it encrypts; nothing is left to the environment."""
    region = storage.connection.meta.client.meta.region_name
    encryption = {
        ours: storage.object_parameters[name]
        for name, ours in ENCRYPTION.items()
        if name in storage.object_parameters
    }
    config = {
        "aws_endpoint_url_s3": endpoint,
        "virtual_hosted_style_request": virtual,
        "region": "us-east-1" if region == "aws-global" else region,
        "skip_signature": False,
        **encryption,
    }
    return cast("S3Config", config)


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
        raise OptionError(
            f"s3://{storage.bucket_name} cannot be addressed: {quote(error)}"
        ) from conceal(error)
    base = urls[0].removesuffix("/key")
    path_style = base.removesuffix(f"/{storage.bucket_name}")
    return path_style, path_style == base
