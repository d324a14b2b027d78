"""Where obstore is known to do what boto3 would: the options and variables that are understood.

What is not listed here goes by the rule, whatever it is (ADR 32). A list of what is *not*
understood would never be complete.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.config import Config
    from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]

# Options of django-storages that lead to an address or to credentials, which are taken from boto3
# itself; that a publish looks at on its own; or that only serving pages looks at.
OPTIONS = {
    *("bucket_name", "location", "endpoint_url", "region_name", "use_ssl", "addressing_style"),
    *("access_key", "secret_key", "security_token", "session_profile"),
    *("gzip", "gzip_content_types", "object_parameters", "client_config", "signature_version"),
    *("cloudfront_key_id", "cloudfront_key", "custom_domain", "file_overwrite", "url_protocol"),
    *("querystring_auth", "querystring_expire"),
    *("file_name_charset", "max_memory_size", "transfer_config", "use_threads"),
}
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
NO_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the options access_key and secret_key, or "
    "give the machine a role"
)
PARAMETERS = {*HEADERS, *ENCRYPTION, "Metadata"}
# Of a botocore.config.Config: the address, and patience, of which a publish has its own.
CONFIG = {"connect_timeout", "max_pool_connections", "read_timeout", "region_name", "retries"}
SIGNATURES = (None, "s3v4")
BUCKET = re.compile(r"(?!.*--)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # no ARN, no directory bucket
# What a subclass may have without a say in what is sent.
HARMLESS = {"__doc__", "__module__", "__qualname__", "__annotations__", "__firstlineno__"}
HARMLESS |= {"__static_attributes__", "hashing", "pause", "url", "conditional_writes"}
HARMLESS |= {"releases_location", "unhashed_copies", "baked_manifest", "publish_barrier"}
LIBRARIES = {"builtins", "django", "skewproof", "storages"}
# Of boto3, in its order; then of the TLS beneath obstore.
CERTIFICATES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def find_hindrance(storage: S3Storage) -> str | None:
    """Return what only boto3 is known to honour, or None where obstore does the same."""
    return next(find_hindrances(storage), None)


def find_hindrances(storage: S3Storage) -> Iterator[str]:
    """Yield all that obstore is not known to honour."""
    yield from find_overrides(type(storage))
    for name in sorted(storage.get_default_settings().keys() - OPTIONS):
        if getattr(storage, name) is not None:
            yield f"the option {name} is set"
    if not BUCKET.fullmatch(str(storage.bucket_name)):
        yield f"{storage.bucket_name} is no plain name of a bucket"
    for name in sorted(storage.object_parameters.keys() - PARAMETERS):
        yield f"object_parameters has {name}"
    yield from find_configured(storage.client_config)
    yield from find_surroundings(storage)


def find_overrides(cls: type) -> Iterator[str]:
    """Yield what a project's own classes change, beside options."""
    for each in cls.__mro__:
        if each.__module__.partition(".")[0] in LIBRARIES:
            continue
        for name in sorted(vars(each).keys() - HARMLESS - OPTIONS):
            yield f"{each.__name__} has {name} of its own"


def find_configured(config: Config) -> Iterator[str]:
    """Yield what a project's configuration of botocore asks for."""
    default = type(config)()
    for name in type(config).OPTION_DEFAULTS:
        value = getattr(config, name)
        if name in CONFIG or value == getattr(default, name):
            continue
        if name == "signature_version" and value in SIGNATURES:
            continue
        if name == "s3" and value.keys() <= {"addressing_style"}:
            continue
        yield f"client_config has {name}"


def find_surroundings(storage: S3Storage) -> Iterator[str]:
    """Yield what files and variables of AWS's tools, and those of the network, ask for."""
    scheme = "https" if storage.use_ssl else "http"
    if storage.endpoint_url:
        scheme = str(storage.endpoint_url).partition(":")[0]
    if "@" in str(storage.endpoint_url):
        yield "endpoint_url has a user name or a password"
    yield from find_network(scheme, os.environ)
    if scheme == "https" and (bundle := find_bundle(storage)):
        yield f"{bundle[0]} is set"


def find_network(scheme: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield variables that the two libraries read in different ways: proxies, certificates."""
    proxies = (f"{scheme}_proxy", "all_proxy")
    names = (*proxies, *map(str.upper, proxies), *(CERTIFICATES if scheme == "https" else ()))
    return (f"{name} is set" for name in names if environ.get(name))


def find_bundle(storage: S3Storage) -> tuple[str, Any] | None:
    """Return what names the certificates that boto3 would trust, and the file; or None."""
    if storage.verify is not None:
        is_path = not isinstance(storage.verify, bool)
        return ("the option verify", storage.verify) if is_path else None
    first, second = CERTIFICATES[:2]
    profile = storage._create_session()._session.get_config_variable("ca_bundle")
    found = (
        (first, os.environ.get(first)),
        ("ca_bundle in the profile", profile),
        (second, os.environ.get(second)),
    )
    return next((each for each in found if each[1]), None)
