"""Names and bytes are those of Django's own ManifestStaticFilesStorage, entry for entry."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import CommandError, call_command

from skewproof.storage import FileSystemReleaseStorage, S3ReleaseStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.skewproof.places import BucketPlace
    from tests.unit.skewproof.project import Project

ADMIN = {
    "INSTALLED_APPS": [
        "skewproof",
        "django.contrib.admin.apps.SimpleAdminConfig",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.staticfiles",
    ]
}
ODD = {
    "a file.txt": "space",
    "ünïcode/ñ.css": "b { background: url('../a file.txt') }",
    "percent%20sign.txt": "p",
    "hash#tag.txt": "h",
    "plus+tilde~at@.txt": "+",
    "no_extension": "n",
    "two.dots.min.js": "d\n//# sourceMappingURL=two.dots.min.js.map\n",
    "two.dots.min.js.map": "{}",
    "empty.css": "",
    "absolute.css": "b { background: url(/static/empty.css) } i { background: url(#x) }",
    "outside.css": "b { background: url(https://cdn.test/x.png) url(//x/y) url(data:,x) url(/z) }",
    "font.css": "@font-face { src: url('f.eot?#iefix'), url(f.eot#svg) }",
    "f.eot": "eot",
}


class AggregatingStorage(FileSystemReleaseStorage):
    """As a project would set it."""

    support_js_module_import_aggregation = True


class AggregatingStock(ManifestStaticFilesStorage):
    """The same in stock Django."""

    support_js_module_import_aggregation = True


def stock(project: Project, root: Path, backend: str | None = None, **changed: Any) -> Any:
    """Return paths and bytes as stock Django makes them in a local directory."""
    backend = backend or "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    storages = {"staticfiles": {"BACKEND": backend}}
    with project.active("v1", STORAGES=storages, STATIC_ROOT=str(root), **changed):
        call_command("collectstatic", "--no-input", stdout=StringIO())
    manifest = json.loads((root / "staticfiles.json").read_text(encoding="utf-8"))
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "staticfiles.json"
    }
    return manifest, files


def assert_same(project: Project, manifest: Any, files: dict[str, bytes]) -> None:
    ours = project.manifest("v1")
    assert ours["paths"] == manifest["paths"]
    assert ours["hash"] == manifest["hash"]
    there = {key for key in project.place.entries() if key.startswith("static/")}
    assert there == {f"static/{name}" for name in files}
    for name, content in files.items():
        assert project.place.read(f"static/{name}") == content, name


def test_the_admin_and_a_small_tree_are_named_and_stored_as_by_django(
    project: Project, tmp_path: Path
) -> None:
    manifest, files = stock(project, tmp_path / "stock", **ADMIN)
    assert len(manifest["paths"]) > 130
    project.publish("v1", **ADMIN)
    assert_same(project, manifest, files)


def test_odd_names_and_references_are_handled_as_by_django(
    project: Project, tmp_path: Path
) -> None:
    project.write(ODD)
    manifest, files = stock(project, tmp_path / "stock")
    project.publish("v1")
    assert_same(project, manifest, files)
    with project.active("v1"):
        storage = project.storage()
        for name in ODD.keys() - {"hash#tag.txt"}:  # Django cannot look that up either
            assert storage.stored_name(name.replace("%", "%25")) == manifest["paths"][name]


def test_aggregated_imports_are_named_as_by_django(
    directory_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = directory_project
    project.write({"a.js": "import b from './b.js';\n", "b.js": "export default 1;\n"})
    manifest, files = stock(project, tmp_path / "stock", f"{__name__}.AggregatingStock")
    configured = project.place.configured()
    configured["BACKEND"] = f"{__name__}.AggregatingStorage"
    monkeypatch.setattr(project.place, "configured", lambda **_: configured, raising=False)
    project.publish("v1")
    assert_same(project, manifest, files)
    assert b"./b." in files[manifest["paths"]["a.js"]]


class ShortStock(ManifestStaticFilesStorage):
    """Hashes in a way of its own."""

    def file_hash(self, name: str, content: Any = None) -> str:
        return str(super().file_hash(name, content))[:5]


class ShortStorage(FileSystemReleaseStorage):
    """The same for releases."""

    hashing = ShortStock


def test_a_project_with_a_hash_of_its_own_sets_the_class_that_hashes(
    directory_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = directory_project
    manifest, files = stock(project, tmp_path / "stock", f"{__name__}.ShortStock")
    configured = project.place.configured()
    configured["BACKEND"] = f"{__name__}.ShortStorage"
    monkeypatch.setattr(project.place, "configured", lambda **_: configured, raising=False)
    project.publish("v1")
    assert_same(project, manifest, files)


class InitStock(ManifestStaticFilesStorage):
    """Sets in its constructor what most projects set in the class."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.support_js_module_import_aggregation = True
        self.default_template = "URL('%(url)s')"
        super().__init__(*args, **options)


class InitStorage(FileSystemReleaseStorage):
    """The same for releases."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.support_js_module_import_aggregation = True
        self.default_template = "URL('%(url)s')"
        super().__init__(*args, **options)


class InitHashingStorage(FileSystemReleaseStorage):
    """The same in the class that hashes."""

    hashing = InitStock


class UnhashedStock(ManifestStaticFilesStorage):
    """Gives no file a hash."""

    def file_hash(self, name: str, content: Any = None) -> None:
        """Return nothing, as for files that have a hash already."""


class UnhashedStorage(FileSystemReleaseStorage):
    """The same for releases."""

    hashing = UnhashedStock


class BundledStock(ManifestStaticFilesStorage):
    """Leaves alone what a bundler has given a hash."""

    def file_hash(self, name: str, content: Any = None) -> Any:
        is_bundled = str(name).startswith("bundle/")
        return None if is_bundled else super().file_hash(name, content)


class BundledStorage(FileSystemReleaseStorage):
    """The same for releases."""

    hashing = BundledStock


@pytest.fixture
def project_of(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Project]:
    """Return a way to have a project with a storage of this module."""

    def made(storage: str) -> Project:
        configured = directory_project.place.configured()
        configured["BACKEND"] = f"{__name__}.{storage}"
        monkeypatch.setattr(directory_project.place, "configured", lambda **_: configured)
        directory_project.write(
            {
                "a.js": "import b from './b.js';\n",
                "b.js": "export default 1;\n",
                "a.css": "b { background: url(x.svg) }",
                "x.svg": "x",
                "bundle/c-1a2b.js": "bundled\n",
            }
        )
        return directory_project

    return made


@pytest.mark.parametrize(
    ("ours", "stocks"),
    [
        ("InitStorage", "InitStock"),
        ("InitHashingStorage", "InitStock"),
        ("UnhashedStorage", "UnhashedStock"),
        ("BundledStorage", "BundledStock"),
    ],
)
def test_what_a_class_of_the_project_makes_is_what_it_makes_of_django(
    ours: str, stocks: str, project_of: Callable[[str], Project], tmp_path: Path
) -> None:
    project = project_of(ours)
    manifest, files = stock(project, tmp_path / "stock", f"{__name__}.{stocks}")
    project.publish("v1")
    assert_same(project, manifest, files)
    with project.active("v1"):
        assert project.storage().manifest_hash == manifest["hash"]
        assert project.storage().url("b.js") == f"/static/{manifest['paths']['b.js']}"


@pytest.mark.parametrize("content", ["another\n", "BUNDLED\n"])
def test_a_file_without_a_hash_is_never_overwritten(
    content: str, project_of: Callable[[str], Project]
) -> None:
    project = project_of("BundledStorage")
    project.publish("v1")
    project.publish("v2")
    before = project.place.entries()
    (project.source / "bundle/c-1a2b.js").write_text(content)
    for release in ("v1", "v3"):
        with pytest.raises(CommandError, match=r"bundle/c-1a2b\.js .*has other content"):
            project.publish(release)
    after = project.place.entries().items()
    assert {entry for entry in after if "_intents" not in entry[0]} == set(before.items())


def test_a_file_without_a_hash_is_not_cached_for_ever(
    s3_project: Project, bucket: BucketPlace
) -> None:
    configured = {**bucket.configured(), "BACKEND": f"{__name__}.BundledBucket"}
    s3_project.write({"bundle/c-1a2b.js": "bundled", "a.txt": "a"})
    s3_project.publish("v1", STORAGES={"staticfiles": configured})
    assert "CacheControl" not in bucket.head("static/bundle/c-1a2b.js")
    asset = s3_project.manifest("v1")["paths"]["a.txt"]
    assert "immutable" in bucket.head(f"static/{asset}")["CacheControl"]


class BundledBucket(S3ReleaseStorage):
    """Leaves alone what a bundler has given a hash, in a bucket."""

    hashing = BundledStock


class OverridingStorage(FileSystemReleaseStorage):
    """Overrides hashing where it has no effect."""

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        return f"{super().hashed_name(name, content, filename)}"


def test_a_hash_that_is_overridden_where_it_has_no_effect_is_refused(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = directory_project.place.configured()
    configured["BACKEND"] = f"{__name__}.OverridingStorage"
    monkeypatch.setattr(directory_project.place, "configured", lambda **_: configured)
    with pytest.raises(CommandError, match=r"hashed_name.*set the attribute hashing"):
        directory_project.publish("v1")


@pytest.mark.parametrize("method", ["_post_process", "_stored_name", "clean_name"])
def test_other_methods_that_no_publish_would_call_are_refused_as_well(
    method: str, directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileSystemReleaseStorage, method, lambda *given: given[1], raising=False)
    with pytest.raises(CommandError, match=f"overrides {method}, which"):
        directory_project.publish("v1")
