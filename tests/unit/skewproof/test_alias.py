"""Code that reads the storage while files are collected finds this release's files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage, staticfiles_storage
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from tests.unit.skewproof.packing import PACK
from tests.unit.skewproof.places import BucketPlace

from skewproof.publishing.collection import lead_alias_to, make_local_storage
from skewproof.storage import ReleaseManifestMixin, find_release_storage

if TYPE_CHECKING:
    from tests.unit.skewproof.project import Project

APPS = ["skewproof", "pipeline", "django.contrib.staticfiles"]
PIPELINE = {
    "CSS_COMPRESSOR": None,
    "PIPELINE_ROOT": "/",  # STATIC_ROOT by default, which a bucket does not need
    "STYLESHEETS": {"site": {"source_filenames": ["css/*.css"], "output_filename": PACK}},
}
FILES = {"css/a.css": "a {}", "css/b.css": "b { background: url(../x.svg) }", "x.svg": "x"}


def packing(project: Project, way: str = "Packing") -> dict[str, Any]:
    """Return the settings by which the project's storage packs."""
    name = f"{way}Bucket" if isinstance(project.place, BucketPlace) else f"{way}Directory"
    entry = project.place.configured()
    return {"STORAGES": {"staticfiles": {**entry, "BACKEND": f"{__package__}.packing.{name}"}}}


def packed(project: Project, release: str) -> str:
    asset = project.manifest(release)["paths"][PACK]
    return project.place.read(f"static/{asset}").decode()


def test_what_is_packed_while_collecting_is_of_the_release_that_is_published(
    project: Project,
) -> None:
    changed = packing(project)
    project.write(FILES)
    project.publish("v1", **changed)
    project.write({**FILES, "css/a.css": "a { color: red }"})
    project.publish("v2", **changed)
    assert packed(project, "v1").startswith("a {}\nb {")
    assert packed(project, "v2").startswith("a { color: red }\nb {")
    logo = project.manifest("v2")["paths"]["x.svg"]
    assert f"../{logo}" in packed(project, "v2")
    for release in ("v1", "v2"):
        project.assert_whole(release)


def test_django_pipeline_packs_the_release_that_is_published(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not by override_settings: after it, django-pipeline's own receiver fails.
    monkeypatch.setattr(settings, "PIPELINE", PIPELINE, raising=False)
    finders = [*settings.STATICFILES_FINDERS, "pipeline.finders.PipelineFinder"]
    changed = {**packing(project, "Pipeline"), "STATICFILES_FINDERS": finders}
    project.write({**FILES, "css/gone.css": "i {}"})
    project.publish("v1", INSTALLED_APPS=APPS, **changed)
    project.write({**FILES, "css/a.css": "a { color: red }"})
    project.publish("v2", INSTALLED_APPS=APPS, **changed)
    logo = f'b {{ background: url("../{project.manifest("v2")["paths"]["x.svg"]}") }}'
    assert packed(project, "v1").splitlines() == ["a {}", logo, "i {}"]
    assert packed(project, "v2").splitlines() == ["a { color: red }", logo]
    for release in ("v1", "v2"):
        project.assert_whole(release)


def test_a_finder_that_looks_into_the_storage_sees_no_other_release(project: Project) -> None:
    project.publish("v1")
    finders = [
        "django.contrib.staticfiles.finders.FileSystemFinder",
        f"{__package__}.packing.ReadingFinder",
    ]
    project.publish("v2", STATICFILES_FINDERS=finders[::-1])
    with pytest.raises(AssertionError, match="of another release"):  # it sees this one's own
        project.publish("v3", STATICFILES_FINDERS=finders)


def test_who_asks_for_a_path_while_collecting_gets_a_copy_and_the_source_stays(
    directory_project: Project, tmp_path: Path
) -> None:
    directory_project.write(FILES)
    with directory_project.active("v1"):
        storage = find_release_storage()
        assert storage is not None
        local: Any = make_local_storage(storage, tmp_path / "files", tmp_path / "manifests")
    source = directory_project.source / "x.svg"
    local.stage("x.svg", str(source))
    assert local.exists("x.svg")
    with local.open("x.svg") as file:
        assert file.read() == b"x"
    Path(local.path("x.svg")).write_text("packed")
    assert local.read_copy("x.svg").read() == b"packed"
    assert source.read_text() == "x"
    local.delete("x.svg")
    assert not local.exists("x.svg")
    assert source.read_text() == "x"


@pytest.mark.parametrize("is_made", [False, True])
@pytest.mark.parametrize("is_failing", [False, True])
def test_afterwards_the_configured_storage_is_there_again(
    is_made: bool, is_failing: bool, directory_project: Project
) -> None:
    directory_project.write({"a.css": "url(gone.png)" if is_failing else "a {}"})
    with directory_project.active("v1"):
        before = storages["staticfiles"] if is_made else None
        if is_made:
            assert staticfiles_storage.releases_location
        try:
            call_command("collectstatic", "-v0")
        except CommandError:
            assert is_failing
        assert isinstance(storages["staticfiles"], ReleaseManifestMixin)
        assert isinstance(staticfiles_storage, ReleaseManifestMixin)
        assert before in (None, storages["staticfiles"])
        assert staticfiles_storage._wrapped is storages["staticfiles"]


def test_meanwhile_another_thread_finds_the_configured_storage(directory_project: Project) -> None:
    with directory_project.active("v1"):
        local: Any = StaticFilesStorage(location="/nowhere")
        with lead_alias_to(local):
            assert isinstance(find_release_storage(), ReleaseManifestMixin)


def test_the_alias_leads_to_the_storage_and_back(directory_project: Project) -> None:
    with directory_project.active("v1"):
        local: Any = StaticFilesStorage(location="/nowhere")
        with lead_alias_to(local):
            assert storages["staticfiles"] is local
            assert staticfiles_storage.location == "/nowhere"
        assert "staticfiles" not in storages._storages
        assert isinstance(staticfiles_storage, ReleaseManifestMixin)
