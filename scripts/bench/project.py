"""The Django project that publishes: what startproject makes, and the static files of one peer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DJANGO = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
CONTRIB = ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
MANAGE = """\
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
# The part that has nothing to do with a store: collecting and hashing into a directory.
HASHING = """\
import os, sys, tempfile, time
from pathlib import Path
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
import django
django.setup()
from django.core.management import call_command
"""
DJANGO_HASHING = f"""{HASHING}
started = time.perf_counter()
call_command("collectstatic", interactive=False, verbosity=0)
print(time.perf_counter() - started)
"""
OWN_HASHING = f"""{HASHING}
from skewproof.publishing.collection import collect_release
from skewproof.storage import find_release_storage
from skewproof.management.commands.collectstatic import Command
options = dict(interactive=False, verbosity=0, link=False, clear=False, dry_run=False,
    ignore_patterns=[], use_default_ignore_patterns=True, post_process=True)
storage, command = find_release_storage(), Command()
command.set_options(**options)
with tempfile.TemporaryDirectory() as folder:
    started = time.perf_counter()
    collect_release(storage, Path(folder), command.fill)
    print(time.perf_counter() - started)
"""


OWN_LISTING = f"""{HASHING}
from skewproof.publishing.retention import take_survey
from skewproof.storage import require_release_storage
store = require_release_storage().open_store(0)
survey = take_survey(store)
started = time.perf_counter()
assert len(store.list_assets(survey.names())) > 100_000
print(time.perf_counter() - started)
"""
# Asks for the same pages side by side and keeps nothing: so much is the time of the store.
BARE_LISTING = """\
import time
from concurrent.futures import ThreadPoolExecutor
import obstore
from settings import STORAGES
options = STORAGES["staticfiles"]["OPTIONS"]
store = obstore.store.S3Store(
    options["bucket_name"], endpoint=options["endpoint_url"], region=options["region_name"],
    access_key_id=options["access_key"], secret_access_key=options["secret_key"],
    client_options={"allow_http": True})
started = time.perf_counter()
folders = obstore.list_with_delimiter(store, options["location"] + "/site")["common_prefixes"]
with ThreadPoolExecutor(len(folders)) as pool:
    found = sum(pool.map(lambda folder: sum(map(len, obstore.list(store, folder))), folders))
assert found > 100_000
print(time.perf_counter() - started)
"""


@dataclass(frozen=True)
class Project:
    """A project in a folder of its own, whose other static files are in `sources`."""

    folder: Path
    sources: Path
    storage: Mapping[str, Any]
    app: str = ""
    settings: Mapping[str, Any] | None = None

    def write(self) -> None:
        """Write manage.py and the settings."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sources.mkdir(parents=True, exist_ok=True)
        values = {
            "SECRET_KEY": "of a benchmark",
            "INSTALLED_APPS": [
                *filter(None, [self.app]),
                *(f"django.contrib.{name}" for name in CONTRIB),
            ],
            "STATIC_URL": "/static/",
            "STATIC_ROOT": str(self.folder / "root"),
            "STATICFILES_DIRS": [str(self.sources)],
            "USE_TZ": True,
            "STORAGES": {"staticfiles": dict(self.storage)},
            **(self.settings or {}),
        }
        lines = [f"{name} = {value!r}\n" for name, value in values.items()]
        (self.folder / "settings.py").write_text("".join(lines))
        (self.folder / "manage.py").write_text(MANAGE)
        (self.folder / "django_hashing.py").write_text(DJANGO_HASHING)
        (self.folder / "own_hashing.py").write_text(OWN_HASHING)
        (self.folder / "own_listing.py").write_text(OWN_LISTING)
        (self.folder / "bare_listing.py").write_text(BARE_LISTING)
