"""A build writes the release id into the image, from whatever knows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import skewproof
from skewproof.release import VARIABLE, release_id
from skewproof.write_release import COMMITS, main

if TYPE_CHECKING:
    from collections.abc import Callable

APP = Path(skewproof.__file__).parents[1]
SHA = "4f2a9c1d3b5e7f90a1b2c3d4e5f60718293a4b5c"


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which something is built, on a machine that says nothing about it."""
    for name in (VARIABLE, *COMMITS):
        monkeypatch.delenv(name, raising=False)
    # No repository of the machine's counts, wherever the temporary directory is.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "build"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def git(build: Path) -> Callable[..., str]:
    """Run git in the build's directory, which is a repository with one commit."""

    def run(*arguments: str) -> str:
        identity = ("-c", "user.name=n", "-c", "user.email=n@example.com")
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=build, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    run("init", "--quiet")
    (build / "app.py").write_text("1\n")
    run("add", "app.py")
    run("commit", "--quiet", "--message", "one")
    return run


def written(build: Path) -> str:
    """Return the id as a process will read it."""
    return release_id(build / "RELEASE")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that says why nothing was written."""
    assert main([*arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert not Path("RELEASE").exists()
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize("name", COMMITS)
def test_the_commit_that_a_platform_builds_becomes_the_id(
    name: str, build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, SHA)
    assert main([]) == 0
    said = capsys.readouterr().out
    assert f"release {SHA}, from the variable {name} of {COMMITS[name]}," in said
    assert str(build / "RELEASE") in said
    assert (build / "RELEASE").read_text() == f"{SHA}\n"
    assert written(build) == SHA


def test_the_order_is_argument_then_variable_then_platform_then_git(
    build: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([]) == 0
    assert written(build) == git("rev-parse", "HEAD")
    for number, name in enumerate(reversed(COMMITS)):
        commit = format(number, "040x")
        monkeypatch.setenv(name, commit)
        assert main([]) == 0
        assert written(build) == commit
    monkeypatch.setenv(VARIABLE, "by-variable")
    assert main([]) == 0
    (build / "RELEASE").rename(build / "OLD")
    assert (build / "OLD").read_text() == "by-variable\n"
    monkeypatch.delenv(VARIABLE)
    assert main(["by-hand"]) == 0
    assert written(build) == "by-hand"


def test_empty_variables_count_as_not_set(
    build: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (VARIABLE, *COMMITS):
        monkeypatch.setenv(name, "")
    assert main([]) == 0
    monkeypatch.delenv(VARIABLE)
    assert written(build) == git("rev-parse", "HEAD")


def test_an_empty_argument_is_no_way_to_say_nothing(
    git: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert git("status", "--porcelain") == ""
    assert "release id '' from the command line" in refused(capsys, "")


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        (VARIABLE, "a/b", "release id 'a/b' from the variable RELEASE_ID"),
        ("BUILDKITE_COMMIT", "HEAD", "BUILDKITE_COMMIT is 'HEAD', which is no commit"),
        ("CODEBUILD_RESOLVED_SOURCE_VERSION", "3sL4kqtJ+", "is '3sL4kqtJ+', which is no commit"),
    ],
)
def test_a_value_that_is_no_id_is_an_error_and_nothing_else_is_tried(
    name: str,
    value: str,
    fault: str,
    git: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert git("status", "--porcelain") == ""
    monkeypatch.setenv(name, value)
    assert fault in refused(capsys)


def test_a_timestamp_is_an_id_only_when_it_is_asked_for(
    build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "RELEASE_ID is not set" in refused(capsys)
    assert main(["--timestamp"]) == 0
    assert re.fullmatch(r"20\d{6}T\d{6}Z", written(build))


@pytest.mark.parametrize("change", ["untracked", "changed", "staged", "deleted", "elsewhere"])
def test_files_that_no_commit_holds_have_no_id_of_a_commit(
    change: str,
    build: Path,
    git: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = build / ("new.py" if change in ("untracked", "elsewhere") else "app.py")
    if change == "deleted":
        file.unlink()
    else:
        file.write_text("2\n")
    if change == "staged":
        git("add", "app.py")
    if change == "elsewhere":
        (build / "below").mkdir()
        monkeypatch.chdir(build / "below")
    line = refused(capsys)
    assert git("rev-parse", "HEAD") in line
    assert file.name in line
    assert "two ids" in line
    assert main(["v1"]) == 0


def test_what_git_ignores_and_the_file_itself_do_not_make_a_commit_another(
    build: Path, git: Callable[..., str]
) -> None:
    (build / ".gitignore").write_text("*.pyc\n")
    git("add", ".gitignore")
    git("commit", "--quiet", "--message", "two")
    (build / "app.pyc").touch()
    for _ in range(2):
        assert main([]) == 0
    assert written(build) == git("rev-parse", "HEAD")


def test_what_git_cannot_tell_is_said_in_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "git says: fatal: not a git repository" in refused(capsys)
    monkeypatch.setenv("PATH", "")
    line = refused(capsys)
    assert "git is not installed" in line
    assert all(name in line for name in (VARIABLE, *COMMITS, "--timestamp"))


def test_the_file_is_replaced_whole_and_a_failure_leaves_the_old_one(
    build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["v1"]) == 0
    inode = (build / "RELEASE").stat().st_ino
    assert main(["v2"]) == 0
    assert (build / "RELEASE").stat().st_ino != inode

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert main(["v3"]) == 1
    assert "cannot be written to" in capsys.readouterr().err
    assert written(build) == "v2"
    assert os.listdir(build) == ["RELEASE"]  # noqa: PTH208 - with what is hidden


def test_another_file_can_be_named(build: Path) -> None:
    assert main(["v1", "--file", "id.txt"]) == 0
    assert release_id(build / "id.txt") == "v1"
    assert not (build / "RELEASE").exists()


def test_a_build_needs_no_settings_and_no_secrets(build: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "skewproof.write_release"],
        env={"PYTHONPATH": str(APP), "DJANGO_SETTINGS_MODULE": "nowhere", VARIABLE: "v1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        f"release v1, from the variable {VARIABLE}, is written to {build / 'RELEASE'}\n"
    )
    assert done.stderr == ""


def test_the_help_names_every_place_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    for name in (VARIABLE, *COMMITS, "--timestamp", "--file", "exit codes: 0", "RUN python -m"):
        assert name in shown
    with pytest.raises(SystemExit, match="2"):
        main(["v1", "--timestamp"])
