"""The plan of a publish: what the store lacks of a release."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import ReleaseExistsError, SkewproofError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skewproof.collection import Collection
    from skewproof.content import Upload
    from skewproof.store import Store, Stored

AGAIN = "run the same command again when that is mended, and it goes on from there"


@dataclass(frozen=True)
class Plan:
    """What has to be written for a release to be whole.

    Attributes:
        committed: Whether the release's manifest is there already, with the same content.
        assets: Missing files under hashed names.
        copies: Missing or outdated files under source names.
        reused: How many files are there already.
    """

    committed: bool
    assets: tuple[Upload, ...]
    copies: tuple[Upload, ...]
    reused: int


@contextmanager
def before_any_file(release: str) -> Iterator[None]:
    """Say of a store that fails now that no file has been written."""
    try:
        yield
    except StoreError as error:
        raise StoreError(f"release {release}: {error}; nothing was written; {AGAIN}") from error


def planned(release: str, collection: Collection, store: Store) -> Plan:
    """Compare the release with the store, changing nothing, not even a note."""
    return compared(release, collection, store, is_there(release, collection, store))


def compared(release: str, collection: Collection, store: Store, committed: bool) -> Plan:
    """Return what the store lacks of a release, whose manifest is there already or not."""
    with before_any_file(release):
        stored = store.list_assets()
    assets = tuple(asset for asset in collection.assets if missing(asset, stored, release, store))
    # The unhashed copies are those of the release that was published last: saying again that this
    # one is there must not take them back from a later one.
    wanted = absent if committed else outdated
    copies = tuple(copy for copy in collection.copies if wanted(copy, stored, store))
    total = len(collection.assets) + len(collection.copies)
    return Plan(committed, assets, copies, total - len(assets) - len(copies))


def is_there(release: str, collection: Collection, store: Store) -> bool:
    """Return whether this very release, if it is one, is there; raise if another one has its id."""
    with before_any_file(release):
        return collection.is_release() and is_committed(release, collection, store)


def is_committed(release: str, collection: Collection, store: Store) -> bool:
    """Return whether this very release is there; raise if another one has its id."""
    content = store.read_record(manifest.key(release))
    if content is None:
        return False
    there = manifest.parse(content, release, manifest.place_in(store.place, release))
    differences = manifest.difference(there.paths, collection.paths)
    if differences:
        raise ReleaseExistsError(
            f"release {release} is in {store.place} with other content: {differences}; "
            "a release never changes, so publish this content under an id of its own"
        )
    return True


def missing(asset: Upload, stored: dict[str, Stored], release: str, store: Store) -> bool:
    """Return whether the store lacks an asset; raise if it holds a damaged one."""
    found = stored.get(asset.name)
    # How well gzip compresses depends on its version, so a compressed size proves nothing.
    if found and not asset.compress and found.size != asset.size:
        raise SkewproofError(
            f"release {release}: {asset.name} in {store.place} has {found.size} bytes instead of "
            f"{asset.size}, so it is damaged; it is not overwritten, as another "
            "release may be serving it: delete that one object and publish again"
        )
    return found is None


def absent(copy: Upload, stored: dict[str, Stored], store: Store) -> bool:  # noqa: ARG001 - as outdated
    """Return whether the store lacks an unhashed copy."""
    return copy.name not in stored


def outdated(copy: Upload, stored: dict[str, Stored], store: Store) -> bool:
    """Return whether an unhashed copy has to be written."""
    found = stored.get(copy.name)
    return found is None or not store.holds(copy.name, found, copy.body())
