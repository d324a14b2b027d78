"""Credentials that no request could carry, refused before any is made, and kept out of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skewproof.errors import OptionError
from skewproof.redaction import remember, remember_address, watch_libraries

if TYPE_CHECKING:
    from collections.abc import Collection

# What gives an option of a storage a value where nobody sets it.
ORIGINS = {
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
    "security_token": "AWS_SESSION_TOKEN",
    "account_key": "AZURE_ACCOUNT_KEY",
    "sas_token": "AZURE_SAS_TOKEN",
    "connection_string": "AZURE_CONNECTION_STRING",
}
PUBLIC = {"access_key"}
"""What is an identity's name, and no secret: short ones would be hidden in every message."""


def check_credentials(storage: Any, given: Collection[str]) -> None:
    """Have the storage's secrets hidden from now on, and refuse those that cannot be sent.

    Args:
        storage: A storage with its options as attributes.
        given: The options that the project has set.

    Raises:
        OptionError: A credential, or the endpoint, holds what no request can carry.
    """
    watch_libraries()
    found = {name: getattr(storage, name, None) for name in ORIGINS}
    remember(*(value for name, value in found.items() if name not in PUBLIC))
    remember(getattr(storage, "cloudfront_key", None))
    remember_address(getattr(storage, "endpoint_url", None))
    remember_fields(found["connection_string"], ";")
    remember_fields(found["sas_token"], "&")
    for name, value in {**found, "endpoint_url": getattr(storage, "endpoint_url", None)}.items():
        if isinstance(value, str) and (fault := find_fault(value)):
            from_elsewhere = name in ORIGINS and name not in given
            where = f"{ORIGINS[name]} (a setting or a variable)" if from_elsewhere else name
            raise OptionError(
                f"{where} {fault}, which no request can carry; set it again, without what an "
                "editor or a file may have added"
            )


def remember_fields(value: str | None, separator: str) -> None:
    """Have the secret fields of a connection string, or of a SAS token, hidden by themselves."""
    for field in str(value or "").split(separator):
        name, _, said = field.strip("?").partition("=")
        if name in ("AccountKey", "SharedAccessSignature", "sig"):
            remember(said)


def find_fault(value: str) -> str | None:
    """Return why a value cannot be a header, which has visible characters of ASCII and blanks."""
    if value != value.strip():
        return "begins or ends with a blank or a line break"
    if not value.isascii():
        return "has a character that is not in ASCII"
    if not value.isprintable():
        return "has a control character, such as a line break"
    return None
