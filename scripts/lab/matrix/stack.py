"""The stack that one worker of the matrix runs its cells on, one after another.

The store stays up from cell to cell; gateway, replicas and all that is stored are a cell's own.
What runs all that is the engine's business: see `lab.matrix.machine`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import django
import requests
from botocore.exceptions import BotoCoreError, ClientError

from lab import checkout
from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.matrix.breakpoint import Pause, write_hook
from lab.matrix.bucket import Bucket
from lab.matrix.machine import SHARED, Machine
from lab.stacks.embedded import is_ready
from lab.stacks.model import Publish, Replica
from lab.stacks.objectstore import BUCKET, IDENTITIES, REGION
from lab.stacks.ports import is_free
from lab.stacks.traffic import render_traffic
from lab.strategies import STRATEGIES, Strategy

UNUSED = ("-i", "admin/css/[!bdlnr]*", "-i", "admin/js/[!nt]*")
"""Files of the admin that its log-in page, the only one of it that is looked at, does not name."""
KEEPS_MISSES = ("proxy_cache_valid 200 1h;", "proxy_cache_valid 200 403 404 1h;")
"""What makes of the gateway one that keeps a miss, as many CDNs do by default."""
TEMPLATE = checkout.NGINX / "gateway.conf.template"
SCRIPTS = checkout.ROOT / "scripts"
READY_SECONDS = 60.0


class MatrixStack:
    """A machine whose strategy can be changed, and that can be made as new."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.base = machine.state.base
        self.weights: dict[str, int] = {}
        self.kind: Strategy = STRATEGIES["skewproof"]
        self.keeps_misses = False
        self.shared = machine.state.folder / SHARED
        self.disk = self.shared / "disk"
        self.unmounted = self.shared / "unmounted"
        self.images = self.shared / "images"
        self.pause_folder = self.shared / "pause"

    @property
    def bucket(self) -> Bucket:
        """The bucket, as root sees it."""
        store = {"S3_ENDPOINT_URL": f"http://127.0.0.1:{self.machine.store_port}"}
        return Bucket({**store, "S3_BUCKET": BUCKET, "AWS_REGION": REGION, **IDENTITIES})

    def begin(self, strategy: Strategy, *, keeps_misses: bool = False) -> None:
        """Make the stack as new, for a cell of this strategy."""
        self.machine.clear()
        self.weights = {}
        for directory in (self.disk, self.unmounted):
            shutil.rmtree(directory, ignore_errors=True)
        self.machine.start_store_again()  # the cell before may have broken off while it was away
        bucket = self.bucket
        bucket.delete(bucket.inventory())
        self.kind, self.keeps_misses = strategy, keeps_misses
        self.disk.mkdir(parents=True, exist_ok=True)

    def template(self) -> str:
        """The gateway's template, with the mistake of "a cached 404" where the scenario has it."""
        template = TEMPLATE.read_text()
        return template.replace(*KEEPS_MISSES) if self.keeps_misses else template

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
        strategy = {"STATICFILES_STRATEGY": self.kind.name, "STATIC_ROOT": str(root)}
        return {**self.machine.settings(identity), **strategy}

    def build(self, release: str) -> Publish | None:
        """Collect into the release's image, where the strategy does so; an image is built once."""
        root = self.static_root(release, "WEB")
        if self.kind.image is None or (root / "staticfiles.json").exists():
            return None
        settings = {**self.machine.settings("PUBLISHER"), "STATICFILES_STRATEGY": self.kind.image}
        return self.machine.collect(release, {**settings, "STATIC_ROOT": str(root)}, *UNUSED)

    def publish_in(self, release: str, changes: Mapping[str, str]) -> Publish:
        """Run the publish job, with changes to its environment."""
        environment = {**self.environment(release, "PUBLISHER"), **changes}
        return self.machine.collect(release, environment, *UNUSED)

    def pausing_at(self, pause: Pause) -> AbstractContextManager[dict[str, str]]:
        """What makes a publish job wait: a proxy before the bucket, or a hook in its process."""
        if self.kind.keeps == "bucket":
            return self.machine.proxied(pause)
        write_hook(pause, self.disk / BUCKET / "static")
        return nullcontext({"PYTHONPATH": os.pathsep.join([str(pause.folder), str(SCRIPTS)])})

    def replicas(self, release: str) -> list[Replica]:
        """The release's running replicas, oldest first."""
        return self.machine.replicas(release)

    def add_replica(self, release: str) -> None:
        """Start a replica that lives; whether it is ready is seen when traffic is given out."""
        replica = self.machine.start_replica(release, self.environment(release, "WEB"))
        lives = partial(self.machine.answers, replica, "/livez")
        self.wait_for(replica.name, lives, "does not live")
        if release in self.weights and self.is_ready(replica):
            self.route(self.weights)

    def is_ready(self, replica: Replica) -> bool:
        """Whether an orchestrator would send visitors to a replica."""
        return self.machine.answers(replica, "/readyz")

    def members(self, release: str) -> list[Replica]:
        """The replicas that are ready."""
        return [each for each in self.machine.replicas(release) if self.is_ready(each)]

    def drain(self, replica: Replica) -> None:
        """Take the replica out of the traffic, then let it finish and stop."""
        others = [each for each in self.members(replica.release) if each != replica]
        if others and replica.release in self.weights:
            self.machine.tell_gateway(self.traffic(self.weights, without=replica))
        self.machine.stop_replica(replica)

    def start_gateway(self, weights: Mapping[str, int]) -> None:
        """Start the gateway, and wait until it reaches a replica."""
        self.weights = dict(weights)
        assets_port = None if self.kind.keeps == "bucket" else self.machine.origin_port
        self.machine.run_gateway(self.template(), self.traffic(weights), assets_port)
        self.wait_for("gateway", lambda: is_ready(self.base))

    def route(self, weights: Mapping[str, int]) -> None:
        """Give the traffic other weights, without dropping a connection."""
        self.machine.tell_gateway(self.traffic(weights))
        self.weights = dict(weights)

    def traffic(self, weights: Mapping[str, int], without: Replica | None = None) -> str:
        """The gateway's traffic.conf, with the origin of the assets where that is no bucket."""
        address = self.machine.address
        servers = {
            release: [address(each) for each in self.members(release) if each != without]
            for release in weights
        }
        return render_traffic(weights, servers) + self.origin()

    def origin(self) -> str:
        """The server that stands where the store would be."""
        if self.kind.keeps == "disk":
            return directory_server(self.machine.origin_port, self.disk, BUCKET)
        if self.kind.keeps == "image":
            return replica_server(self.machine.origin_port, BUCKET)
        return ""

    def wait_for(self, name: str, holds: Callable[[], bool], problem: str = "is not ready") -> None:
        """Wait until something holds, or say what a service wrote."""
        wait_until(holds, READY_SECONDS, f"{name} {problem}", lambda: self.machine.logs(name))

    def let_store_away(self) -> None:
        """The store stops, and keeps what it holds; a directory is one that is not mounted."""
        if self.kind.keeps == "disk":
            self.disk.rename(self.unmounted)
        else:
            self.machine.stop_store()

    def bring_store_back(self) -> None:
        """The store is there again."""
        if self.kind.keeps == "disk":
            self.unmounted.rename(self.disk)
        else:
            self.machine.start_store_again()
            self.wait_for(self.machine.store, self.serves, "does not serve what it holds")

    def serves(self) -> bool:
        """Whether the store gives an asset to the public; SeaweedFS listens before it can."""
        if is_free(self.machine.store_port):
            return False
        try:
            asset = next(key for key in self.bucket.inventory() if key.startswith("static/"))
            url = f"http://127.0.0.1:{self.machine.store_port}/{BUCKET}/{asset}"
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
        environment = self.environment("v2", "PUBLISHER")
        command = ("prune_releases", "--keep", "1", "--delete", *options)
        if (why := self.machine.manage("v2", environment, *command)) is not None:
            raise UnavailableError(f"prune_releases failed: {why}")

    def record(self, release: str) -> dict[str, Any]:
        """What the release's build wrote down, under the names that the strategy gives."""
        record = self.machine.record(release)
        if not self.kind.hashed:
            return unhashed(record, checkout.APP / "releases" / release / "static")
        prefix = self.kind.prefix_of(release)
        paths = {source: prefix + name for source, name in record["paths"].items()}
        assets = {prefix + name: digest for name, digest in record["assets"].items()}
        return {**record, "paths": paths, "assets": assets}


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


TYPES = """types {
    text/css css; text/javascript js; application/json json map; image/svg+xml svg;
    image/jpeg jpg; image/png png; image/webp webp; font/woff2 woff2;
}"""


def directory_server(port: int, root: Path, bucket: str) -> str:
    """A directory behind nginx; `root` has a folder of the bucket's name in it."""
    location = f"location /{bucket}/ {{ root {root}; }}"
    return f"server {{ listen 127.0.0.1:{port}; {TYPES} {location} }}\n"


def replica_server(port: int, bucket: str) -> str:
    """The replicas themselves, drawn by weight: a CDN in front hands no cookie on."""
    return (
        f"server {{ listen 127.0.0.1:{port}; location ~ ^/{bucket}(/static/.*)$ {{ "
        f"proxy_pass http://web_$drawn$1; proxy_set_header Host $http_host; }} }}\n"
    )
