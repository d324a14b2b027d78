"""An empty S3 server and the gateway before it, in a folder that goes with them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.store import S3Store

from bench.gateway import Gateway
from lab.checkout import MINIO, WORK
from lab.errors import UnavailableError
from lab.stacks.objectstore import BUCKET, IDENTITIES, REGION, make_store
from lab.stacks.processes import Processes, base_environment, last_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.stacks.objectstore import ObjectStore

MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory
NAME = "store"
WARM = 20
"""Objects after which a store has made the volumes that it needs."""
KEY, SECRET = IDENTITIES["MINIO_ROOT_USER"], IDENTITIES["MINIO_ROOT_PASSWORD"]


@dataclass(frozen=True)
class Servers:
    """What a peer talks to, and a folder for what it needs.

    Attributes:
        folder: Where everything is, in memory if the machine has such a place.
        processes: The servers.
        gateway: The way to the store.
        bucket: The bucket, past the gateway.
    """

    folder: Path
    processes: Processes
    gateway: Gateway
    bucket: S3Store

    def objects(self, prefix: str) -> int:
        """Return how many objects there are under a prefix; the gateway is not asked."""
        return sum(len(page) for page in self.bucket.list(prefix))

    def options(self, location: str, latency: int) -> dict[str, str]:
        """Return the options of django-storages for assets under a prefix."""
        return {
            "bucket_name": BUCKET,
            "location": location,
            "access_key": KEY,
            "secret_key": SECRET,
            "region_name": REGION,
            "endpoint_url": self.gateway.endpoint(latency),
            "custom_domain": "cdn.example.com",
        }


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder in memory, where that can be had: disks make times differ."""
    WORK.mkdir(exist_ok=True)
    place = MEMORY if MEMORY.is_dir() else WORK
    folder = Path(tempfile.mkdtemp(prefix="skewproof-bench-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(latency: int) -> Iterator[Servers]:
    """Run an empty store until the block ends; one port is late by `latency` ms."""
    with temporary_folder() as folder:
        processes = Processes(folder)
        store = make_store(folder / "store")
        gateway = Gateway(processes, store.port, latency)
        try:
            processes.start(NAME, store.command, base_environment(), folder / "store")
            bucket = set_up(processes, store)
            gateway.start()
            yield Servers(folder, processes, gateway, bucket)
        finally:
            processes.stop_all()
            for pattern in store.litter:
                path = Path(pattern)
                for file in path.parent.glob(path.name):
                    file.unlink(missing_ok=True)


def set_up(processes: Processes, store: ObjectStore) -> S3Store:
    """Make the bucket, once the store answers, let it make room for objects, and return it.

    Raises:
        UnavailableError: the store did not answer in time.
    """
    environment = {**base_environment(), **store.settings, "STORE_ADMIN": "none"}
    command: list[str | Path] = [sys.executable, MINIO / "setup.py"]
    done = processes.run("setup", command, environment, processes.folder)
    if done.returncode:
        raise UnavailableError(f"{last_lines(done.stderr, 1)}; {processes.log(NAME)}")
    bucket = open_bucket(store.port)
    for number in range(WARM):
        bucket.put(f"warm/{number}", b"warm")
    return bucket


def open_bucket(port: int) -> S3Store:
    """Return the bucket by way of a port."""
    return S3Store(
        BUCKET,
        endpoint=f"http://127.0.0.1:{port}",
        region=REGION,
        access_key_id=KEY,
        secret_access_key=SECRET,
        client_options={"allow_http": True},
    )
