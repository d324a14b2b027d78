"""The stack that one worker of the matrix runs its cells on, one after another.

The store stays up from cell to cell; gateway, replicas and all that is stored are a cell's own.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import django
import requests
from botocore.exceptions import BotoCoreError, ClientError

from lab.engines.embeddedgateway import NAME as GATEWAY
from lab.engines.embeddedgateway import Gateway
from lab.engines.embeddedstack import STORE, EmbeddedStack, is_ready
from lab.engines.objectstore import BUCKET, IDENTITIES, REGION, ObjectStore
from lab.engines.ports import free_ports
from lab.engines.processes import last_lines
from lab.engines.releasebuild import manage
from lab.engines.state import State
from lab.errors import UnavailableError
from lab.matrix.bucket import Bucket
from lab.matrix.origin import directory_server, replica_server
from lab.matrix.strategy import STRATEGIES, Strategy
from lab.stack import Publish, Replica

UNUSED = ("-i", "admin/css/[!bdlnr]*", "-i", "admin/js/[!nt]*")
"""Files of the admin that its log-in page, the only one of it that is looked at, does not name."""
KEEPS_MISSES = ("proxy_cache_valid 200 1h;", "proxy_cache_valid 200 403 404 1h;")
"""What makes of the gateway one that keeps a miss, as many CDNs do by default."""


class MissKeepingGateway(Gateway):
    """The gateway with the mistake of the scenario "a cached 404"."""

    def configuration(self, store_port: int) -> str:
        """The template, with one line changed."""
        return super().configuration(store_port).replace(*KEEPS_MISSES)


class CellStack(EmbeddedStack):
    """An embedded stack whose strategy can be changed, and that can be made as new."""

    # A fresh worker is a fork of a master that has imported everything and rendered nothing.
    gunicorn = ("--preload", "--workers", "1")
    drain_seconds = 0.01

    def __init__(self, state: State) -> None:
        super().__init__(state)
        (self.origin_port,) = free_ports(1)
        self.kind: Strategy = STRATEGIES["skewproof"]
        self.disk = self.folder / "releases" / "disk"
        self.unmounted = self.folder / "releases" / "unmounted"
        self.images = self.folder / "releases" / "images"

    @property
    def bucket(self) -> Bucket:
        """The bucket, as root sees it."""
        store = {"S3_ENDPOINT_URL": f"http://127.0.0.1:{self.store_port}"}
        return Bucket({**store, "S3_BUCKET": BUCKET, "AWS_REGION": REGION, **IDENTITIES})

    def begin(self, strategy: Strategy, *, keeps_misses: bool = False) -> None:
        """Make the stack as new, for a cell of this strategy."""
        self.end()
        self.kind, self.strategy = strategy, strategy.name
        gateway = MissKeepingGateway if keeps_misses else Gateway
        self.gateway = gateway(self.state, self.processes)
        self.disk.mkdir(parents=True, exist_ok=True)

    def end(self) -> None:
        """Stop the cell's processes, and empty what it stored."""
        for name in reversed(self.processes.services()):
            if name != STORE:
                self.processes.stop(name)
        self.ports, self.weights = {}, {}
        shutil.rmtree(self.folder / GATEWAY, ignore_errors=True)
        for directory in (self.disk, self.unmounted):
            shutil.rmtree(directory, ignore_errors=True)
        if self.processes.find(STORE) is None:  # the cell before broke off while it was away
            self.run_store(self.object_store)
        bucket = self.bucket
        bucket.delete(bucket.inventory())

    def static_root(self, release: str, role: str) -> Path:
        """STATIC_ROOT: a directory for all, or one of the release's image."""
        if self.kind.keeps == "disk":
            return self.disk / BUCKET / "static"
        if role == "PUBLISHER":  # a job has a container of its own, and takes it along
            return self.disk / "job"
        return self.images / f"{release}-{self.kind.image}"

    def environment(self, release: str, role: str) -> dict[str, str]:
        """The environment of a process of this release."""
        identity = role if self.kind.apart else "PUBLISHER"
        root = self.static_root(release, role)
        return {**self.settings(identity), "STATIC_ROOT": str(root)}

    def build(self, release: str) -> Publish | None:
        """Collect into the release's image, where the strategy does so; an image is built once."""
        root = self.static_root(release, "WEB")
        if self.kind.image is None or (root / "staticfiles.json").exists():
            return None
        settings = {**self.settings("PUBLISHER"), "STATICFILES_STRATEGY": self.kind.image}
        return self.collect(release, {**settings, "STATIC_ROOT": str(root)}, *UNUSED)

    def publish_in(self, release: str, changes: Mapping[str, str]) -> Publish:
        """Run the publish job, with changes to its environment."""
        environment = {**self.environment(release, "PUBLISHER"), **changes}
        return self.collect(release, environment, *UNUSED)

    def replica_settings(self, release: str) -> dict[str, str]:
        """What a replica is told beside its name and its port."""
        return self.environment(release, "WEB")

    def admit(self, replica: Replica) -> None:
        """Wait until a replica lives; whether it is ready is seen when traffic is given out."""
        base = f"http://127.0.0.1:{self.ports[replica.name]}/"
        self.wait_for(replica.name, lambda: lives(base), "does not live")
        if replica.release in self.weights and is_ready(base):
            self.route(self.weights)

    def members(self, release: str) -> list[Replica]:
        """The replicas that are ready: those that an orchestrator sends visitors to."""
        return [
            each
            for each in self.replicas(release)
            if is_ready(f"http://127.0.0.1:{self.ports[each.name]}/")
        ]

    def traffic(self, weights: Mapping[str, int]) -> str:
        """The gateway's traffic.conf, with the origin of the assets where that is no bucket."""
        return super().traffic(weights) + self.origin()

    def origin(self) -> str:
        """The server that stands where the store would be."""
        if self.kind.keeps == "disk":
            return directory_server(self.origin_port, self.disk, BUCKET)
        return replica_server(self.origin_port, BUCKET) if self.kind.keeps == "image" else ""

    @property
    def assets_port(self) -> int:
        """Where the gateway gets assets from."""
        return self.store_port if self.kind.keeps == "bucket" else self.origin_port

    def run_store(self, store: ObjectStore) -> None:
        """Start the S3 server, and remember how."""
        self.object_store = store
        super().run_store(store)

    def let_store_away(self) -> None:
        """The store stops, and keeps what it holds; a directory is one that is not mounted."""
        if self.kind.keeps == "disk":
            self.disk.rename(self.unmounted)
        else:
            self.processes.stop(STORE)

    def bring_store_back(self) -> None:
        """The store is there again."""
        if self.kind.keeps == "disk":
            self.unmounted.rename(self.disk)
        else:
            self.run_store(self.object_store)
            self.wait_for(STORE, self.serves, "does not serve what it holds")

    def serves(self) -> bool:
        """Whether the store gives an asset to the public; SeaweedFS listens before it can."""
        try:
            asset = next(key for key in self.bucket.inventory() if key.startswith("static/"))
            url = f"http://127.0.0.1:{self.store_port}/{BUCKET}/{asset}"
            return requests.get(url, timeout=2).status_code == 200
        except (requests.RequestException, BotoCoreError, ClientError, StopIteration):
            return False

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Every asset that is stored, and when it was written."""
        if self.kind.keeps == "bucket":
            return self.bucket.inventory()
        root = self.static_root("v1", "WEB")
        return {
            f"static/{path.relative_to(root)}": {"last_modified": str(path.stat().st_mtime_ns)}
            for path in root.rglob("*")
            if path.is_file()
        }

    def delete(self, keys: Collection[str]) -> None:
        """Delete what is stored, as somebody who cleans up."""
        if self.kind.keeps == "bucket":
            self.bucket.delete(keys)
            return
        for key in keys:
            (self.disk / BUCKET / key).unlink()

    def prune_releases(self, *options: str) -> None:
        """Delete what only v1 reaches, by skewproof's own command, in a job of v2."""
        command = manage("prune_releases", "--keep", "1", "--delete", *options)
        environment = self.environment("v2", "PUBLISHER")
        done = self.processes.run("prune", command, environment, self.release_folder("v2"))
        if done.returncode:
            raise UnavailableError(f"prune_releases failed: {last_lines(done.stderr, 1)}")

    def record(self, release: str) -> dict[str, Any]:
        """What the release's build wrote down, under the names that the strategy gives."""
        record = super().record(release)
        if not self.kind.hashed:
            return unhashed(record, self.release_folder(release) / "releases" / release / "static")
        prefix = self.kind.prefix_of(release)
        paths = {source: prefix + name for source, name in record["paths"].items()}
        assets = {prefix + name: digest for name, digest in record["assets"].items()}
        return {**record, "paths": paths, "assets": assets}


def lives(base: str) -> bool:
    """Whether /livez is answered with 200."""
    try:
        return requests.get(f"{base}livez", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def unhashed(record: Mapping[str, Any], static: Path) -> dict[str, Any]:
    """The record of a release whose files keep their names, and so their contents."""
    admin = Path(django.__file__).parent / "contrib" / "admin" / "static"
    assets = {}
    for source in record["paths"]:
        file = static / source
        content = (file if file.exists() else admin / source).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assets[source] = {"sha256": digest, "bytes": len(content)}
    return {**record, "paths": {source: source for source in assets}, "assets": assets}
