from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Python = Callable[..., subprocess.CompletedProcess[str]]

STRATEGIES = {
    "skewproof": "skewproof.backends.s3.S3ReleaseStorage",
    "versioned": "shop.storages.VersionedManifestStorage",
    "shared": "storages.backends.s3.S3ManifestStaticStorage",
}
DESCRIBE = """
import json, django
django.setup()
from django.contrib.staticfiles.storage import staticfiles_storage as lazy
lazy.location
storage = lazy._wrapped
kind = type(storage)
print(json.dumps({
    "kind": f"{kind.__module__}.{kind.__qualname__}",
    "manifest": storage.manifest_name,
    "location": storage.location,
    "bucket": storage.bucket_name,
    "domain": storage.custom_domain,
    "protocol": storage.url_protocol,
    "timeouts": [storage.client_config.connect_timeout, storage.client_config.read_timeout],
    "addressing": storage.client_config.s3["addressing_style"],
    "signature": storage.client_config.signature_version,
}))
"""
# Stock storages read their manifest while they are made, so the store's answer stands in for it.
WITHOUT_A_STORE = """
from storages.backends.s3 import S3ManifestStaticStorage
S3ManifestStaticStorage.read_manifest = lambda self: None
"""


def storage(python: Python, strategy: str) -> dict[str, Any]:
    """Return what the strategy's storage is, and how it was set up."""
    done = python(
        "-c",
        DESCRIBE.replace("django.setup()", "django.setup()" + WITHOUT_A_STORE),
        RELEASE_ID="v1",
        DJANGO_SETTINGS_MODULE="shop.settings",
        STATICFILES_STRATEGY=strategy,
        PUBLIC_HOST="shop.example:8443",
        PYTHONWARNINGS="",
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_changes_the_storage_and_nothing_else(python: Python, strategy: str) -> None:
    found = storage(python, strategy)
    assert found.pop("kind") == STRATEGIES[strategy]
    manifest = "staticfiles-v1.json" if strategy == "versioned" else "staticfiles.json"
    assert found.pop("manifest") == manifest
    assert found == {
        "location": "static",
        "bucket": "skewproof",
        "domain": "shop.example:8443",
        "protocol": "http:",
        "timeouts": [2, 10],
        "addressing": "path",
        "signature": "s3v4",
    }


OTHERS = {
    "baked": ("storages.backends.s3.S3ManifestStaticStorage", "static", "/srv/assets"),
    "prefix": ("storages.backends.s3.S3ManifestStaticStorage", "static/v1", None),
    "unhashed": ("storages.backends.s3.S3StaticStorage", "static", None),
    "shared-disk": (
        "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
        *("/srv/assets", "staticfiles.json"),
    ),
    "versioned-disk": (
        "shop.storages.VersionedDiskStorage",
        *("/srv/assets", "staticfiles-v1.json"),
    ),
    "whitenoise": (
        "whitenoise.storage.CompressedManifestStaticFilesStorage",
        *("/srv/assets", "staticfiles.json"),
    ),
}
"""The strategies of the matrix alone: storage, location, and where the manifest is."""
DESCRIBE_OTHERS = """
import json, django
django.setup()
from storages.backends.s3 import S3ManifestStaticStorage
S3ManifestStaticStorage.read_manifest = lambda self: None
from django.contrib.staticfiles.storage import staticfiles_storage as lazy
lazy.location
storage = lazy._wrapped
kind = type(storage)
in_bucket, keeper = hasattr(storage, "bucket_name"), getattr(storage, "manifest_storage", storage)
elsewhere = None if keeper is storage else keeper.location
manifest = elsewhere if in_bucket else storage.manifest_name
print(json.dumps([f"{kind.__module__}.{kind.__qualname__}", storage.location, manifest]))
"""


@pytest.mark.parametrize("strategy", OTHERS)
def test_the_other_strategies_are_what_they_say(python: Python, strategy: str) -> None:
    done = python(
        "-c",
        DESCRIBE_OTHERS,
        RELEASE_ID="v1",
        DJANGO_SETTINGS_MODULE="shop.settings",
        STATICFILES_STRATEGY=strategy,
        STATIC_ROOT="/srv/assets",
        PYTHONWARNINGS="",
    )
    assert done.returncode == 0, done.stderr
    assert tuple(json.loads(done.stdout)) == OTHERS[strategy]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_djangos_checks_find_nothing(python: Python, strategy: str) -> None:
    done = python(
        "manage.py", "check", "--fail-level", "WARNING",
        RELEASE_ID="v1", STATICFILES_STRATEGY=strategy,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_checks_for_deployment_find_the_shared_manifest_and_nothing_else(
    python: Python,
) -> None:
    found = {}
    for strategy in STRATEGIES:
        done = python(
            "manage.py", "check", "--deploy", RELEASE_ID="v1", STATICFILES_STRATEGY=strategy
        )
        found[strategy] = [word for word in done.stderr.split() if ".W0" in word or ".E0" in word]
    assert found == {"skewproof": [], "versioned": [], "shared": ["(skewproof.W001)"]}


def test_development_serves_plain_files_and_asks_no_store(python: Python) -> None:
    done = python("manage.py", "findstatic", "css/site.css", RELEASE_ID="v2", DEBUG="true")
    assert done.returncode == 0, done.stderr
    assert "releases/v2/static/css/site.css" in done.stdout
