"""What a store lacks of a release, as far as looking tells; nothing is written here."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import ReleaseExistsError, SkewproofError, StoreError
from skewproof.publishing.retention import HASHED
from skewproof.stores.store import md5

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from skewproof.publishing.collection import Collection, Upload
    from skewproof.stores.store import Store, Stored

AGAIN = "run the same command again when that is mended, and it goes on from there"
SMALL = 4096  # bytes that are compressed in no time
GZIP = 18  # bytes of its head and its end
MOST_COMPRESSED = 1032  # bytes of which deflate may make one


@dataclass(frozen=True)
class Found:
    """What is stored under the key of a release's manifest, if anything is."""

    content: bytes | None


@dataclass(frozen=True)
class PublishPlan:
    """What has to be written for a release to be whole.

    Attributes:
        is_published: Whether the release's manifest is there already, with the same content.
        assets: Missing files under hashed names.
        copies: Missing or outdated files under source names.
        reused: How many files are there already.
    """

    is_published: bool
    assets: tuple[Upload, ...]
    copies: tuple[Upload, ...]
    reused: int


def look_up(release: str, store: Store) -> Found:
    """Return what is there of the release; it takes one request, the first one.

    Raises:
        StoreError: The store is missing, refuses the identity, or fails.
    """
    with before_any_file(release):
        return read_found(release, store)


def read_found(release: str, store: Store) -> Found:
    """Return what is stored under the key of a release's manifest."""
    return Found(store.read_private(manifest.make_key(release)))


def plan_publish(
    release: str, collection: Collection, store: Store, found: Found | None = None
) -> PublishPlan:
    """Compare the release with the store, changing nothing, not even announcing an intent."""
    there = find_this_release(release, collection, store, found)
    return compare(release, collection, store, there)


@contextmanager
def before_any_file(release: str) -> Iterator[None]:
    """Say of a store that fails now that no file has been written."""
    try:
        yield
    except StoreError as error:
        raise StoreError(f"release {release}: {error}; nothing was written; {AGAIN}") from error


def find_this_release(
    release: str, collection: Collection, store: Store, found: Found | None
) -> bool:
    """Return whether this very release, if it is one, is there; raise if its id is taken."""
    if not collection.is_release():
        return False
    return is_published(release, collection, store, found or look_up(release, store))


def is_published(release: str, collection: Collection, store: Store, found: Found) -> bool:
    """Return whether what was found is this very release; raise if it is another one."""
    if found.content is None:
        return False
    there = manifest.parse(found.content, release, manifest.name_place(store.place, release))
    differences = manifest.find_difference(there.paths, collection.paths)
    if differences:
        raise ReleaseExistsError(
            f"release {release} is in {store.place} with other content: {differences}; "
            "a release never changes, so publish this content under an id of its own"
        )
    return True


def compare(release: str, collection: Collection, store: Store, there: bool) -> PublishPlan:
    """Return what the store lacks of a release, whose manifest is there already or not."""
    with before_any_file(release):
        stored = store.list_assets(each.name for each in collection.assets)
    assets = tuple(each for each in collection.assets if is_missing(each, stored, release, store))
    for asset in find_doubted(collection.assets, stored):
        assert_undamaged(asset, release, store)
    for copy in filter(is_named_as_asset, collection.copies):
        assert_own(copy, stored, release, store)
    # The unhashed copies are those of the release that was published last: saying again that this
    # one is there must not take them back from a later one.
    is_wanted = is_absent if there else is_outdated
    copies = tuple(copy for copy in collection.copies if is_wanted(copy, stored, store))
    total = len(collection.assets) + len(collection.copies)
    return PublishPlan(there, assets, copies, total - len(assets) - len(copies))


def is_missing(asset: Upload, stored: dict[str, Stored], release: str, store: Store) -> bool:
    """Return whether the store lacks an asset; raise if it holds a damaged one."""
    found = stored.get(asset.name)
    # How well gzip compresses depends on its version, so a compressed size proves nothing.
    if found and not asset.compress and found.size != asset.size:
        raise SkewproofError(
            f"release {release}: {asset.name} in {store.place} has {found.size} bytes instead of "
            f"{asset.size}, so it is damaged; it is not overwritten, as another "
            "release may be serving it: delete that one object and publish again"
        )
    if found and not asset.is_hashed and not store.holds(asset.name, found, asset.expected()):
        raise SkewproofError(
            f"release {release}: {asset.name} in {store.place} has other content, and the project "
            "gives it no hash; it is not overwritten, as another release may be serving it: "
            "rename the file, or let file_hash return a hash for it"
        )
    return found is None


def find_doubted(assets: Iterable[Upload], stored: dict[str, Stored]) -> list[Upload]:
    """Return the assets that may hold other bytes than they should, as far as a listing tells.

    How well gzip compresses differs from machine to machine, and compressing takes its time. So of
    what is compressed, only small files are compared; of others the size has to be possible.
    """
    present = [each for each in assets if each.name in stored]
    large = [each for each in present if each.compress and each.size > SMALL]
    return [
        *find_differing([each for each in present if not each.compress], stored),
        *find_differing([each for each in present if each.compress and each.size <= SMALL], stored),
        *(each for each in large if not is_possible(each.size, stored[each.name].size)),
    ]


def find_differing(assets: list[Upload], stored: dict[str, Stored]) -> list[Upload]:
    """Return the assets with another digest than they should have.

    What a service lists may be no MD5, as with some encryption: then none fits, and none counts.
    """
    listed = [each for each in assets if stored[each.name].digest]
    doubted = [each for each in listed if stored[each.name].digest != each.expected().digest]
    return doubted if len(doubted) < len(listed) else []


def is_possible(size: int, compressed: int) -> bool:
    """Return whether so many bytes may have become that many: https://zlib.net/zlib_tech.html."""
    return GZIP + size // MOST_COMPRESSED <= compressed <= size + size // 100 + SMALL


def assert_undamaged(asset: Upload, release: str, store: Store) -> None:
    """Raise if the store holds other bytes than an asset should have."""
    if not is_same(store.read_asset(asset.name), asset):
        raise SkewproofError(
            f"release {release}: {asset.name} in {store.place} has other bytes than its hash "
            "says, so it is damaged; it is not overwritten, as another release may be serving "
            "it: delete that one object and publish again"
        )


def is_same(body: bytes | None, asset: Upload) -> bool:
    """Return whether what is stored is an asset, however it is compressed; or has gone."""
    if body is None:
        return True
    try:
        content = gzip.decompress(body) if asset.compress else body
    except (OSError, EOFError, zlib.error):
        return False
    return md5(content) == asset.content.digest


def is_named_as_asset(copy: Upload) -> bool:
    """Return whether a source has a name like that of a hashed file."""
    return HASHED.search(copy.name) is not None


def assert_own(copy: Upload, stored: dict[str, Stored], release: str, store: Store) -> None:
    """Raise if the unhashed copy of such a source would overwrite what may be an asset."""
    found = stored.get(copy.name)
    if found is not None and not store.holds(copy.name, found, copy.expected()):
        raise SkewproofError(
            f"release {release}: {copy.name} has the name of a hashed file, and {store.place} "
            "holds other content under it, which another release may be serving; rename the "
            "source, or set the option unhashed_copies of the storage to False"
        )


def is_absent(copy: Upload, stored: dict[str, Stored], store: Store) -> bool:  # noqa: ARG001 - as is_outdated
    """Return whether the store lacks an unhashed copy."""
    return copy.name not in stored


def is_outdated(copy: Upload, stored: dict[str, Stored], store: Store) -> bool:
    """Return whether an unhashed copy has to be written."""
    found = stored.get(copy.name)
    return found is None or not store.holds(copy.name, found, copy.expected())
