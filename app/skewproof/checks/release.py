"""Checks of the release id: that there is one, and that it is one build's own."""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name

from skewproof.errors import ReleaseIdError
from skewproof.manifest import NAME
from skewproof.release import (
    VARIABLE,
    find_release_file,
    known_release_id,
    read_release_file,
    release_id,
)
from skewproof.storage import find_backend, is_release_backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# What projects fall back to, and names that every build of a branch or an environment has.
SHARED = re.compile(
    r"current|default|dev(?:elop(?:ment)?)?|head|latest|local|main|master|none|null|prod(?:uction)?"
    r"|release|stable|stag(?:e|ing)|test|trunk|undefined|unknown",
    re.IGNORECASE,
)
GIT_LIBRARIES = {"dulwich", "git", "pygit2"}
AT_BUILD = 'Have the build write it, with "python -m skewproof.write_release", and only read it.'


def check_release(**_: Any) -> list[CheckMessage]:
    """skewproof.E001: there is no usable release id, and the storage needs one."""
    if not is_release_backend(find_backend()):
        return []
    try:
        release_id()
    except ReleaseIdError as error:
        return [Error(str(error), id="skewproof.E001")]
    return []


def check_origin(**_: Any) -> list[CheckMessage]:
    """skewproof.W004: the release id seems to be made at run time, as by asking git."""
    found = [*find_late_ids(), *find_late_names()]
    return [Warning(each, hint=AT_BUILD, id="skewproof.W004") for each in found]


def check_uniqueness(**_: Any) -> list[CheckMessage]:
    """skewproof.W005: the release id is a name that several builds have."""
    found = known_release_id()
    if not is_release_backend(find_backend()) or not SHARED.fullmatch(found or ""):
        return []
    return [
        Warning(
            f"the release id {found!r} is a name that the next build has as well: its publish will "
            "be refused, or its processes take this release's manifest for theirs.",
            hint="Take an id of one build, such as its git commit.",
            id="skewproof.W005",
        )
    ]


def find_late_ids() -> Iterator[str]:
    """Yield what speaks against the id having been chosen when the image was built."""
    if not is_release_backend(find_backend()):
        return
    value, file = os.environ.get(VARIABLE, ""), find_release_file()
    began = read_first_environment()
    if value and began and began.get(VARIABLE, "") != value:
        yield (
            f"{VARIABLE} was set to {value!r} by code of this process (it began with "
            f"{began.get(VARIABLE, '')!r}): processes of one release may get different ids, and "
            "processes of different releases the same."
        )
    built = read_built_id(file)
    if value and built and built != value:
        yield (
            f"{VARIABLE} is {value!r}, but the build wrote {built!r} into {file}; the variable "
            "wins, so that the image runs as another release than it was built as."
        )
    if file and ".git" in file.parts:
        yield f"the release id is read from {file}, which changes with every commit and checkout."


def find_late_names() -> Iterator[str]:
    """Yield why a manifest name of the project's own may be made at run time."""
    found = find_backend()
    if not is_stock_manifest(found) or found.manifest_name == NAME:
        return
    owner = next(each for each in found.__mro__ if "manifest_name" in vars(each))
    for module in find_modules(owner.__module__, settings.SETTINGS_MODULE or ""):
        if asks_git(module):
            yield (
                f"{found.__name__}.manifest_name is {found.manifest_name!r}, and {module.__name__} "
                "asks git while it is imported: if the name comes from there, it is another one "
                "after a checkout, and there is none where there is no git, as in an image."
            )


def is_stock_manifest(found: Any) -> bool:
    """Return whether a class keeps a manifest and is none of this package's."""
    is_manifest = isinstance(found, type) and issubclass(found, ManifestFilesMixin)
    return is_manifest and not is_release_backend(found)


def read_first_environment() -> dict[str, str]:
    """Return the environment that the process was started with; empty where it cannot be had."""
    try:
        content = Path("/proc/self/environ").read_bytes()
    except OSError:
        return {}
    lines = (os.fsdecode(line).partition("=") for line in content.split(b"\0") if line)
    return {name: value for name, _, value in lines}


def read_built_id(file: Path | None) -> str:
    """Return the id that the build wrote into the file, if it wrote one."""
    try:
        return read_release_file(file) if file else ""
    except ReleaseIdError:
        return ""


def find_modules(storage: str, configuration: str) -> Iterator[ModuleType]:
    """Yield the storage's module and that of the settings; all of a package called settings."""
    package = configuration.rpartition(".")[0]
    for name, module in sorted(sys.modules.items()):
        beside = package.endswith("settings") and name.startswith(f"{package}.")
        if beside or name in (storage, configuration):
            yield module


def asks_git(module: ModuleType) -> bool:
    """Return whether the source of a module runs git, imports it or reads its files."""
    try:
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    except (AttributeError, OSError, ValueError, SyntaxError):
        return False
    return any(is_about_git(node) for node in ast.walk(tree))


def is_about_git(node: ast.AST) -> bool:
    """Return whether a piece of source is a command of git, a file of git or a library for it."""
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in GIT_LIBRARIES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in GIT_LIBRARIES
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        value = node.value
        return value in ("git", ".git") or value.startswith("git ") or ".git/" in value
    return False
