"""Make the identities publisher and web in MinIO, by its admin API (docs/adr/0021)."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import policy
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, MinioException
from settings import RefusedError, SetupError, UnreachableError
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from settings import Identity, Settings


def ensure_identities(settings: Settings, accepts: Callable[[Identity], bool]) -> Iterator[str]:
    """Bring publisher and web into their wanted state; yield a line for each.

    Args:
        settings: with the identities and the bucket that their policies are about.
        accepts: tells whether the store takes an identity's key and secret; a secret cannot be read
            back, so this is how a changed one is found.
    """
    with errors_of(settings):
        admin = connect(settings)
        users = json.loads(admin.user_list()) or {}
        for identity in settings.identities:
            changes = [
                *ensure_policy(admin, settings.bucket, identity.role),
                *ensure_user(admin, users, settings.bucket, identity, accepts),
                *remove_others(admin, users, settings.bucket, identity),
            ]
            yield f"{identity.role}: {', '.join(changes) or 'as it should be'}"


def connect(settings: Settings) -> MinioAdmin:
    """Make a client of the admin API; its own time-outs would be five minutes, five times."""
    url = urlsplit(settings.endpoint)
    return MinioAdmin(
        endpoint=url.netloc,
        secure=url.scheme == "https",
        region=settings.region,
        credentials=StaticProvider(settings.root.access_key, settings.root.secret_key),
        http_client=PoolManager(timeout=Timeout(connect=2, read=10), retries=Retry(0)),
    )


def policy_name(bucket: str, role: str) -> str:
    """Name a role's policy; with the bucket, since policies belong to the whole server."""
    return f"{bucket}-{role}"


def ensure_policy(admin: MinioAdmin, bucket: str, role: str) -> list[str]:
    """Write the role's policy unless the server has the same."""
    name, wanted = policy_name(bucket, role), policy.read(role, bucket)
    try:
        current = json.loads(admin.policy_info(name))
    except MinioAdminException as error:
        if answer(error)[1] != "XMinioAdminNoSuchPolicy":
            raise
        current = None
    if policy.same(current, wanted):
        return []
    admin.policy_add(name, policy=wanted)
    return ["policy applied"]


def ensure_user(
    admin: MinioAdmin,
    users: dict[str, Any],
    bucket: str,
    identity: Identity,
    accepts: Callable[[Identity], bool],
) -> list[str]:
    """Make the user, renew its secret, and give it its role's policy and no other."""
    user = users.get(identity.access_key, {})
    changes = []
    if user.get("status") != "enabled" or not accepts(identity):
        admin.user_add(identity.access_key, identity.secret_key)
        changes.append("secret renewed" if user else "created")
    if user.get("policyName") != policy_name(bucket, identity.role):
        admin.policy_set(policy_name(bucket, identity.role), user=identity.access_key)
        changes.append("policy attached")
    return changes


def remove_others(
    admin: MinioAdmin, users: dict[str, Any], bucket: str, identity: Identity
) -> list[str]:
    """Remove users that hold the role under another key: one that was replaced must not live on."""
    others = [
        key
        for key, user in users.items()
        if user.get("policyName") == policy_name(bucket, identity.role)
        and key != identity.access_key
    ]
    for key in others:
        admin.user_remove(key)
    return [f"old key {key} removed" for key in others]


@contextmanager
def errors_of(settings: Settings) -> Iterator[None]:
    """Turn what the admin client raises into one line and an exit code."""
    store = f"store {settings.endpoint}"
    try:
        yield
    except MinioAdminException as error:
        status, code = answer(error)
        line = f"{store}: MinIO's admin API answers {status} {code}".rstrip()
        if status == "403":
            raise RefusedError(f"{line}; see MINIO_ROOT_USER and MINIO_ROOT_PASSWORD") from error
        raise SetupError(f"{line}; for a store that is no MinIO set STORE_ADMIN=none") from error
    except (HTTPError, MinioException, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UnreachableError(f"{store}: no answer of MinIO's admin API ({reason})") from error


def answer(error: MinioAdminException) -> tuple[str, str]:
    """Read the status and, where MinIO names one, its code; the package offers no public way."""
    try:
        body = json.loads(error._body)
    except ValueError:
        return error._code, ""
    return error._code, str(body.get("Code", ""))
