"""What the set-up of the store is told by environment variables, and how it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ENDPOINT = re.compile(r"https?://[^/?#@\s]+")
REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# MinIO takes 3 and 8 characters at least, and neither "=" nor "," in an access key.
ACCESS_KEY = re.compile(r"[A-Za-z0-9._+@-]{3,128}")
SECRET_KEY = re.compile(r"[!-~]{8,128}")


class SetupError(Exception):
    """The set-up cannot go on: one line for the reader and an exit code."""

    exit_code: ClassVar[int] = 70


class SettingError(SetupError):
    """A variable is missing or bad, or a policy file is."""

    exit_code = 64


class UnreachableError(SetupError):
    """The store did not answer in time."""

    exit_code = 69


class RefusedError(SetupError):
    """The store does not take the root credentials."""

    exit_code = 77


@dataclass(frozen=True)
class Identity:
    """A role with the key and the secret that it signs with."""

    role: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Settings:
    """Everything that setup.py needs to know; `identities` is empty where the store has its own."""

    endpoint: str
    bucket: str
    region: str
    root: Identity
    identities: tuple[Identity, ...]
    timeout: float

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read all variables, or raise `SettingError` that names the first that is wrong."""
        endpoint = _variable(environ, "S3_ENDPOINT_URL", ENDPOINT, "http://HOST:PORT")
        admin = environ.get("STORE_ADMIN") or "minio"
        if admin not in ("minio", "none"):
            raise SettingError(f'STORE_ADMIN="{admin}": expected minio or none')
        root, *others = read_identities(environ) if admin == "minio" else [read_root(environ)]
        return cls(
            endpoint=endpoint,
            bucket=read_bucket(environ),
            region=_variable(environ, "AWS_REGION", REGION, "a region's name", "us-east-1"),
            root=root,
            identities=tuple(others),
            timeout=_seconds(environ, "STORE_TIMEOUT", "60"),
        )


def read_bucket(environ: Mapping[str, str]) -> str:
    """Read the name of the bucket."""
    rule = "3 to 63 of a-z, 0-9, '-' and '.', beginning and ending with a letter or digit"
    return _variable(environ, "S3_BUCKET", BUCKET, rule, "skewproof")


def read_root(environ: Mapping[str, str]) -> Identity:
    """Read the identity that sets the store up."""
    return _identity(environ, "root", "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD")


def read_identities(environ: Mapping[str, str]) -> list[Identity]:
    """Read root, publisher and web; no two may share a key, or one would have both's rights."""
    publisher = _identity(environ, "publisher", "PUBLISHER_ACCESS_KEY", "PUBLISHER_SECRET_KEY")
    web = _identity(environ, "web", "WEB_ACCESS_KEY", "WEB_SECRET_KEY")
    identities = [read_root(environ), publisher, web]
    if len({identity.access_key for identity in identities}) < len(identities):
        raise SettingError(
            "MINIO_ROOT_USER, PUBLISHER_ACCESS_KEY, WEB_ACCESS_KEY: expected three different keys"
        )
    return identities


def _identity(environ: Mapping[str, str], role: str, key: str, secret: str) -> Identity:
    rule = "3 to 128 letters, digits and . _ + @ -"
    return Identity(
        role,
        _variable(environ, key, ACCESS_KEY, rule),
        _variable(environ, secret, SECRET_KEY, "8 to 128 printable characters", secret=True),
    )


def _variable(
    environ: Mapping[str, str],
    name: str,
    pattern: re.Pattern[str],
    rule: str,
    default: str | None = None,
    *,
    secret: bool = False,
) -> str:
    value = environ.get(name) or default
    if value is None:
        raise SettingError(f"{name} is not set: expected {rule}")
    if not pattern.fullmatch(value):
        shown = f" (a secret of {len(value)} characters)" if secret else f'="{value}"'
        raise SettingError(f"{name}{shown}: expected {rule}")
    return value


def _seconds(environ: Mapping[str, str], name: str, default: str) -> float:
    rule = "a number of seconds above 0"
    value = _variable(environ, name, re.compile(r"\d{1,6}(\.\d+)?"), rule, default)
    if float(value) == 0:
        raise SettingError(f'{name}="{value}": expected {rule}')
    return float(value)
