"""What a process imports: a web process imports nothing that only a publish or a prune needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import skewproof

WEB = """
import os, sys
from pathlib import Path
import django
from django.conf import settings
manifest = Path("staticfiles.json")
manifest.write_text('{"paths": {"a.css": "a.1.css"}, "version": "1.1", "release": "v1"}')
os.environ["RELEASE_ID"] = "v1"
settings.configure(
    ALLOWED_HOSTS=["testserver"], ROOT_URLCONF="skewproof.urls", STATIC_URL="/static/",
    STATIC_ROOT="static", INSTALLED_APPS=["skewproof", "django.contrib.staticfiles"],
    MIDDLEWARE=["skewproof.middleware.ReleaseMiddleware"],
    STORAGES={
        "staticfiles": {"BACKEND": BACKEND, "OPTIONS": {**OPTIONS, "baked_manifest": manifest}}
    },
)
django.setup()
from django.test import Client
assert Client().get("/readyz").status_code == 200
from django.templatetags.static import static
assert static("a.css").endswith("/a.1.css"), static("a.css")
unwanted = ("skewproof.publishing", "skewproof.stores", "skewproof.management", "obstore")
found = [name for name in sys.modules if name.startswith(unwanted)]
assert not found, found
"""
OPTIONS = {
    "FileSystemReleaseStorage": {},
    "S3ReleaseStorage": {
        "bucket_name": "shop",
        "location": "static",
        "region_name": "us-east-1",
        "custom_domain": "cdn.test",
    },
    "AzureReleaseStorage": {
        "azure_container": "static",
        "releases_container": "releases",
        "account_name": "shop",
        "account_key": "a2V5",
    },
    "GoogleCloudReleaseStorage": {
        "bucket_name": "shop",
        "location": "static",
        "project_id": "shop",
        "custom_endpoint": "https://cdn.test",
    },
}


@pytest.mark.parametrize("storage", OPTIONS)
def test_a_web_process_imports_nothing_that_only_a_job_needs(storage: str, tmp_path: Path) -> None:
    named = f"BACKEND, OPTIONS = 'skewproof.storage.{storage}', {OPTIONS[storage]!r}\n"
    environment = {
        "PYTHONPATH": str(Path(skewproof.__file__).parents[1]),
        "HOME": os.environ["HOME"],
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",  # credentials of Google are not looked for
    }
    done = subprocess.run(
        [sys.executable, "-c", named + WEB],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
