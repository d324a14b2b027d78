"""Publishing to S3 without boto3, where the options leave it nothing to decide.

Importing boto3 and making its client takes as long as hashing a thousand files. It is what finds
roles, profiles, regions and endpoints; where options name the endpoint, the region and the keys,
and nothing else has a say, there is nothing to be found. Everywhere else, and for serving, the
configured storage does it all.
"""

from __future__ import annotations

import itertools
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from storages.base import BaseStorage  # type: ignore[import-untyped]
from storages.utils import lookup_env  # type: ignore[import-untyped]

from skewproof.backends.credentials import check_credentials
from skewproof.backends.object_storage import ObjectReleaseMixin
from skewproof.stores.s3_allowed import find_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obstore.store import ObjectStore, RetryConfig, S3Config

    from skewproof.stores.bucket import Client
    from skewproof.stores.store import Store

# In the order of django-storages.
KEYS = {
    "access_key": ["AWS_S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"],
    "secret_key": ["AWS_S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"],
}
NEEDED = {"bucket_name", "location", "endpoint_url", "region_name", *KEYS}
OURS = {"releases_location", "unhashed_copies", "baked_manifest", "publish_barrier", "renew"}
# Without a password, and with a port that is one: at others obstore panics.
HOST = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?", re.ASCII)
SERVING = {"custom_domain", "file_overwrite", "querystring_auth", "querystring_expire"}
"""Options that no publish looks at."""
# What the options above have an answer to already.
ANSWERED = {*itertools.chain(*KEYS.values()), "AWS_REGION", "AWS_DEFAULT_REGION"}


class DirectS3Storage(ObjectReleaseMixin, BaseStorage):  # type: ignore[misc] # untyped base
    """What a publish needs of S3ReleaseStorage; it serves nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.options = options
        check_credentials(self, options)

    def get_default_settings(self) -> dict[str, Any]:
        """Return the options that it knows."""
        return dict.fromkeys(NEEDED | SERVING)

    def open_store(self, largest: int) -> Store:
        """Return the bucket as a store."""
        from obstore.store import S3Store

        from skewproof.stores import either, fast

        def open_with(retry_config: RetryConfig) -> ObjectStore:
            return S3Store(
                self.bucket_name,
                config=self.make_config(),
                client_options=fast.make_client_options(self.endpoint_url, largest),
                retry_config=retry_config,
                access_key_id=self.access_key,
                secret_access_key=self.secret_key,
            )

        client = fast.ObstoreClient(*fast.open_twice(open_with))

        @cache
        def open_rule() -> tuple[Client, Client]:
            from skewproof.backends.s3 import S3ReleaseStorage
            from skewproof.stores.s3 import open_clients

            return open_clients(S3ReleaseStorage(**self.options), largest, is_conditional=True)

        clients = either.prefer(client, open_rule)
        return either.make_bucket(self, self.releases_location, clients, either.FAST)

    def make_config(self) -> S3Config:
        """Return where the bucket is; boto3 uses paths with any endpoint that it is given."""
        return {
            "aws_endpoint_url_s3": self.endpoint_url.rstrip("/"),
            "virtual_hosted_style_request": False,
            "region": self.region_name,
            "skip_signature": False,
        }

    def asset_headers(self, name: str) -> dict[str, str]:  # noqa: ARG002 - no option asks for any
        """Return nothing: with object_parameters the configured storage publishes."""
        return {}


def find_direct_storage(configured: Mapping[str, Any]) -> DirectS3Storage | None:
    """Return the storage for a publish with these options, or None where boto3 has to be asked."""
    keys = {name: lookup_env(variables) for name, variables in KEYS.items()}
    options = {**keys, **configured}
    return (
        DirectS3Storage(**options) if is_plain(options) and not has_others_to_ask(options) else None
    )


def is_plain(options: Mapping[str, Any]) -> bool:
    """Return whether the options say all that has to be known, and nothing that boto3 reads."""
    names = NEEDED | OURS | SERVING
    if not options.keys() <= names or not all(options.get(name) for name in NEEDED):
        return False
    address = urlsplit(str(options["endpoint_url"]))
    is_amazon = f".{address.hostname}.".find(".amazonaws.") >= 0
    is_host = HOST.fullmatch(address.netloc) is not None
    return address.scheme in ("http", "https") and is_host and not is_amazon


def has_others_to_ask(options: Mapping[str, Any]) -> bool:
    """Return whether settings, variables or files of AWS's tools may have a say."""
    return (
        any(name.startswith("AWS_") for name in dir(settings))
        or any(name.startswith("AWS_") for name in os.environ.keys() - ANSWERED)
        or Path("~/.aws").expanduser().exists()
        or any(find_network(urlsplit(str(options["endpoint_url"])).scheme, os.environ))
    )
