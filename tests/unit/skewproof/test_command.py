"""collectstatic as everyone knows it, and where it differs on purpose."""

from __future__ import annotations

import errno
import os
import re
import select
import socket
import subprocess
import tempfile
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.management import CommandError, call_command
from tests.unit.skewproof.project import TREE

from skewproof.management.commands.collectstatic import Command
from skewproof.publishing import content
from skewproof.storage import FileSystemReleaseStorage
from skewproof.stores import bucket

if TYPE_CHECKING:
    from tests.unit.skewproof.places import BucketPlace
    from tests.unit.skewproof.project import Project
    from tests.unit.skewproof.proxy import Proxy


class OwnPasses(ManifestStaticFilesStorage):
    """Has a method of its own, so that Django's passes do the work."""

    def hash_key(self, name: str) -> str:
        return str(super().hash_key(name))


def run(
    project: Project,
    folder: Path,
    *arguments: str,
    stderr: int = subprocess.PIPE,
    **environment: str,
) -> Any:
    """Run collectstatic as a user does, in a process of its own."""
    with project.start(folder, *arguments, stderr=stderr, **environment) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_a_user_publishes_with_the_command_that_everyone_knows(
    project: Project, tmp_path: Path
) -> None:
    done = run(project, tmp_path, RELEASE_ID="v1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("release v1 is published: 14 new, 0 reused")
    assert not done.stderr
    project.assert_whole("v1")


def test_without_a_release_id_nothing_is_published_and_one_line_says_why(
    project: Project, tmp_path: Path
) -> None:
    done = run(project, tmp_path, "--no-input")
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: no release id")
    assert done.stderr.count("\n") == 1
    assert not project.place.entries()


def test_the_variables_of_other_tools_do_not_change_where_a_publish_goes(
    s3_project: Project, tmp_path: Path
) -> None:
    noise = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_REGION": "eu-north-1",
        "AWS_BUCKET": "other",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_CONDITIONAL_PUT": "etag",
    }
    done = run(s3_project, tmp_path, RELEASE_ID="v1", **noise)
    assert done.returncode == 0, done.stderr
    s3_project.assert_whole("v1")


def test_a_store_that_is_away_is_one_clear_line_and_a_code_of_its_own(
    s3_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "RETRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
    s3_project.options = {"endpoint_url": endpoint}
    with pytest.raises(CommandError) as caught:
        s3_project.publish("v1")
    assert caught.value.returncode == 4
    assert f"s3://skewproof at {endpoint} failed: Connection refused" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--clear", "other releases are serving.*manage.py prune_releases"),
        ("-c", "other releases are serving"),
        ("--link", "leave it out"),
        ("-l", "leave it out"),
    ],
)
def test_options_that_would_hurt_other_releases_are_refused_with_the_reason(
    option: str, reason: str, project: Project
) -> None:
    project.publish("v1")
    before = project.place.entries()
    with pytest.raises(CommandError, match=reason) as caught:
        project.publish("v2", option)
    assert caught.value.returncode == 1
    assert project.place.entries() == before


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(
    project: Project, next_tree: dict[str, str]
) -> None:
    project.publish("v1")
    before = project.place.entries()
    project.write(next_tree)
    out = project.publish("v2", "--dry-run")
    assert "Pretending to upload 'n.txt'" in out
    assert "release v2 would be published: 5 new, 11 reused (dry run)" in out
    assert project.place.entries() == before


def test_a_dry_run_of_a_published_release_says_so(project: Project) -> None:
    project.publish("v1")
    assert "release v1 is published already: 0 new" in project.publish("v1", "--dry-run")


def test_a_dry_run_finds_an_id_that_is_taken(project: Project, next_tree: dict[str, str]) -> None:
    project.publish("v1")
    project.write(next_tree)
    with pytest.raises(CommandError, match="with other content") as caught:
        project.publish("v1", "-n")
    assert caught.value.returncode == 3


def test_hidden_files_are_left_out_unless_they_are_wanted(directory_project: Project) -> None:
    directory_project.write({"a.txt": "a", ".hidden": "h", "backup~": "b", "CVS": "c"})
    directory_project.publish("v1")
    assert directory_project.manifest("v1")["paths"].keys() == {"a.txt"}
    directory_project.publish("v2", "--no-default-ignore")
    assert directory_project.manifest("v2")["paths"].keys() == {
        "a.txt",
        ".hidden",
        "backup~",
        "CVS",
    }


def test_ignored_files_are_left_out(project: Project) -> None:
    project.publish("v1", "--ignore", "js/*", "-i", "*.woff2", "-i", "css/*")
    assert project.manifest("v1")["paths"].keys() == {"img/logo.svg"}


def test_without_post_processing_only_copies_are_written_and_no_release_is_made(
    project: Project,
) -> None:
    out = project.publish("v1", "--no-post-process")
    assert project.place.entries().keys() == {f"static/{name}" for name in TREE}
    assert "no release" in out


@pytest.mark.parametrize(("verbosity", "lines"), [("0", 0), ("1", 1), ("2", 28)])
def test_the_command_says_as_much_as_it_is_asked_to(
    verbosity: str, lines: int, project: Project
) -> None:
    said = project.publish("v1", "-v", verbosity).splitlines()
    assert len(said) == lines if lines < 2 else len(said) > lines
    if lines > 1:
        assert sum(line.startswith("Uploaded '") for line in said) == 14


def test_the_summary_counts_files_bytes_requests_and_seconds(
    watched: Project, proxy: Proxy
) -> None:
    out = watched.publish("v1")
    sent = sum(len(watched.place.read(key)) for key in watched.place.entries() if "static/" in key)
    form = rf"release v1 is published: 14 new, 0 reused, {sent} B, (\d+) requests, \d+\.\d\d s\n"
    found = re.fullmatch(form, out)
    assert found, out
    assert int(found[1]) == len(proxy.requests)
    assert (
        sum("_intents" in request.path for request in proxy.requests if request.method == "PUT")
        == 2
    )


def on_a_terminal(project: Project, folder: Path, *arguments: str) -> str:
    """Return what a publish draws on stderr, if that is a terminal."""
    ours, its = os.openpty()
    try:
        done = run(project, folder, *arguments, stderr=its, RELEASE_ID="v1")
        assert done.returncode == 0
        os.set_blocking(ours, False)
        return os.read(ours, 65536).decode() if select.select([ours], [], [], 0)[0] else ""
    finally:
        os.close(its)
        os.close(ours)


def test_on_a_terminal_a_bar_shows_the_progress_and_leaves_nothing_behind(
    directory_project: Project, tmp_path: Path
) -> None:
    drawn = on_a_terminal(directory_project, tmp_path)
    assert f"publishing [{'#' * 30}] 14/14" in drawn
    assert re.search(r"\r {40,}\r$", drawn)
    assert "\n" not in drawn


@pytest.mark.parametrize("verbosity", ["0", "2"])
def test_the_bar_is_not_drawn_where_nothing_or_everything_is_said(
    verbosity: str, directory_project: Project, tmp_path: Path
) -> None:
    assert on_a_terminal(directory_project, tmp_path, "-v", verbosity) == ""


def test_a_project_without_static_files_publishes_an_empty_release(project: Project) -> None:
    project.write({})
    assert "0 new" in project.publish("v1")
    assert project.manifest("v1")["paths"] == {}


def test_a_reference_to_a_file_that_is_missing_is_one_clear_error(project: Project) -> None:
    project.write({"a.css": "b { background: url(gone.png) }"})
    with pytest.raises(CommandError, match=r"gone\.png"):
        project.publish("v1")
    assert not project.place.entries()


@pytest.mark.parametrize("hashing", [ManifestStaticFilesStorage, OwnPasses])
def test_a_reference_above_the_root_names_its_file(
    hashing: Any, directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileSystemReleaseStorage, "hashing", hashing)
    directory_project.write({"css/a.css": "b { background: url(../../../gone.png) }"})
    said = r"^css/a\.css: the reference '\.\./\.\./\.\./gone\.png' leads above the root"
    with pytest.raises(CommandError, match=said):
        directory_project.publish("v1")
    assert not directory_project.place.entries()


def test_a_bucket_needs_no_static_url(s3_project: Project) -> None:
    s3_project.publish("v1")
    s3_project.publish("v2", STATIC_URL=None)
    assert s3_project.manifest("v1")["paths"] == s3_project.manifest("v2")["paths"]
    with s3_project.active("v2", STATIC_URL=None):
        url = s3_project.storage().url("css/site.css")
    assert url.startswith("https://cdn.test/static/")


def test_temporary_files_go_where_tmpdir_says_and_are_gone_afterwards(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    seen: list[list[str]] = []
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    clean_up = tempfile.TemporaryDirectory.cleanup

    def watch(directory: tempfile.TemporaryDirectory[str]) -> None:
        seen.append([file.name for file in Path(directory.name).rglob("*") if file.is_file()])
        clean_up(directory)

    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", watch)
    project.publish("v1")
    assert seen == [["staticfiles.json"]]  # the sources stay where they are
    assert not list(scratch.iterdir())


def test_a_directory_for_temporary_files_that_is_missing_is_one_clear_error(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(CommandError, match="the variable TMPDIR"):
        project.publish("v1")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bucket_name": "nowhere"}, r"404 Not Found \(NoSuchBucket\)|403 Forbidden \(Access"),
        ({"secret_key": "wrong"}, r"403 Forbidden \(SignatureDoesNotMatch\)"),
        ({"endpoint_url": "http://127.0.0.1:1"}, "Connection refused"),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)
def test_what_is_wrong_with_the_store_is_said_before_the_files_are_hashed(
    options: dict[str, str], said: str, s3_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collect(*_: Any) -> None:
        raise AssertionError("it is too early to collect")

    monkeypatch.setattr(Command, "fill", collect)
    monkeypatch.setattr(bucket, "RETRIES", 0)
    s3_project.options = options
    with pytest.raises(CommandError, match=said) as caught:
        s3_project.publish("v1")
    assert caught.value.returncode == 4
    assert "nothing was written" in str(caught.value)


def test_a_file_that_is_unusually_large_gets_more_time(
    directory_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = directory_project
    opened: list[int] = []
    cls = type(project.storage())
    plain_open = cls.open_store

    def noting(self: Any, largest: int) -> Any:
        opened.append(largest)
        return plain_open(self, largest)

    monkeypatch.setattr("skewproof.management.commands.collectstatic.USUAL", 1000)
    monkeypatch.setattr(cls, "open_store", noting)
    project.write({"a.txt": "a" * 1000})
    project.publish("v1")
    project.write({"a.txt": "a" * 1001})
    project.publish("v2")
    assert opened == [1000, 1000, 1001]


def test_a_full_disk_is_told_with_the_variable_that_chooses_another(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(content.Shelf.__init__, "__defaults__", (0,))
    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(CommandError, match=r"No space left on device.*the variable TMPDIR"):
        project.publish("v1")


@pytest.mark.parametrize("target", ["nowhere.svg", "lost.svg"])
@pytest.mark.parametrize("arguments", [(), ("--no-post-process",)])
def test_a_source_that_cannot_be_read_is_named_with_the_cause(
    target: str, arguments: tuple[str, ...], project: Project
) -> None:
    project.write(TREE)
    (project.source / "lost.svg").symlink_to(target)
    with pytest.raises(CommandError) as caught:
        project.publish("v1", *arguments)
    assert caught.value.returncode == 1
    text = str(caught.value)
    assert text.startswith("collecting the files of release v1 failed: [Errno ")
    assert str(project.source / "lost.svg") in text
    assert "TMPDIR" not in text
    assert "\n" not in text


def test_an_interrupted_publish_is_one_clear_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("skewproof.publishing.publish.write_manifest", interrupt)
        with pytest.raises(CommandError, match="interrupted") as caught:
            project.publish("v1")
    assert caught.value.returncode == 130
    assert "is published" in project.publish("v1")


def test_an_identity_that_may_not_write_is_told_so(
    s3_project: Project, bucket: BucketPlace
) -> None:
    s3_project.options = dict(bucket.identity("web"))
    with pytest.raises(CommandError, match=r"403 Forbidden \(AccessDenied\)"):
        s3_project.publish("v1")


def test_other_storages_get_the_stock_command(directory_project: Project, tmp_path: Path) -> None:
    root = tmp_path / "root"
    backend = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    changed = {"STORAGES": {"staticfiles": {"BACKEND": backend}}, "STATIC_ROOT": str(root)}
    with directory_project.active("v1", **changed):
        out = StringIO()
        call_command("collectstatic", "--no-input", stdout=out)
        assert "7 static files copied" in out.getvalue()
        assert (root / "staticfiles.json").exists()
        call_command("collectstatic", "--no-input", "--clear", "--link", stdout=StringIO())
        assert (root / "js/shop.js").is_symlink()
