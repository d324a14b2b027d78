"""What there is in the project for documentation to name."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.markdown import Document

from lab.commands import lab
from skewproof.release import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import click

ROOT = Path(__file__).parents[2]
EVERYBODYS = ("HOME", "PATH")
NAME = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*"


def read_document(path: str | Path) -> Document:
    """Return a document of the checkout."""
    return Document(Path(path), (ROOT / path).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Project:
    """What can be named: make's targets with their help, the lab's commands, variables, files.

    A variable comes with its default where that is one word of a file; None elsewhere.
    """

    targets: Mapping[str, str]
    commands: Mapping[str, click.Command]
    variables: Mapping[str, str | None]
    inner: frozenset[str] = frozenset()
    """What the Dockerfiles set for the programs in them, and nobody else has to know."""
    root: Path = ROOT

    @cached_property
    def paths(self) -> frozenset[str]:
        """Every file and folder of the checkout; folders end with a slash."""
        files = [path.relative_to(self.root) for path in list_files(self.root)]
        folders = {f"{folder.as_posix()}/" for path in files for folder in path.parents}
        return frozenset({path.as_posix() for path in files} | folders)

    def has(self, name: str) -> bool:
        """Whether a name is a path of the checkout, or the end of one; * stands for any part."""
        names = (name, f"*/{name}", f"{name}/", f"*/{name}/")
        return any(fnmatch.fnmatch(path, each) for path in self.paths for each in names)


@cache
def read_project(root: Path = ROOT) -> Project:
    """Look at the checkout."""
    makefile = (root / "Makefile").read_text()
    return Project(
        read_targets(makefile), lab.commands, read_variables(root), read_inner(root), root
    )


def read_targets(makefile: str) -> dict[str, str]:
    """Return the targets that are no files, with what stands behind their ##."""
    phony = re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    names = " ".join(phony).split()
    found = re.findall(r"^([\w-]+):[^=\n]*?(?:## (.*))?$", makefile, re.MULTILINE)
    return {name: text for name, text in found if name in names or text}


def read_variables(root: Path) -> dict[str, str | None]:
    """Return every environment variable that something here reads."""
    variables: dict[str, str | None] = {}
    for name, default in (
        *of_compose((root / "docker-compose.yml").read_text()),
        *of_makefile((root / "Makefile").read_text()),
        *((name, None) for name in of_python(root)),
    ):
        variables[name] = default or variables.get(name)
    return variables


def of_compose(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield what is substituted, and the build arguments whose value is the environment's."""
    for name, default in re.findall(rf"\$\{{({NAME})(?::?-([^${{}}]*)\}})?", text):
        yield name, default or None
    for arguments in re.findall(r"args: \{([^}]*)\}", text):
        for name in re.findall(rf"({NAME}): *(?=,|$)", arguments):
            yield name, None


def of_makefile(text: str) -> Iterator[tuple[str, str]]:
    """Yield what may be set on make's command line, with its default."""
    yield from re.findall(rf"^({NAME}) \?= *(\S+)$", text, re.MULTILINE)


def of_python(root: Path) -> Iterator[str]:
    """Yield what the programs read: all names in the modules that are there to read them."""
    for name in ("app/shop/environment.py", "minio/settings.py"):
        yield from re.findall(rf'"({NAME})"', (root / name).read_text())
    for path in list_files(root):
        # Here are made-up names.
        if path.parent == Path(__file__).parent:
            continue
        if path.suffix == ".py":
            yield from of_program(path.read_text())
        elif path.suffix == ".go":
            yield from re.findall(rf'variable = "({NAME})"', path.read_text())
    yield VARIABLE


def of_program(text: str) -> list[str]:
    """Return the names that a program takes out of its environment."""
    found = re.findall(rf'\benviron(?:\.get\(|\[)"({NAME})"', text)
    return [name for name in found if name not in EVERYBODYS]


def read_inner(root: Path) -> frozenset[str]:
    """Return the names that Dockerfiles set by ARG and ENV."""
    files = [path.read_text() for path in list_files(root) if path.name == "Dockerfile"]
    instructions = [
        line
        for text in files
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith(("ARG ", "ENV "))
    ]
    return frozenset(name for line in instructions for name in re.findall(rf"\b({NAME})=", line))


@cache
def list_files(root: Path = ROOT) -> tuple[Path, ...]:
    """Return the files of the checkout, without what .gitignore names; git itself may be absent."""
    ignored = (root / ".gitignore").read_text().split()
    patterns = [".git", *(pattern.strip("/") for pattern in ignored)]

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            names = (path.name, path.relative_to(root).as_posix())
            if any(fnmatch.fnmatch(name, each) for name in names for each in patterns):
                continue
            if path.is_dir():
                yield from walk(path)
            else:
                yield path

    return tuple(walk(root))
