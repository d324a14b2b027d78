"""A small Django project that publishes its static files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from django.core.management import call_command
from django.test import override_settings

import skewproof
from skewproof.stores.store import md5

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.skewproof.places import Place

TREE = {
    "css/site.css": "@import 'base.css';\nbody { background: url(../img/logo.svg) }\n"
    "/*# sourceMappingURL=site.css.map */\n",
    "css/base.css": "@font-face { src: url('../fonts/a.woff2?#iefix') }\n",
    "css/site.css.map": "{}",
    "fonts/a.woff2": "font",
    "img/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "js/shop.js": "export default 1;\n//# sourceMappingURL=shop.js.map\n",
    "js/shop.js.map": "{}",
}
NEXT_TREE = {
    **TREE,
    "img/logo.svg": "<svg xmlns='http://www.w3.org/2000/svg' id='2'/>",
    "n.txt": "n",
}


@dataclass
class Project:
    """A Django project whose static files are in one directory."""

    source: Path
    place: Place
    options: dict[str, Any] = field(default_factory=dict)

    def write(self, tree: dict[str, str]) -> None:
        """Make the tree the project's static files."""
        shutil.rmtree(self.source, ignore_errors=True)
        for name, content in tree.items():
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_text(content, encoding="utf-8")

    @contextmanager
    def active(self, release: str = "v1", **changed: Any) -> Iterator[None]:
        """Be this project, as this release."""
        self.source.mkdir(parents=True, exist_ok=True)
        values: dict[str, Any] = {
            "DEBUG": False,
            "INSTALLED_APPS": ["skewproof", "django.contrib.staticfiles"],
            "MIDDLEWARE": ["skewproof.middleware.ReleaseMiddleware"],
            "ROOT_URLCONF": "skewproof.urls",
            "STATIC_URL": "/static/",
            "STATIC_ROOT": None,
            "STATICFILES_DIRS": [self.source],
            "STORAGES": {"staticfiles": self.place.configured(**self.options)},
            **changed,
        }
        environ = {"RELEASE_ID": release, **self.place.environ}
        with mock.patch.dict(os.environ, environ), override_settings(**values):
            yield

    def publish(self, release: str, *arguments: str, **changed: Any) -> str:
        """Run collectstatic as this release; return what it printed."""
        out = StringIO()
        with self.active(release, **changed):
            call_command("collectstatic", "--no-input", *arguments, stdout=out, stderr=out)
        return out.getvalue()

    def start(
        self,
        folder: Path,
        *arguments: str,
        stderr: int = subprocess.PIPE,
        before: tuple[str, ...] = (),
        **environment: str,
    ) -> subprocess.Popen[str]:
        """Start collectstatic as a user does, in a process of its own."""
        settings = (
            "SECRET_KEY = 'only-for-tests'\n"
            "INSTALLED_APPS = ['skewproof', 'django.contrib.staticfiles']\n"
            "STATIC_URL = '/static/'\n"
            f"STATICFILES_DIRS = [{str(self.source)!r}]\n"
            f"STORAGES = {{'staticfiles': {self.place.configured(**self.options)!r}}}\n"
        )
        (folder / "child_settings.py").write_text(settings, encoding="utf-8")
        return subprocess.Popen(
            [*before, sys.executable, "-W", "error", "-m", "django", "collectstatic", *arguments],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{Path(skewproof.__file__).parents[1]}:{folder}",
                "DJANGO_SETTINGS_MODULE": "child_settings",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def storage(self, release: str = "v1", **options: Any) -> Any:
        """Return a new storage, as a new process of the release would make it."""
        from django.core.files.storage import storages

        configured = self.place.configured(**{**self.options, **options})
        with self.active(release):
            return storages.create_storage(configured)

    def manifest(self, release: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(
            self.place.read(f"releases/{release}/staticfiles.json")
        )
        return document

    def assert_whole(self, release: str) -> None:
        """Every asset of the release is there, and its body fits the hash in its name."""
        for asset in self.manifest(release)["paths"].values():
            digest = md5(self.place.read(f"static/{asset}"))
            assert f".{digest[:12]}." in asset
