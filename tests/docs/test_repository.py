"""Nothing in the repository depends on one machine, or names where its packages come from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.docs.project import ROOT, list_files

if TYPE_CHECKING:
    from pathlib import Path

BINARY = {".jpg", ".png", ".webp", ".woff2"}
# Put together, so that this file does not name them either.
FOLDERS = [f"/{name}/" for name in ("root", "work", "home", "Users")]
# In a container this is no path of a machine: it is where pip keeps its cache.
IN_CONTAINERS = "target=" + FOLDERS[0] + ".cache/pip"
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("index", "docker", "io"),
        ("registry-1", "docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("crates", "io"),
        ("deb", "debian", "org"),
    )
]
# An absolute path: what stands before it is no part of it.
FORBIDDEN = re.compile(
    "|".join([rf"(?<![\w$.]){each}" for each in FOLDERS] + [*map(re.escape, HOSTS)])
)


def find_forbidden(text: str) -> list[str]:
    """Return what a text must not name, each with its line."""
    return [
        f"line {number}: {found[0]}"
        for number, line in enumerate(text.splitlines(), start=1)
        for found in FORBIDDEN.finditer(line.replace(IN_CONTAINERS, ""))
    ]


def test_no_file_names_paths_of_a_machine_or_hosts_of_registries() -> None:
    found = {
        str(path.relative_to(ROOT)): find_forbidden(path.read_text(encoding="utf-8"))
        for path in list_files()
        if path.suffix not in BINARY
    }
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize("word", [*FOLDERS, *(f"https://{host}" for host in HOSTS)])
def test_a_forbidden_word_is_seen(word: str) -> None:
    assert find_forbidden(f"one\nsee {word}x\n{IN_CONTAINERS}\n") == [
        f"line 2: {word.removeprefix('https://')}"
    ]


def test_only_what_is_ignored_is_left_out(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(".venv/\n*.log\napp/db.sqlite3\n")
    kept = {".gitignore", ".ci/run", "app/a.py", "db.sqlite3"}
    for name in (*kept - {".gitignore"}, ".venv/x", ".git/x", "a.log", "app/db.sqlite3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert {path.relative_to(tmp_path).as_posix() for path in list_files(tmp_path)} == kept
