"""What runs before a commit is what "make lint" runs, with the project's own tools."""

from __future__ import annotations

import re

from tests.docs.project import ROOT

CONFIG = (ROOT / ".pre-commit-config.yaml").read_text()


def linters() -> set[str]:
    """The commands of make lint."""
    makefile = (ROOT / "Makefile").read_text()
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    return {line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()}


def test_the_hooks_run_what_make_lint_runs() -> None:
    assert set(re.findall(r"^ +entry: (.*)$", CONFIG, re.MULTILINE)) == linters()


def test_the_hooks_fetch_nothing() -> None:
    assert set(re.findall(r"\brepo: (.*)$", CONFIG, re.MULTILINE)) == {"local"}
    assert set(re.findall(r"^ +language: (.*)$", CONFIG, re.MULTILINE)) == {"system"}
