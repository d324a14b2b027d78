"""What the commands take in a bucket that has grown: many releases of many files.

The objects are empty, and the manifests say of them what those of real ones would.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench import tree
from bench.peers import OWN, environment
from bench.sequence import timed
from bench.servers import serving
from skewproof.stores.store import md5

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.servers import Servers

RELEASES, FILES, OBJECTS, KEPT = 50, 20_000, 200_000, 10
# The project has no pages, which the checks of the admin miss.
PRUNE = ["manage.py", "prune_releases", "--skip-checks", "--keep", str(KEPT), "--min-age", "0"]
LISTING, BARE = "listing alone", "the same pages, by obstore alone"
PRUNING = f"prune_releases --keep {KEPT}, a dry run"
DELETING = f"prune_releases --keep {KEPT} --delete"
COMMANDS = {
    BARE: ["bare_listing.py"],
    LISTING: ["own_listing.py"],
    "releases": ["manage.py", "releases", "--skip-checks", "--json"],
    "verify_releases": ["manage.py", "verify_releases", "--skip-checks"],
    "verify_releases --read": ["manage.py", "verify_releases", "--skip-checks", "--read"],
    PRUNING: PRUNE,
}


@dataclass(frozen=True)
class Growth:
    """What one command took.

    Attributes:
        command: What was run.
        latency: Milliseconds that were added to each request.
        seconds: Wall time.
        cpu: Seconds of user and system time.
        peak: Most bytes of memory that were resident at once.
        requests: How many came through the gateway.
        inner: Seconds of what is measured within the process, without its start, if that is known.
    """

    command: str
    latency: int
    seconds: float
    cpu: float
    peak: int
    requests: int
    inner: float | None


def measure(latency: int) -> list[dict[str, Any]]:
    """Return what the commands take, without latency and with it."""
    with serving(latency) as servers:
        fill(servers)
        found = [each for late in (0, latency) for each in run(servers, late)]
        found.append(measure_one(servers, DELETING, [*PRUNE, "--delete"], latency))
        return [asdict(each) for each in found]


def fill(servers: Servers) -> None:
    """Write the objects and the manifests."""
    prefix = f"{OWN.name}/static"

    def put(name: str) -> None:
        servers.bucket.put(f"{prefix}/{name}", b"")

    with ThreadPoolExecutor(32) as pool:
        for _ in pool.map(put, (hashed(number) for number in range(OBJECTS))):
            pass
    for release in range(RELEASES):
        key = f"{OWN.name}/releases/r{release:02}/staticfiles.json"
        servers.bucket.put(key, manifest(release))


def hashed(number: int) -> str:
    """Return the name of an asset; the folders are those of the trees."""
    kind = list(tree.SHARES)[number % len(tree.SHARES)]
    stem, _, ending = tree.name_of(kind, number % FILES).rpartition(".")
    return f"{stem}.{number:012x}.{ending}"


def manifest(release: int) -> bytes:
    """Return the manifest of a release, which has most files from the one before it."""
    first = release * (OBJECTS - FILES) // (RELEASES - 1)
    paths = {}
    for number in range(first, first + FILES):
        name = hashed(number)
        paths[name.replace(f".{number:012x}", "")] = name
    document = {
        "paths": dict(sorted(paths.items())),
        "version": "1.1",
        "hash": "h",
        "release": f"r{release:02}",
        "sizes": [0] * len(paths),
        "md5": md5(b"") * len(paths),
    }
    return json.dumps(document).encode()


def run(servers: Servers, latency: int) -> Iterator[Growth]:
    """Yield what each command takes."""
    sources = servers.folder / "sources"
    OWN.project(servers, sources, latency).write()
    for name, arguments in COMMANDS.items():
        yield measure_one(servers, name, arguments, latency)


def measure_one(servers: Servers, name: str, arguments: list[str], latency: int) -> Growth:
    """Return what one command takes in the project that was written last."""
    servers.gateway.count()
    release = environment(f"r{RELEASES - 1}", servers.folder)
    figures = timed([sys.executable, *arguments], release, servers.folder / OWN.name)
    requests = sum(servers.gateway.count().values())
    return Growth(
        name,
        latency,
        round(figures.seconds, 2),
        round(figures.cpu, 2),
        figures.peak,
        requests,
        round(float(figures.said), 2) if name in (LISTING, BARE) else None,
    )
