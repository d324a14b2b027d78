"""``manage.py record FILE``: write down what the files of this release are, for the checkers."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.contrib.staticfiles.management.commands.collectstatic import (
    Command as DjangosCollectstatic,
)
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import BaseCommand, CommandError, call_command

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """Collects with Django's own code into a directory of its own, whatever the strategy is.

    So the record is what is right, made before any release was published and by nothing that is
    being tested.
    """

    help = "Write the names and digests of this release's static files to FILE, as JSON."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file to write."""
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        """Make the record and write it."""
        record = make_record()
        try:
            write_whole(file, json.dumps(record, indent=1, sort_keys=True) + "\n")
        except OSError as error:
            raise CommandError(f"cannot write the record to {file}: {error.strerror}") from error
        assets = len(record["assets"])
        self.stdout.write(f"release {record['release']}: recorded {assets} assets in {file}")


def make_record() -> dict[str, Any]:
    """Return release, names and digests of every asset of this release."""
    with tempfile.TemporaryDirectory(prefix="record-") as folder:
        paths = collect(Path(folder))
        assets = {name: digest(Path(folder, name)) for name in sorted(set(paths.values()))}
    return {
        "release": settings.RELEASE,
        "django": django.get_version(),
        "paths": paths,
        "assets": assets,
    }


def collect(folder: Path) -> dict[str, str]:
    """Collect into the folder as stock Django does; return asset names by source names."""
    storage = ManifestStaticFilesStorage(location=folder, base_url=settings.STATIC_URL)
    command = DjangosCollectstatic()
    command.storage = storage
    call_command(command, interactive=False, verbosity=0)
    paths: dict[str, str] = json.loads((folder / storage.manifest_name).read_bytes())["paths"]
    return paths


def digest(file: Path) -> dict[str, str | int]:
    """Return what tells one content from another."""
    content = file.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def write_whole(file: Path, text: str) -> None:
    """Write beside the file, then rename, so that no reader ever sees half a record."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
