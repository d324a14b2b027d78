"""Print the file of identities (-s3.config) for SeaweedFS, which has no admin API of its own.

SeaweedFS 4 evaluates real IAM policies: the same files as for MinIO, word for word. What the public
may read is a bucket policy in both, so setup.py is to follow, with STORE_ADMIN=none.

    python minio/seaweed.py > s3.json
    weed mini -s3.config=s3.json ...

A changed file needs a restart: on SIGHUP, 4.48 takes new keys from it, but no new policy.

Variables: S3_BUCKET and the three pairs of credentials, as setup.py has them. Exit codes: 0 done;
64 a variable or a policy file is missing or bad.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import policy
from settings import SettingError, read_bucket, read_identities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from settings import Identity


def main() -> int:
    """Print the file for the identities of the environment, and return the exit code."""
    try:
        print(json.dumps(identities_file(os.environ), indent=2))
    except SettingError as error:
        print(f"seaweed: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def identities_file(environ: Mapping[str, str]) -> dict[str, Any]:
    """Make root an administrator, and give every other identity its role's policy alone."""
    bucket = read_bucket(environ)
    root, *others = read_identities(environ)
    return {
        "identities": [
            entry(root) | {"actions": ["Admin"]},
            *(entry(identity) | {"policyNames": [identity.role]} for identity in others),
        ],
        # SeaweedFS wants each policy as a string inside the file.
        "policies": [
            {"name": identity.role, "content": json.dumps(policy.read(identity.role, bucket))}
            for identity in others
        ],
    }


def entry(identity: Identity) -> dict[str, Any]:
    """Describe an identity without any right."""
    credentials = {"accessKey": identity.access_key, "secretKey": identity.secret_key}
    return {"name": identity.role, "credentials": [credentials]}


if __name__ == "__main__":
    sys.exit(main())
