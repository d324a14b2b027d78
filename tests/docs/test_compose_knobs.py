""".env.example explains each knob of docker-compose.yml, with its default."""

from __future__ import annotations

import re

from tests.docs.project import NAME, ROOT, of_compose

EXAMPLE = (ROOT / ".env.example").read_text()
KNOB = re.compile(rf"^#({NAME})=(.*)$", re.MULTILINE)


def defaults() -> dict[str, str]:
    """The default of each knob: what Compose substitutes, else the Dockerfiles' own."""
    compose = (ROOT / "docker-compose.yml").read_text()
    found = dict(of_compose(compose))
    for folder in ("app", "minio", "nginx"):
        lines = (ROOT / folder / "Dockerfile").read_text()
        arguments = dict(re.findall(rf"^ARG ({NAME})=(\S+)$", lines, re.MULTILINE))
        found |= {name: arguments.get(name) for name, value in found.items() if value is None}
    nested = re.findall(rf"\$\{{({NAME}):-([^${{}}]+)\$\{{{NAME}:-([^${{}}]+)\}}\}}", compose)
    found |= {name: before + default for name, before, default in nested}
    return {name: value or "" for name, value in found.items()}


def test_the_example_has_every_knob_of_the_compose_file_and_no_other() -> None:
    names = [name for name, _ in KNOB.findall(EXAMPLE)]
    assert sorted(names) == sorted(defaults())


def test_the_example_shows_the_defaults() -> None:
    assert dict(KNOB.findall(EXAMPLE)) == defaults()


def test_copying_the_example_changes_nothing() -> None:
    assert all(not line or line.startswith("#") for line in EXAMPLE.splitlines())


def test_every_knob_has_words_above_it() -> None:
    for block in EXAMPLE.split("\n\n"):
        first, *_ = block.splitlines()
        assert first.startswith("# "), f"nothing explains {first}"
