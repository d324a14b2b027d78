"""What a store lacks of a release, as far as looking tells; nothing is written here."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import RefusedError, ReleaseExistsError, StoreError
from skewproof.publishing.claim import assert_own_place, name_claim
from skewproof.publishing.proof import assert_same
from skewproof.publishing.retention import HASHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skewproof.manifest import Manifest
    from skewproof.publishing.collection import Collection, Upload
    from skewproof.stores.store import Store, Stored

AGAIN = "run the same command again when that is mended, and it goes on from there"


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
        is_claimed: Whether the store says already to which releases its files belong.
    """

    is_published: bool
    assets: tuple[Upload, ...]
    copies: tuple[Upload, ...]
    reused: int
    is_claimed: bool

    def is_empty(self) -> bool:
        """Return whether no file has to be written."""
        return not (self.assets or self.copies)


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
) -> Manifest | None:
    """Return the manifest if this very release is there; raise if its id is taken."""
    if not collection.is_release():
        return None
    return match(release, collection, store, found or look_up(release, store))


def match(release: str, collection: Collection, store: Store, found: Found) -> Manifest | None:
    """Return what was found, if it is this very release; raise if it is another one."""
    if found.content is None:
        return None
    place = manifest.name_place(store.place, release)
    there = manifest.parse(found.content, release, place, with_contents=True)
    differences = manifest.find_difference(there.paths, collection.paths) or manifest.find_changed(
        there, collection.contents()
    )
    if differences:
        raise ReleaseExistsError(
            f"release {release} is in {store.place} with other content: {differences}; "
            "a release never changes, so publish this content under an id of its own"
        )
    return there


def compare(
    release: str, collection: Collection, store: Store, there: Manifest | None
) -> PublishPlan:
    """Return what the store lacks of a release, whose manifest is there already or not."""
    with before_any_file(release):
        stored = store.list_assets(each.name for each in collection.assets)
        assert_own_place(stored, store)
        assets = tuple(each for each in collection.assets if each.name not in stored)
        assert_same(collection.assets, stored, release, store, there)
    for copy in filter(is_named_as_asset, collection.copies):
        assert_own(copy, stored, release, store)
    # The unhashed copies are those of the release that was published last: saying again that this
    # one is there must not take them back from a later one.
    is_wanted = is_absent if there else is_outdated
    copies = tuple(copy for copy in collection.copies if is_wanted(copy, stored, store))
    total = len(collection.assets) + len(collection.copies)
    return PublishPlan(
        is_published=there is not None,
        assets=assets,
        copies=copies,
        reused=total - len(assets) - len(copies),
        is_claimed=name_claim(store) in stored,
    )


def is_named_as_asset(copy: Upload) -> bool:
    """Return whether a source has a name like that of a hashed file."""
    return HASHED.search(copy.name) is not None


def assert_own(copy: Upload, stored: dict[str, Stored], release: str, store: Store) -> None:
    """Raise if the unhashed copy of such a source would overwrite what may be an asset."""
    found = stored.get(copy.name)
    if found is not None and not store.holds(copy.name, found, copy.expected()):
        raise RefusedError(
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
