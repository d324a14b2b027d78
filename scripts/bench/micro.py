"""What a web process does: it loads the manifest once, and looks names up ever after.

Run as a script in the folder of a project: micro.py ENTRIES. Prints JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RELEASE = "v1"
REPEATS, LOOKUPS = 5, 10_000


def main() -> int:
    """Measure both storages on a manifest with so many entries."""
    os.environ["RELEASE_ID"] = RELEASE
    write_manifests(int(sys.argv[1]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    import django

    django.setup()
    makers = {"stock": make_stock, "skewproof": make_own}
    names = [f"js/module-{number}.js" for number in range(100)]
    storages = {name: make() for name, make in makers.items()}
    found: dict[str, dict[str, float]] = {name: {} for name in makers}
    for name, storage in storages.items():
        storage.url(names[0])
        found[name]["memory"] = memory(makers[name])
    lookups = interleaved({name: looking_up(each, names) for name, each in storages.items()})
    loads = interleaved({name: loading(make) for name, make in makers.items()})
    for name in makers:
        found[name]["lookup"] = lookups[name] / LOOKUPS
        found[name]["load"] = loads[name]
    print(json.dumps(found))
    return 0


def write_manifests(entries: int) -> None:
    """Write the same manifest where each of the storages looks for it."""
    paths = {
        f"js/module-{number}.js": f"js/module-{number}.{number:012x}.js"
        for number in range(entries)
    }
    document = json.dumps({"paths": paths, "version": "1.1", "hash": "h", "release": RELEASE})
    for place in ("root/staticfiles.json", f"releases/{RELEASE}/staticfiles.json"):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(document)


def make_stock() -> Any:
    """Return Django's storage, which loads its manifest when it is made."""
    from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

    return ManifestStaticFilesStorage(location="root", base_url="/static/")


def make_own() -> Any:
    """Return ours, which loads it when it is first needed."""
    from skewproof.storage import FileSystemReleaseStorage

    return FileSystemReleaseStorage(location="root", base_url="/static/")


def looking_up(storage: Any, names: list[str]) -> Callable[[], None]:
    """Return what looks up so many names, as ``{% static %}`` does."""

    def work() -> None:
        for _ in range(LOOKUPS // len(names)):
            for name in names:
                storage.url(name)

    return work


def loading(make: Callable[[], Any]) -> Callable[[], None]:
    """Return what makes a storage and has it load its manifest."""
    return lambda: make().url("js/module-1.js")


def interleaved(works: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the median seconds of each; all take turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(REPEATS):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in times.items()}


def memory(make: Callable[[], Any]) -> float:
    """Return the bytes that a loaded manifest takes."""
    tracemalloc.start()
    storage = make()
    storage.url("js/module-1.js")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used


if __name__ == "__main__":
    sys.exit(main())
