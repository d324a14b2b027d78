"""Whether the store holds, under an asset's name, what the asset is: content decides, not the name.

Twelve digits of an MD5 are in a name, and two files that share them can be made in minutes. So an
asset that is there counts only when something says that it has these very bytes: the digest in the
listing, the manifest of a release that was published with it, or else the bytes themselves.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from skewproof import manifest
from skewproof.errors import ManifestError, RefusedError
from skewproof.stores.store import Budget, md5, run_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from skewproof.manifest import Manifest
    from skewproof.publishing.collection import Upload
    from skewproof.stores.store import Store, Stored

ASKED = 3  # manifests, newest first, that are asked what an asset held when they were published
FEW = 3  # assets that are read though their digests may be none
SMALL = 4096  # bytes that are compressed in no time
GZIP = 18  # bytes of its head and its end
MOST_COMPRESSED = 1032  # bytes of which deflate may make one
DIGITS = 12  # of the MD5, which Django puts into a name
UNTOUCHED = "it is not overwritten, as another release may be serving it"
REPAIR = (
    'run "manage.py verify_releases --read --repair" in an image that has the file, and publish '
    "again"
)


def assert_same(
    assets: Iterable[Upload],
    stored: Mapping[str, Stored],
    release: str,
    store: Store,
    there: Manifest | None,
) -> None:
    """Raise if the store holds other content under the name of an asset.

    Args:
        assets: Those of the release.
        stored: What the store lists.
        release: The release id.
        store: Where to look.
        there: The manifest of this release, if it is there already.

    Raises:
        RefusedError: It does; the message says whether that is damage or two contents of one name.
        StoreError: The store failed.
    """
    doubted, untold = find_unproved(assets, stored)
    if untold:
        proved = find_proved({each.name for each in untold}, store, there)
        doubted += [
            each for each in untold if proved.get(each.name) != (each.size, each.content.digest)
        ]
    assert_read_same(doubted, release, store)


def find_unproved(
    assets: Iterable[Upload], stored: Mapping[str, Stored]
) -> tuple[list[Upload], list[Upload]]:
    """Return the assets of which the listing says that they differ, and those it tells nothing of.

    How well gzip compresses differs from machine to machine, and compressing takes its time. So of
    what is compressed, only small files are compared; of others the size has to be possible.
    """
    present = [each for each in assets if each.name in stored]
    plain = [each for each in present if not each.compress]
    large = [each for each in present if each.compress and each.size > SMALL]
    wrong = [each for each in plain if stored[each.name].size != each.size] + [
        each for each in large if not is_possible(each.size, stored[each.name].size)
    ]
    left = {each.name for each in present} - {each.name for each in wrong}
    doubted, untold = wrong, [each for each in large if each.name in left]
    for group in (plain, [each for each in present if each.compress and each.size <= SMALL]):
        differing, silent = compare_digests([each for each in group if each.name in left], stored)
        doubted += differing
        untold += silent
    return doubted, untold


def compare_digests(
    assets: list[Upload], stored: Mapping[str, Stored]
) -> tuple[list[Upload], list[Upload]]:
    """Return the assets with another digest than they should have, and those without one.

    What a service lists may be no MD5, as with some encryption: then none fits, and none counts.
    """
    silent = [each for each in assets if not stored[each.name].digest]
    listed = [each for each in assets if stored[each.name].digest]
    differing = [each for each in listed if stored[each.name].digest != each.expected().digest]
    if FEW < len(differing) == len(listed):
        return [], silent + differing
    return differing, silent


def is_possible(size: int, compressed: int) -> bool:
    """Return whether so many bytes may have become that many: https://zlib.net/zlib_tech.html."""
    return GZIP + size // MOST_COMPRESSED <= compressed <= size + size // 100 + SMALL


def find_proved(
    names: set[str], store: Store, there: Manifest | None
) -> dict[str, tuple[int, str]]:
    """Return what releases that are there say of names: this one, or else the newest ones.

    Whatever a manifest says of a name has been true since, as nobody writes over an asset.
    """
    found: dict[str, tuple[int, str]] = {}
    for each in [there] if there and there.contents else read_newest(store):
        found = {name: each.contents[name] for name in names & each.contents.keys()} | found
        if len(found) == len(names):
            break
    return found


def read_newest(store: Store) -> Iterator[Manifest]:
    """Yield the manifests that were published last and can be read."""
    listed = {
        release: stored.get_modified()
        for key, stored in store.list_private().items()
        if (release := manifest.find_release(key))
    }
    for release in sorted(listed, key=lambda each: listed[each], reverse=True)[:ASKED]:
        content = store.read_private(manifest.make_key(release))
        if content is None:
            continue
        try:
            yield manifest.parse(content, release, store.place, with_contents=True)
        except ManifestError:  # it says nothing; whoever needs that release will be told
            continue


def assert_read_same(assets: Iterable[Upload], release: str, store: Store) -> None:
    """Raise if an asset, as it is read from the store, is another one."""
    memory = Budget()

    def look(asset: Upload) -> RefusedError | None:
        with memory.spend(asset.size):
            where = f"release {release}: {asset.name} in {store.place}"
            return find_fault(store.read_asset(asset.name), asset, where)

    faults = [each for each in run_parallel(look, assets, store.workers) if each]
    if faults:
        raise min(faults, key=str)


def find_fault(body: bytes | None, asset: Upload, where: str) -> RefusedError | None:
    """Return what is wrong with an asset that was read, if anything is."""
    if body is None:  # it has gone
        return None
    content = unpack(body) if asset.compress else body
    digest = "" if content is None else md5(content)
    if digest == asset.content.digest:
        return None
    if not asset.is_hashed:
        return RefusedError(
            f"{where} has other content, and the project gives it no hash; {UNTOUCHED}: rename "
            "the file, or let file_hash return a hash for it"
        )
    if asset.content.digest[:DIGITS] not in asset.name:
        return RefusedError(
            f"{where} has other content than the file here, whose name the project's own "
            "file_hash made: either it is damaged, or two files have one name; "
            f"{UNTOUCHED}: change the file here, or {REPAIR}"
        )
    if digest and digest[:DIGITS] in asset.name:
        return RefusedError(
            f"{where} is another file whose MD5 begins with the same digits, which are all that a "
            f"name holds; {UNTOUCHED}: change the file here (a comment will do)"
        )
    return RefusedError(
        f"{where} has other bytes than its hash says, so it is damaged; {UNTOUCHED}: {REPAIR}"
    )


def unpack(body: bytes) -> bytes | None:
    """Return what was compressed, or None if that cannot be told any more."""
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return None
