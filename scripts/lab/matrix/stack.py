"""The stack of the matrix: the one stack, whose strategy changes, and that can be made as new.

A worker runs one cell after another on it. The store stays up from cell to cell; gateway, replicas
and all that is stored are a cell's own. See docs/adr/0025.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import requests
from botocore.exceptions import BotoCoreError, ClientError

from lab import checkout
from lab.errors import UnavailableError
from lab.matrix.breakpoint import Pause, write_hook
from lab.matrix.bucket import Bucket, flip_last
from lab.stacks.machine import SHARED, Machine
from lab.stacks.model import Publish, Replica
from lab.stacks.objectstore import BUCKET, IDENTITIES, REGION
from lab.stacks.ports import is_free
from lab.stacks.stack import Stack
from lab.strategies import STRATEGIES, Strategy

UNUSED = ("-i", "admin/css/[!bdlnr]*", "-i", "admin/js/[!nt]*")
"""Files of the admin that its log-in page, the only one of it that is looked at, does not name."""
KEEPS_MISSES = ("proxy_cache_valid 200 1h;", "proxy_cache_valid 200 403 404 1h;")
"""What makes of the gateway one that keeps a miss, as many CDNs do by default."""
ONE_WORKER = {"GUNICORN_CMD_ARGS": "--preload --workers 1", "DRAIN_SECONDS": "0.01"}
"""A fresh worker is a fork of a master that has imported everything and rendered nothing."""
TEMPLATE = checkout.NGINX / "gateway.conf.template"
SCRIPTS = checkout.ROOT / "scripts"


class MatrixStack(Stack):
    """The stack plus a strategy; a replica need only live when it starts.

    Attributes:
        kind: the strategy.
        keeps_misses: whether the gateway's cache keeps a 404.
    """

    start_path = "/livez"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.kind: Strategy = STRATEGIES["skewproof"]
        self.keeps_misses = False
        self.shared = self.folder / SHARED
        self.disk = self.shared / "disk"
        self.unmounted = self.shared / "unmounted"
        self.images = self.shared / "images"
        self.pause_folder = self.shared / "pause"

    @property
    def bucket(self) -> Bucket:
        """Return the bucket, as root sees it."""
        store = {"S3_ENDPOINT_URL": f"http://127.0.0.1:{self.machine.store_port}"}
        return Bucket({**store, "S3_BUCKET": BUCKET, "AWS_REGION": REGION, **IDENTITIES})

    def begin(self, strategy: Strategy, *, keeps_misses: bool = False) -> None:
        """Make the stack as new, for a cell of this strategy."""
        self.machine.clear()
        self.keep({})
        for directory in (self.disk, self.unmounted):
            shutil.rmtree(directory, ignore_errors=True)
        self.machine.start_store_again()  # the cell before may have broken off while it was away
        bucket = self.bucket
        bucket.delete(bucket.inventory())
        self.kind, self.keeps_misses = strategy, keeps_misses
        self.disk.mkdir(parents=True, exist_ok=True)

    def static_root(self, release: str, role: str) -> Path:
        """Return STATIC_ROOT: a directory for all, or one of the release's image."""
        if self.kind.keeps == "disk":
            return self.disk / BUCKET / "static"
        if role == "PUBLISHER":  # a job has a container of its own, and takes it along
            return self.disk / "job"
        return self.images / f"{release}-{self.kind.image}"

    def environment(self, release: str, role: str) -> dict[str, str]:
        """Return the environment of a process of a release."""
        identity = role if self.kind.apart else "PUBLISHER"
        root = self.static_root(release, role)
        strategy = {"STATICFILES_STRATEGY": self.kind.name, "STATIC_ROOT": str(root)}
        return {**self.machine.settings(identity), **ONE_WORKER, **strategy}

    def build_image(self, release: str) -> Publish | None:
        """Collect into the release's image, where the strategy does so; an image is built once."""
        root = self.static_root(release, "WEB")
        if self.kind.image is None or (root / "staticfiles.json").exists():
            return None
        settings = {**self.machine.settings("PUBLISHER"), "STATICFILES_STRATEGY": self.kind.image}
        return self.machine.collect(release, {**settings, "STATIC_ROOT": str(root)}, *UNUSED)

    def publish(self, release: str) -> Publish:
        """Run the publish job to its end."""
        return self.publish_in(release, {})

    def publish_in(self, release: str, changes: Mapping[str, str]) -> Publish:
        """Run the publish job, with changes to its environment."""
        environment = {**self.environment(release, "PUBLISHER"), **changes}
        return self.machine.collect(release, environment, *UNUSED)

    @contextmanager
    def pausing(self, pause: Pause) -> Iterator[dict[str, str]]:
        """Make a publish job wait at a breakpoint; the block gets what the job is to be told.

        For a bucket a proxy stands before it, for a directory a hook in the process.
        """
        if self.kind.keeps == "bucket":
            proxy = ("lab.matrix.storeproxy", BUCKET, str(pause.folder))
            with self.machine.beside_store(*proxy) as url:
                yield {"S3_ENDPOINT_URL": url}
        else:
            write_hook(pause, self.disk / BUCKET / "static")
            yield {"PYTHONPATH": os.pathsep.join([str(pause.folder), str(SCRIPTS)])}

    def members(self, release: str) -> list[Replica]:
        """Return the replicas that are ready: those to which an orchestrator sends visitors."""
        return [each for each in self.replicas(release) if self.machine.answers(each, "/readyz")]

    def run_gateway(self, traffic: str) -> None:
        """Start the gateway, with the mistake of "a cached 404" where the scenario has it."""
        template = TEMPLATE.read_text()
        template = template.replace(*KEEPS_MISSES) if self.keeps_misses else template
        origin = None if self.kind.keeps == "bucket" else self.machine.origin_port
        self.machine.start_gateway(traffic, template, origin)

    def traffic(self, weights: Mapping[str, int], without: Replica | None = None) -> str:
        """Return traffic.conf, with the origin of the assets where that is no bucket."""
        return super().traffic(weights, without) + self.origin()

    def origin(self) -> str:
        """Return the server that stands where the store would be: to the gateway it is the store.

        So its template, its cache and its promises are the same for every strategy.
        """
        port = self.machine.origin_port
        if self.kind.keeps == "disk":
            return directory_server(port, self.disk, BUCKET)
        return replica_server(port, BUCKET) if self.kind.keeps == "image" else ""

    def let_store_away(self) -> None:
        """Stop the store, which keeps what it holds; take away a directory as if not mounted."""
        if self.kind.keeps == "disk":
            self.disk.rename(self.unmounted)
        else:
            self.machine.stop_store()

    def bring_store_back(self) -> None:
        """Let the store be there again, with all that it held."""
        if self.kind.keeps == "disk":
            self.unmounted.rename(self.disk)
        else:
            self.machine.start_store_again()
            self.wait_for("store", self.serves, "does not serve what it holds")

    def serves(self) -> bool:
        """Return whether the public gets an asset; SeaweedFS listens before it can serve."""
        if is_free(self.machine.store_port):
            return False
        try:
            asset = next(key for key in self.bucket.inventory() if key.startswith("static/"))
            url = f"http://127.0.0.1:{self.machine.store_port}/{BUCKET}/{asset}"
            return requests.get(url, timeout=2).status_code == 200
        except (requests.RequestException, BotoCoreError, ClientError, StopIteration):
            return False

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every asset that is stored, and when it was written."""
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

    def flip(self, key: str) -> None:
        """Change one byte of what is stored, as a disk does that fails."""
        if self.kind.keeps == "bucket":
            self.bucket.flip(key)
            return
        file = self.disk / BUCKET / key
        file.write_bytes(flip_last(file.read_bytes()))

    def verify_releases(self) -> None:
        """Have the damage found and mended by skewproof's own command, in a job of v1."""
        environment = self.environment("v1", "PUBLISHER")
        command = ("verify_releases", "--read")
        if self.machine.manage("v1", environment, *command) is None:
            raise UnavailableError("verify_releases found every release whole, and none was")
        if (why := self.machine.manage("v1", environment, *command, "--repair")) is not None:
            raise UnavailableError(f"verify_releases --repair failed: {why}")

    def prune_releases(self, *options: str) -> None:
        """Delete what only v1 reaches, by skewproof's own command, in a job of v2."""
        environment = self.environment("v2", "PUBLISHER")
        command = ("prune_releases", "--keep", "1", "--delete", *options)
        if (why := self.machine.manage("v2", environment, *command)) is not None:
            raise UnavailableError(f"prune_releases failed: {why}")

    def record(self, release: str) -> dict[str, Any]:
        """Return what the build wrote down, under the names that the strategy gives."""
        record = super().record(release)
        if not self.kind.hashed:
            return without_hashes(record, checkout.APP / "releases" / release / "static")
        prefix = self.kind.prefix_of(release)
        paths = {source: prefix + name for source, name in record["paths"].items()}
        assets = {prefix + name: digest for name, digest in record["assets"].items()}
        return {**record, "paths": paths, "assets": assets}


def without_hashes(record: Mapping[str, Any], static: Path) -> dict[str, Any]:
    """Return the record of a release whose files keep their names, and so their contents."""
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
    """Return a server of a directory; `root` has a folder of the bucket's name in it."""
    location = f"location /{bucket}/ {{ root {root}; }}"
    return f"server {{ listen 127.0.0.1:{port}; {TYPES} {location} }}\n"


def replica_server(port: int, bucket: str) -> str:
    """Return a server that asks the replicas, by weight: a CDN in front hands no cookie on."""
    return (
        f"server {{ listen 127.0.0.1:{port}; location ~ ^/{bucket}(/static/.*)$ {{ "
        f"proxy_pass http://web_$drawn$1; proxy_set_header Host $http_host; }} }}\n"
    )
