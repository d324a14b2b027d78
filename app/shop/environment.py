"""The environment of the demo site: every variable is read here, checked, and nowhere else."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from skewproof.errors import ReleaseIdError
from skewproof.release import release_id

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = Path(__file__).resolve().parent.parent
RELEASE_FILE = APP / "RELEASE"
STRATEGIES = (
    *("skewproof", "versioned", "shared", "baked", "prefix", "unhashed"),
    *("shared-disk", "versioned-disk", "whitenoise"),
)
WITHOUT_A_STORE = ("shared-disk", "versioned-disk", "whitenoise")
"""Strategies that keep the assets in STATIC_ROOT."""
# Only for runserver: it signs nothing that leaves the developer's machine.
DEVELOPMENT_KEY = "development-only: visible to everybody, so never used unless DEBUG"

HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::(\d{1,5}))?")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z0-9-]{1,40}")
# It goes into a header and into the footer of every page.
REPLICA = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


class BadVariableError(Exception):
    """A variable of the environment is missing or wrong; the message is one line for a human."""


@dataclass(frozen=True)
class Store:
    """The S3 bucket that holds the assets, and the identity that reads it."""

    endpoint_url: str
    bucket: str
    access_key_id: str
    secret_access_key: str
    region: str


@dataclass(frozen=True)
class Environment:
    """What the environment says; ``store`` is None where the strategy asks none, or ``DEBUG``."""

    release: str
    release_dir: Path
    strategy: str
    secret_key: str
    debug: bool
    public_host: str
    store: Store | None
    static_root: Path
    database: Path
    replica: str
    drain_file: Path | None

    @property
    def public_name(self) -> str:
        """The public host without its port, as Django compares it."""
        return re.sub(r":\d+$", "", self.public_host)


def read_environment() -> Environment:
    """Read and check every variable.

    Raises:
        BadVariableError: The first variable that is missing or wrong, with its value.
    """
    variables = os.environ
    release = release_of_the_image()
    debug = one_of(variables, "DEBUG", ("false", "true")) == "true"
    strategy = one_of(variables, "STATICFILES_STRATEGY", STRATEGIES)
    return Environment(
        release=release,
        release_dir=release_dir(variables, release),
        strategy=strategy,
        secret_key=secret_key(variables, debug),
        debug=debug,
        public_host=public_host(variables),
        store=None if debug or strategy in WITHOUT_A_STORE else store(variables),
        static_root=Path(text(variables, "STATIC_ROOT", str(APP / "assets"))).resolve(),
        database=file_to_write(variables, "DATABASE", APP / "db.sqlite3"),
        replica=matching(variables, "REPLICA", REPLICA, socket.gethostname()),
        drain_file=drain_file(variables),
    )


def release_of_the_image() -> str:
    """Return the release id, as skewproof finds it."""
    try:
        return release_id(RELEASE_FILE)
    except ReleaseIdError as error:
        raise BadVariableError(str(error)) from error


def release_dir(variables: Mapping[str, str], release: str) -> Path:
    """Return the directory that holds templates/ and static/ of the release."""
    path = Path(text(variables, "RELEASE_DIR", str(APP / "releases" / release))).resolve()
    for part in ("templates", "static"):
        if not (path / part).is_dir():
            raise bad("RELEASE_DIR", str(path), f"it has no directory {part}/; name a release's")
    return path


def secret_key(variables: Mapping[str, str], debug: bool) -> str:
    """Return the key that signs sessions; only development has a default."""
    return text(variables, "SECRET_KEY", DEVELOPMENT_KEY if debug else None)


def public_host(variables: Mapping[str, str]) -> str:
    """Return host or host:port, by which visitors reach the gateway."""
    value = text(variables, "PUBLIC_HOST", "127.0.0.1:8080")
    found = HOST.fullmatch(value)
    if not found or not 0 < int(found[1] or 80) < 65536:
        raise bad("PUBLIC_HOST", value, "write host or host:port, as in 127.0.0.1:8080")
    return value


def store(variables: Mapping[str, str]) -> Store:
    """Return the bucket and the identity."""
    return Store(
        endpoint_url=endpoint_url(variables),
        bucket=matching(variables, "S3_BUCKET", BUCKET, "skewproof"),
        access_key_id=text(variables, "AWS_ACCESS_KEY_ID"),
        secret_access_key=text(variables, "AWS_SECRET_ACCESS_KEY"),
        region=matching(variables, "AWS_REGION", REGION, "us-east-1"),
    )


def endpoint_url(variables: Mapping[str, str]) -> str:
    """Return the URL of the S3 server."""
    value = text(variables, "S3_ENDPOINT_URL")
    try:
        url = urlsplit(value)
        # Reading the port checks it: urlsplit itself takes "http://minio:port".
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or url.path.strip("/") or url.query:
        raise bad("S3_ENDPOINT_URL", value, "write scheme, host and port: http://minio:9000")
    return value


def drain_file(variables: Mapping[str, str]) -> Path | None:
    """Return the file whose presence fails readiness."""
    if not variables.get("DRAIN_FILE"):
        return None
    return file_to_write(variables, "DRAIN_FILE")


def file_to_write(variables: Mapping[str, str], name: str, default: Path | None = None) -> Path:
    """Return the path of a file that may not exist yet, though its directory must."""
    path = Path(text(variables, name, str(default) if default else None)).resolve()
    if path.is_dir() or not path.parent.is_dir():
        raise bad(name, str(path), "it must be a file in a directory that exists")
    return path


def one_of(variables: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return one of the choices; the first is the default."""
    value = text(variables, name, choices[0])
    if value not in choices:
        raise bad(name, value, f"choose {' or '.join(choices)}")
    return value


def matching(
    variables: Mapping[str, str], name: str, pattern: re.Pattern[str], default: str | None = None
) -> str:
    """Return a value that the pattern matches as a whole."""
    value = text(variables, name, default)
    if not pattern.fullmatch(value):
        raise bad(name, value, f"it must match {pattern.pattern}")
    return value


def text(variables: Mapping[str, str], name: str, default: str | None = None) -> str:
    """Return the value or its default; Compose hands over an unset variable as an empty one."""
    value = variables.get(name) or default
    if value is None:
        raise bad(name, variables.get(name), "it is required unless DEBUG=true")
    return value


def bad(name: str, value: str | None, advice: str) -> BadVariableError:
    """Return the error for one variable; repr keeps a value with line breaks on one line."""
    found = "is not set" if value is None else f"is {value!r}"
    return BadVariableError(f"the environment variable {name} {found}: {advice}")
