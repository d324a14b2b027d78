"""Each check sees its planted fault, and a healthy project has none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command, get_commands
from django.core.management.base import SystemCheckError
from tests.unit.skewproof.checked import LOCAL, OURS, found, messages, static
from tests.unit.skewproof.places import BucketPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.skewproof.places import DirectoryPlace
    from tests.unit.skewproof.project import Project

SHARED = "storages.backends.s3.S3ManifestStaticStorage"
MEDIA = "storages.backends.s3.S3Storage"
OWN = f"{__package__}.stock"

pytestmark = pytest.mark.usefixtures("by_whoever_started_it")


@pytest.fixture(autouse=True)
def apps_of_each_test() -> Iterator[None]:
    """Django finds the commands of all apps once in a process; these tests have other apps."""
    get_commands.cache_clear()
    yield
    get_commands.cache_clear()


def test_a_release_storage_with_an_id_passes(project: Project) -> None:
    with project.active("v1"):
        assert found() == []


def test_a_healthy_project_with_media_a_file_and_a_baked_manifest_passes(
    s3_project: Project, bucket: BucketPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "RELEASE").write_text("4f2a9c1\n")
    (tmp_path / "staticfiles.json").write_text(
        '{"version": "1.1", "paths": {}, "release": "4f2a9c1"}'
    )
    own = bucket.configured(baked_manifest=tmp_path / "staticfiles.json")
    media = {"BACKEND": MEDIA, "OPTIONS": {**bucket.identity("web"), "bucket_name": "skewproof"}}
    changed: dict[str, Any] = {
        "BASE_DIR": tmp_path,
        "MEDIA_ROOT": tmp_path / "media",
        "STATIC_ROOT": tmp_path / "static",
        "STORAGES": {"default": media, "staticfiles": own},
    }
    with s3_project.active("4f2a9c1", **changed):
        assert found() == []
        monkeypatch.delenv("RELEASE_ID")
        assert found() == []


def test_e002_the_wrong_order_of_apps(project: Project) -> None:
    with project.active("v1", INSTALLED_APPS=["django.contrib.staticfiles", "skewproof"]):
        assert found() == ["skewproof.E002"]
        assert "the collectstatic of 'django.contrib.staticfiles' runs" in messages()[0].msg


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("django.contrib.staticfiles.management.commands.collectstatic", ["skewproof.E002"]),
        ("skewproof.management.commands.collectstatic", []),
    ],
)
def test_e002_the_collectstatic_of_another_app(
    base: str,
    expected: list[str],
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = f"faster_{len(expected)}"
    commands = tmp_path / app / "management" / "commands"
    commands.mkdir(parents=True)
    (tmp_path / app / "__init__.py").touch()
    (commands / "collectstatic.py").write_text(
        f"from {base} import Command as Base\n\n\nclass Command(Base):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    before, after = [app, "skewproof"], ["skewproof", app]
    for apps in (before, after):
        get_commands.cache_clear()
        with project.active("v1", INSTALLED_APPS=[*apps, "django.contrib.staticfiles"]):
            assert found() == (expected if apps is before else [])
            for message in messages():
                assert f"the collectstatic of '{app}' runs" in message.msg


def test_e002_collectfasta_ends_before_it_writes(project: Project) -> None:
    apps = ["collectfasta", "skewproof", "django.contrib.staticfiles"]
    with project.active("v1", INSTALLED_APPS=apps):
        assert found() == ["skewproof.E002"]
        assert "the collectstatic of 'collectfasta' runs" in messages()[0].msg
        with pytest.raises(SystemCheckError, match=r"skewproof\.E002"):
            call_command("collectstatic", "--no-input", skip_checks=False)  # as manage.py does
    assert not project.place.entries()
    get_commands.cache_clear()
    project.publish("v1", INSTALLED_APPS=["skewproof", *apps[::2]])
    project.assert_whole("v1")


def test_e003_manifests_within_the_assets(project: Project, directory: DirectoryPlace) -> None:
    options = (
        {"location": "static", "releases_location": "static/releases"}
        if isinstance(project.place, BucketPlace)
        else {"releases_location": directory.root / "static" / "releases"}
    )
    project.options = options
    with project.active("v1"):
        assert found() == ["skewproof.E003"]
        assert "which the public can read" in messages()[0].msg


@pytest.mark.parametrize(
    "options",
    [
        {"location": "static/../static"},
        {"location": "static//shop"},
        {"releases_location": "static/../releases"},
        {"releases_location": "./releases"},
    ],
    ids=repr,
)
def test_e003_a_prefix_that_is_another_than_it_seems(
    options: dict[str, str], s3_project: Project
) -> None:
    s3_project.options = options
    with s3_project.active("v1"):
        assert found() == ["skewproof.E003"]
        assert "letter by letter" in messages()[0].msg


@pytest.mark.parametrize("way", ["..", "link"])
def test_e003_manifests_that_lead_back_into_the_assets(
    way: str, directory_project: Project, directory: DirectoryPlace, tmp_path: Path
) -> None:
    served = directory.root / "static"
    served.mkdir(parents=True)
    (tmp_path / "link").symlink_to(served)
    chosen = tmp_path / "link" / "r" if way == "link" else directory.root / "x" / ".." / "static"
    directory_project.options = {"releases_location": str(chosen)}
    with directory_project.active("v1"):
        assert found() == ["skewproof.E003"]


def test_deployments_that_link_to_the_same_assets_see_each_others_releases(
    directory_project: Project, directory: DirectoryPlace, tmp_path: Path
) -> None:
    (directory.root / "static").mkdir(parents=True)
    for deployment, release in (("one", "v1"), ("two", "v2")):
        (tmp_path / deployment).mkdir()
        (tmp_path / deployment / "static").symlink_to(directory.root / "static")
        directory_project.options = {"location": str(tmp_path / deployment / "static")}
        directory_project.publish(release)
    assert {path.name for path in (directory.root / "releases").iterdir()} >= {"v1", "v2"}


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"bucket": "skewproof"}, "Invalid setting 'bucket'"),
        ({"manifest_storage": None}, "takes no option manifest_storage"),
    ],
)
def test_e003_options_that_a_publish_would_refuse(
    options: dict[str, Any], fault: str, s3_project: Project
) -> None:
    s3_project.options = options
    with s3_project.active("v1"):
        assert found() == ["skewproof.E003"]
        assert fault in messages()[0].msg


def test_e003_a_method_that_no_publish_would_call(
    directory_project: Project, tmp_path: Path
) -> None:
    own = static(f"{OWN}.OwnHash", location=str(tmp_path / "static"))
    with directory_project.active("v1", **own):
        assert found() == ["skewproof.E003"]
        assert "overrides file_hash, which has no effect" in messages()[0].msg


def test_e003_an_option_that_no_directory_has(directory_project: Project) -> None:
    directory_project.options = {"bucket_name": "skewproof"}
    with directory_project.active("v1"):
        assert found() == ["skewproof.E003"]


@pytest.mark.parametrize("content", [None, "{}", '{"version": "1.1", "paths": {}, "release": "0"}'])
def test_e004_an_image_without_the_manifest_of_its_release(
    content: str | None, directory_project: Project, tmp_path: Path
) -> None:
    if content:
        (tmp_path / "baked.json").write_text(content)
    directory_project.options = {"baked_manifest": tmp_path / "baked.json"}
    with directory_project.active("v1"):
        assert found() == ["skewproof.E004"]
        assert "collectstatic --bake" in messages()[0].msg


def test_w001_a_shared_manifest_in_a_shared_store(project: Project) -> None:
    with project.active("v1", **static(SHARED)):
        assert found() == ["skewproof.W001"]


def test_a_manifest_in_a_local_directory_is_no_reason_to_warn(project: Project) -> None:
    with project.active("v1", **static(LOCAL)):
        assert found() == []


@pytest.mark.parametrize("backend", ["Lax", "LaxRelease"])
def test_w002_a_manifest_that_is_not_strict(backend: str, project: Project, tmp_path: Path) -> None:
    options = static(f"{OWN}.{backend}", location=str(tmp_path / "static"))
    with project.active("v1", **options):
        assert found() == ["skewproof.W002"]


@pytest.mark.parametrize("by", ["option", "setting", "class"])
def test_w003_a_manifest_that_gets_another_name(by: str, project: Project) -> None:
    options = {"file_overwrite": False, "location": "static"} if by == "option" else {}
    changed = static(f"{OWN}.{'Prefixed' if by == 'class' else 'Named'}", **options)
    if by == "setting":
        changed |= {"AWS_S3_FILE_OVERWRITE": False, "AWS_LOCATION": "static"}
    with project.active("v1", **changed):
        assert found() == ["skewproof.W003"]


@pytest.mark.parametrize("options", [{"file_overwrite": False}, {"location": "static"}])
def test_one_half_of_what_moves_a_manifest_is_no_reason_to_warn(
    options: dict[str, Any], project: Project
) -> None:
    with project.active("v1", **static(f"{OWN}.Named", **options)):
        assert found() == []


def test_file_overwrite_matters_to_no_release_storage(s3_project: Project) -> None:
    s3_project.options = {"file_overwrite": False}
    with s3_project.active("v1"):
        assert found() == []


@pytest.mark.parametrize("setting", ["MEDIA_ROOT", "STATIC_ROOT", "STATICFILES_DIRS"])
def test_w006_manifests_in_a_directory_that_is_served(
    setting: str, directory_project: Project, tmp_path: Path
) -> None:
    directory_project.options = {"releases_location": tmp_path / "www" / "releases"}
    served = tmp_path / "www"
    with directory_project.active(
        "v1", **{setting: [("x", served)] if setting == "STATICFILES_DIRS" else served}
    ):
        assert found() == ["skewproof.W006"]
        assert setting in messages()[0].msg


def test_w006_a_baked_manifest_beside_the_assets(
    directory_project: Project, directory: DirectoryPlace
) -> None:
    baked = directory.root / "static" / "staticfiles.json"
    baked.parent.mkdir(parents=True)
    baked.write_text('{"version": "1.1", "paths": {}, "release": "v1"}')
    directory_project.options = {"baked_manifest": baked}
    with directory_project.active("v1"):
        assert found() == ["skewproof.W006"]


PUBLIC: list[dict[str, Any]] = [
    {"querystring_auth": False},
    {"custom_domain": "cdn.test"},
    {"default_acl": "public-read"},
    {"querystring_auth": False, "location": "releases"},
]
PRIVATE: list[dict[str, Any]] = [
    {},
    {"querystring_auth": False, "location": "media"},
    {"querystring_auth": False, "bucket_name": "another"},
]


@pytest.mark.parametrize("options", [*PUBLIC, *PRIVATE], ids=repr)
def test_w006_files_of_users_that_are_public_in_the_same_bucket(
    options: dict[str, Any], s3_project: Project, bucket: BucketPlace
) -> None:
    own = bucket.configured()
    media = {"bucket_name": own["OPTIONS"]["bucket_name"], **options}
    storages = {"default": {"BACKEND": MEDIA, "OPTIONS": media}, "staticfiles": own}
    with s3_project.active("v1", STORAGES=storages):
        assert found() == (["skewproof.W006"] if options in PUBLIC else [])


@pytest.mark.parametrize("backend", [LOCAL, OURS])
def test_w007_debug_that_hides_it_all(backend: str, project: Project, tmp_path: Path) -> None:
    with project.active("v1", DEBUG=True, **static(backend, location=str(tmp_path / "static"))):
        assert found() == ["skewproof.W007"]


def test_the_checks_ask_no_network(s3_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a check opened a connection")

    monkeypatch.setattr("socket.socket.connect", forbidden)
    for changed in ({}, static(SHARED, bucket_name="skewproof")):
        with s3_project.active("v1", **changed):
            found()


def test_a_check_can_be_silenced(project: Project) -> None:
    with project.active("v1", SILENCED_SYSTEM_CHECKS=["skewproof.W001"], **static(SHARED)):
        assert [message.is_silenced() for message in messages()] == [True]


def test_the_checks_are_silent_while_developing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project.active("v1", **static(SHARED)):
        monkeypatch.delenv("RELEASE_ID")
        assert [message.id for message in run_checks(tags=["staticfiles"])] == []
