"""The claim: an empty asset whose name says to which releases the files around it belong.

Two sites with one location and manifests in two places do not see each other's releases, so a prune
of one would delete what the other serves. The claim lies where both look. It names the place of
the manifests by a digest, as the public may read it.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from skewproof.errors import RefusedError
from skewproof.stores.store import md5

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skewproof.stores.store import Headers, Store

START = ".releases-"
DIGITS = 12
HEADERS = {"Content-Type": "text/plain", "Cache-Control": "no-store"}


def name_claim(store: Store) -> str:
    """Return the name of the claim of the releases in this store."""
    return f"{START}{md5(store.owner.encode())[:DIGITS]}"


def is_claim(name: str) -> bool:
    """Return whether a name is that of a claim, be it in a folder."""
    return posixpath.basename(name).startswith(START)


def assert_own_place(listing: Iterable[str], store: Store, *, whole: bool = False) -> None:
    """Raise RefusedError if the releases of another site are served from the same location.

    Args:
        listing: The names of all assets.
        store: The store they were listed from.
        whole: Whether folders count in which another site may be.
    """
    own = name_claim(store)
    foreign = [
        each for each in listing if is_claim(each) and each != own and (whole or "/" not in each)
    ]
    if foreign:
        raise RefusedError(
            f"{foreign[0]} in {store.place} says that releases with their manifests in another "
            f"place are served from there, and not only those beside {store.owner}: what a prune "
            "of one of them deletes, the other may need; give each site a location of its own, or, "
            "if there is only this one, delete that one object"
        )


def claim(store: Store, like: Headers) -> None:
    """Write the claim; another site that is as fast is found by the next publish of either.

    Args:
        store: Where to write it.
        like: The headers of an asset: what the options ask for may be what the bucket insists on.
    """
    asked = {name: value for name, value in like.items() if name != "Content-Encoding"}
    store.create_asset(name_claim(store), b"", {**asked, **HEADERS})
