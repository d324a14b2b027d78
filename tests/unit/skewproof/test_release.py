from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import skewproof
from skewproof.errors import ReleaseIdError
from skewproof.release import release_id

APP = Path(skewproof.__file__).parents[1]
GOOD = ("v1", "1", "2026-11-23", "1f3a9c0", "v1.2.3", "main_2026.11-rc.1", "a", "X" * 100)
BAD = (
    *(" v1", "v1 ", "v1\n", "", ".", "..", ".v1", "-v1", "_v1", "v1..2", "../v1", "v1/..", "a/b"),
    *("a\\b", "v1?x", "v1#x", "v 1", "é", "v1%2f", "X" * 101, "v1\x00", "/v1", "~", "*"),
)


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELEASE_ID", raising=False)


@pytest.mark.parametrize("value", GOOD)
def test_a_safe_id_is_taken_from_the_variable(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_ID", value)
    assert release_id() == value


@pytest.mark.parametrize("value", [value for value in BAD if value and "\x00" not in value])
def test_an_unsafe_id_in_the_variable_is_an_error_that_shows_it(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELEASE_ID", value)
    with pytest.raises(ReleaseIdError) as caught:
        release_id()
    assert repr(value) in str(caught.value)
    assert "RELEASE_ID" in str(caught.value)


@pytest.mark.parametrize("value", GOOD)
def test_a_safe_id_is_taken_from_the_file(value: str, tmp_path: Path) -> None:
    file = tmp_path / "RELEASE"
    file.write_text(value + "\n", encoding="utf-8")
    assert release_id(file) == value


@pytest.mark.parametrize("value", [value for value in BAD if value.strip() == value])
def test_an_unsafe_id_in_the_file_is_an_error_that_names_the_file(
    value: str, tmp_path: Path
) -> None:
    file = tmp_path / "RELEASE"
    file.write_text(value, encoding="utf-8")
    with pytest.raises(ReleaseIdError, match=str(file)):
        release_id(file)


def test_the_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "RELEASE"
    file.write_text("from-file", encoding="utf-8")
    monkeypatch.setenv("RELEASE_ID", "from-variable")
    assert release_id(file) == "from-variable"


def test_an_empty_variable_counts_as_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "RELEASE"
    file.write_text("v7", encoding="utf-8")
    monkeypatch.setenv("RELEASE_ID", "")
    assert release_id(file) == "v7"


def test_no_id_anywhere_is_an_error_and_never_a_default(tmp_path: Path) -> None:
    with pytest.raises(ReleaseIdError, match="no release id") as caught:
        release_id(tmp_path / "RELEASE")
    assert str(tmp_path / "RELEASE") in str(caught.value)
    assert "unknown" not in str(caught.value)


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "RELEASE"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReleaseIdError, match="cannot be read"):
        release_id(file)


def test_a_directory_in_the_files_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReleaseIdError, match="cannot be read"):
        release_id(tmp_path)


@pytest.mark.parametrize(("setting", "expected"), [("", "in-base"), ("named", "in-named")])
def test_a_settings_module_can_ask_while_it_is_imported_and_a_process_afterwards(
    setting: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "RELEASE").write_text("in-base", encoding="utf-8")
    (tmp_path / "named").write_text("in-named", encoding="utf-8")
    (tmp_path / "project_settings.py").write_text(
        "from pathlib import Path\n"
        "from skewproof.release import release_id\n"
        "BASE_DIR = Path(__file__).parent\n"
        f"SKEWPROOF_RELEASE_FILE = BASE_DIR / {setting!r} if {setting!r} else None\n"
        "EARLY = release_id(BASE_DIR / 'RELEASE')\n",
        encoding="utf-8",
    )
    code = (
        "from django.conf import settings\n"
        "from skewproof.release import release_id\n"
        "print(settings.EARLY, release_id())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{APP}:{tmp_path}", "DJANGO_SETTINGS_MODULE": "project_settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["in-base", expected]
