"""What a process says of its release to Prometheus."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import path
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.skewproof.pages import Pages

import skewproof.metrics

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project

Sample = tuple[str, str]


class Measured(Pages):
    """The pages of the tests, and what Prometheus asks."""

    urlpatterns = (*Pages.urlpatterns, path("metrics", skewproof.metrics.metrics))


def scrape(**headers: Any) -> dict[Sample, float]:
    """Ask as Prometheus does; returns values by the metric's name and its one label's value."""
    answer = Client().get("/metrics", **headers)
    assert answer.status_code == 200
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def states(found: dict[Sample, float]) -> list[str]:
    return [
        label for (name, label), value in found.items() if name == "skewproof_manifest" and value
    ]


@pytest.mark.usefixtures("everywhere")
def test_a_process_is_not_ready_until_its_manifest_is_loaded_and_says_how_long_that_took(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skewproof.storage.ReleaseManifestMixin.pause", 0)
    with project.active("v1", ROOT_URLCONF=Measured):
        before = scrape()
        assert before["skewproof_release_info", "v1"] == 1
        assert before["skewproof_ready", ""] == 0
        assert states(before) == ["absent"]
        assert ("skewproof_manifest_load_seconds", "") not in before
        call_command("collectstatic", "--no-input", "-v0")
        after = scrape()
    assert after["skewproof_ready", ""] == 1
    assert states(after) == ["loaded"]
    assert 0 < after["skewproof_manifest_load_seconds", ""] < 10


def test_a_broken_manifest_and_a_process_that_drains_are_told_apart(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("skewproof.storage.ReleaseManifestMixin.pause", 0)
    directory_project.publish("v1")
    with directory_project.active(
        "v1", ROOT_URLCONF=Measured, SKEWPROOF_DRAIN_FILE=tmp_path / "draining"
    ):
        assert states(scrape()) == ["loaded"]
        (tmp_path / "draining").touch()
        draining = scrape()
    assert (draining["skewproof_ready", ""], states(draining)) == (0, ["loaded"])


def test_options_that_contradict_each_other_leave_the_manifest_unknown(
    directory_project: Project,
) -> None:
    directory_project.options = {"location": None}
    with directory_project.active("v1", ROOT_URLCONF=Measured):
        found = scrape()
    assert (found["skewproof_ready", ""], states(found)) == (0, ["unknown"])


def test_a_scrape_by_address_needs_no_host_and_is_not_sent_to_https(project: Project) -> None:
    project.publish("v1")
    with project.active(
        "v1",
        ROOT_URLCONF=Measured,
        ALLOWED_HOSTS=["shop.example.com"],
        SECURE_SSL_REDIRECT=True,
        MIDDLEWARE=[
            "skewproof.middleware.ReleaseMiddleware",
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
        ],
    ):
        assert scrape(headers={"Host": "10.0.0.7:8000"})["skewproof_ready", ""] == 1


def test_scrapes_are_never_cached_and_open_metrics_is_spoken_too(project: Project) -> None:
    project.publish("v1")
    with project.active("v1", ROOT_URLCONF=Measured):
        answer = Client().get("/metrics", headers={"Accept": "application/openmetrics-text"})
        assert Client().post("/metrics").status_code == 405
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_without_the_package_everything_else_works_and_the_error_names_it() -> None:
    program = """
import sys
sys.modules["prometheus_client"] = None
import skewproof.middleware, skewproof.urls
import skewproof.metrics
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "line 5, in <module>" in done.stderr
    assert "prometheus_client" in done.stderr.splitlines()[-1]
