"""Settings for Django's own tests, in which release storages stand for those with a manifest.

Each of its storages becomes one of ours that hashes as it does. Every collectstatic is a deployment
of a new release: if it ends well, a process of that release takes over. Nothing else is adapted.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import get_commands
from django.test.signals import storages_changed
from django.test.utils import override_settings
from django.utils.module_loading import import_string
from test_sqlite import *  # noqa: F403 - Django's own settings for its tests

from skewproof.management.commands.collectstatic import Command
from skewproof.release import VARIABLE
from skewproof.storage import FileSystemReleaseStorage

if TYPE_CHECKING:
    from collections.abc import Mapping

ENABLE, PUBLISH = override_settings.enable, Command.publish
NUMBERS = itertools.count(1)


class Release(FileSystemReleaseStorage):
    """Keeps the manifests of each test apart, as its STATIC_ROOT is in the folder of all tests."""

    def checked_releases_location(self, given: Any) -> str:
        return super().checked_releases_location(given or f"{self.location}-releases")


def enable(self: Any) -> None:
    """Enable a test's settings, with our app and our storages in them."""
    options = self.options
    if "INSTALLED_APPS" in options:
        options["INSTALLED_APPS"] = list(dict.fromkeys(["skewproof", *options["INSTALLED_APPS"]]))
        get_commands.cache_clear()
    if "STORAGES" in options:
        entries = options["STORAGES"].items()
        options["STORAGES"] = {alias: adapt(entry) for alias, entry in entries}
    ENABLE(self)


def adapt(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entry of a release storage that hashes as the given one; others as they are."""
    if not entry["BACKEND"].startswith(("django.contrib.staticfiles.", "staticfiles_tests.")):
        return entry
    stock = import_string(entry["BACKEND"])
    if not issubclass(stock, ManifestStaticFilesStorage):
        return entry
    name = f"{stock.__name__}Release"
    globals()[name] = type(name, (Release,), {"hashing": stock})
    return {**entry, "BACKEND": f"{__name__}.{name}"}


def deploy(self: Command, storage: Any, **options: Any) -> str | None:
    """Publish under a new id; where that fails, the release before goes on."""
    before = os.environ.get(VARIABLE, "")
    os.environ[VARIABLE] = f"v{next(NUMBERS)}"
    try:
        said = PUBLISH(self, storage, **options)
    except BaseException:
        os.environ[VARIABLE] = before
        raise
    storages_changed(setting="STORAGES")
    return said


override_settings.enable = enable
Command.publish = deploy  # type: ignore[method-assign]
