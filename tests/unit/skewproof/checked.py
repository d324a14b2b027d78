"""What the checks say of a project, for the tests of each of them."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, run_checks

LOCAL = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
OURS = "skewproof.storage.FileSystemReleaseStorage"
STARTED_WITH = "skewproof.checks.release.read_first_environment"


def messages() -> list[CheckMessage]:
    found = run_checks(tags=["staticfiles"], include_deployment_checks=True)
    return [message for message in found if (message.id or "").startswith("skewproof")]


def found() -> list[str]:
    """Return the ids of what was found, having seen that each says what it is and what to do."""
    for message in messages():
        assert message.msg
        assert "\n" not in message.msg
        assert message.hint or isinstance(message, Error)
        assert (message.id or "").startswith(f"skewproof.{type(message).__name__[0]}")
    return [message.id or "" for message in messages()]


def static(backend: str, **options: Any) -> dict[str, Any]:
    return {"STORAGES": {"staticfiles": {"BACKEND": backend, "OPTIONS": options}}}
