from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.checks import run_checks

if TYPE_CHECKING:
    import pytest

    from .project import Project

SHARED = "storages.backends.s3.S3ManifestStaticStorage"
LOCAL = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"


def found() -> list[str]:
    messages = run_checks(tags=["staticfiles"], include_deployment_checks=True)
    return [message.id or "" for message in messages if (message.id or "").startswith("skewproof")]


def test_a_release_storage_with_an_id_passes(project: Project) -> None:
    with project.active("v1"):
        assert found() == []


def test_a_missing_release_id_is_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project.active("v1"):
        monkeypatch.delenv("RELEASE_ID")
        assert found() == ["skewproof.E001"]


def test_the_wrong_order_of_apps_is_an_error(project: Project) -> None:
    with project.active("v1", INSTALLED_APPS=["django.contrib.staticfiles", "skewproof"]):
        assert found() == ["skewproof.E002"]


def test_a_shared_manifest_in_a_shared_store_is_a_warning(project: Project) -> None:
    with project.active("v1", STORAGES={"staticfiles": {"BACKEND": SHARED}}):
        assert found() == ["skewproof.W001"]


def test_a_manifest_in_a_local_directory_is_no_reason_to_warn(project: Project) -> None:
    with project.active("v1", STORAGES={"staticfiles": {"BACKEND": LOCAL}}):
        assert found() == []


def test_the_checks_are_silent_while_developing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project.active("v1", STORAGES={"staticfiles": {"BACKEND": SHARED}}):
        monkeypatch.delenv("RELEASE_ID")
        assert [message.id for message in run_checks(tags=["staticfiles"])] == []
