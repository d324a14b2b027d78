"""What ``manage.py check --deploy`` finds; each can be silenced with SILENCED_SYSTEM_CHECKS.

They look at settings, files and the source of the settings, and never at the network. Where the
storage is none of this package's, only those speak that are about a stock storage with a manifest.
``check_apps`` needs no ``--deploy``, so that another app's collectstatic ends before it writes: not
all of them write through the storage, which would refuse.
"""

from __future__ import annotations

from skewproof.checks.privacy import check_privacy
from skewproof.checks.release import check_origin, check_release, check_uniqueness
from skewproof.checks.storage import (
    check_apps,
    check_baked,
    check_debug,
    check_options,
    check_overwriting,
    check_shared,
    check_strictness,
)

CHECKS = (
    check_release,
    check_apps,
    check_options,
    check_baked,
    check_shared,
    check_strictness,
    check_overwriting,
    check_origin,
    check_uniqueness,
    check_privacy,
    check_debug,
)
