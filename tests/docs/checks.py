"""What can be wrong in documentation; each check returns one line for each fault that it finds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click
from django.conf import global_settings
from tests.docs.markdown import Document
from tests.docs.project import NAME

from lab.judge.findings import Status
from skewproof import health, release
from skewproof.write_release import COMMITS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.project import Project

# What is written in capitals and is neither a variable nor a setting: methods, states, S3's words.
OTHER_CAPITALS = {
    "AWS_CA_BUNDLE",  # boto3's variables
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",  # OpenSSL's
    "SSL_CERT_FILE",
    "AWS_LOCATION",  # django-storages' settings
    "AWS_S3_FILE_OVERWRITE",
    "ARG",
    "BACKEND",
    "CVS",
    "DELETE",
    "GET",
    "GOOGLE_APPLICATION_CREDENTIALS",  # Google's library reads it
    "HEAD",
    "HUP",
    "OPTIONS",
    "PATH",
    "PUT",
    "RUN",
    "SIGHUP",
    "SIGKILL",
    "SIGTERM",
    "STORAGE_EMULATOR_HOST",  # as well
    "TMPDIR",
}
OWN_SETTINGS = {release.SETTING, health.DRAIN_SETTING}
STARTPROJECT_SETTINGS = {"BASE_DIR"}
# What comes into being: by the lab and make, in the store, in an image, by runserver.
MADE = (".lab/", ".venv/", "static/", "releases/", "app/RELEASE", "app/assets", "app/db.sqlite3")
FILE = re.compile(
    r"[\w.-]+\.(?:cfg|conf|lock|md|py|sh|template|toml|yml)|Makefile|Dockerfile|LICENSE"
)
PATH = re.compile(r"\.?[\w-]+(?:/[\w.*-]+)+/?|[\w-]+/")
# They look like paths, and are images.
IMAGES = {"minio/mc", "minio/minio", "pgsty/silo"}
COMPOSE_COMMANDS = {"build", "config", "create", "down", "logs", "ps", "pull", "stop", "up"}
COMPOSE_OPTIONS = {"-f", "-p", "--progress"}
"""Those that take a value and stand before the command."""


def check_links(document: Document, project: Project) -> Iterator[str]:
    """Find links and pictures that lead nowhere; other people's sites are only looked at."""
    for target in document.targets:
        place, _, anchor = target.partition("#")
        if target.startswith(("https://", "http://127.0.0.1")):
            continue
        path = (project.root / document.path).parent / place
        if "://" in target or not path.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and anchor not in anchors_of(path if place else None, document):
            yield f"the link {target} leads to no heading"


def anchors_of(path: Path | None, document: Document) -> set[str]:
    """Return the anchors of this document, or of another one."""
    return document.anchors if path is None else Document(path, path.read_text()).anchors


def check_paths(document: Document, project: Project) -> Iterator[str]:
    """Find files and folders that are named and not there."""
    for code in document.codes:
        is_path = FILE.fullmatch(code) or PATH.fullmatch(code)
        comes_from_elsewhere = code.startswith(MADE) or code in IMAGES
        if is_path and not comes_from_elsewhere and not project.has(code):
            yield f"there is no {code}"


def check_variables(document: Document, project: Project) -> Iterator[str]:
    """Find variables that nothing reads, and settings that Django does not know."""
    for code in document.codes:
        found = re.fullmatch(rf"({NAME})(?:=\S*)?", code)
        name = found[1] if found and len(found[1]) > 1 else ""
        known = (
            name in project.variables
            or name in project.inner
            or name in Status.__members__
            or name in OTHER_CAPITALS | OWN_SETTINGS | STARTPROJECT_SETTINGS | COMMITS.keys()
            or hasattr(global_settings, name)
        )
        if name and not known:
            yield f"nothing reads {name}"


def check_commands(document: Document, project: Project) -> Iterator[str]:
    """Find commands, targets and options that there are not; in text and in blocks."""
    lines = [line for fence in document.fences for line in fence.commands]
    for line in (*document.codes, *lines):
        for words in split_commands(line):
            yield from check_command(words, project)


def split_commands(line: str) -> Iterator[list[str]]:
    """Yield the commands of a line as words, without what is set before them."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return
    command: list[str] = []
    for word in (*words, ";"):
        if word in ("&&", "||", "|", ";"):
            yield command
            command = []
        elif command or not re.fullmatch(rf"{NAME}=.*", word):
            command.append(word)


def check_command(words: list[str], project: Project) -> Iterator[str]:
    """Find what is wrong with one command, if it is one of ours."""
    if not words:
        return
    program, *arguments = words
    if program == "make":
        yield from check_make(arguments, project)
    elif program in ("lab", ".venv/bin/lab") and arguments:
        yield from check_lab(arguments, project)
    elif program == "docker" and arguments[:1] == ["compose"]:
        yield from check_compose(arguments[1:])


def check_make(arguments: list[str], project: Project) -> Iterator[str]:
    """Find targets that the Makefile lacks, and variables that it does not read."""
    for word in arguments:
        name, equals, _ = word.partition("=")
        if equals and name not in project.variables:
            yield f"make {word}: nothing reads {name}"
        elif not equals and not word.startswith("-") and word not in project.targets:
            yield f"there is no target make {word}"


def check_compose(arguments: list[str]) -> Iterator[str]:
    """Find commands of Docker Compose that it does not have, or that nobody here needs."""
    words = iter(arguments)
    for word in words:
        if word in COMPOSE_OPTIONS:
            next(words, None)
        elif not word.startswith("-"):
            if word not in COMPOSE_COMMANDS:
                yield f"docker compose {word} is not known here"
            return


def check_lab(arguments: list[str], project: Project) -> Iterator[str]:
    """Find what the lab's own parser refuses."""
    name, *rest = arguments
    if name in ("-h", "--help"):
        return
    command = project.commands.get(name)
    if command is None:
        yield f"there is no command lab {name}"
    # A command's bare name in a sentence is no call of it.
    elif rest:
        try:
            command.make_context(name, [*rest]).close()
        except click.exceptions.Exit:
            pass  # --help
        except click.ClickException as error:
            yield f"lab {' '.join(arguments)}: {error.format_message()}"


def check_targets_named(document: Document, project: Project) -> Iterator[str]:
    """Find targets of make that the document does not name."""
    named = named_commands(document)
    for target, text in project.targets.items():
        if text and ("make", target) not in named:
            yield f"make {target} is not in {document.path}"


def check_commands_named(document: Document, project: Project) -> Iterator[str]:
    """Find commands of the lab that the document does not name."""
    named = named_commands(document)
    for command in project.commands:
        if ("lab", command) not in named and (".venv/bin/lab", command) not in named:
            yield f"lab {command} is not in {document.path}"


def named_commands(document: Document) -> set[tuple[str, ...]]:
    """Return the first two words of every command in text and in blocks."""
    lines = (line for fence in document.fences for line in fence.commands)
    return {
        tuple(words[:2]) for code in (*document.codes, *lines) for words in split_commands(code)
    }


def check_variables_listed(document: Document, project: Project) -> Iterator[str]:
    """Find variables that are in no table of the document."""
    listed = {name for row in document.rows for name in re.findall(rf"`({NAME})`", row[0])}
    for variable in sorted(project.variables.keys() - listed):
        yield f"{variable} is in no table of {document.path}"


def check_defaults(document: Document, project: Project) -> Iterator[str]:
    """Find defaults in tables of variables that are not those of the files."""
    for row in document.rows:
        names = re.findall(rf"`({NAME})`", row[0])
        for name in names:
            default = project.variables.get(name)
            if default and f"`{default}`" not in row[1]:
                yield f"the default of {name} is {default}, not {row[1]}"


Check = Callable[["Document", "Project"], Iterator[str]]
CHECKS: tuple[Check, ...] = (check_links, check_paths, check_variables, check_commands)
"""What holds for every document."""
WHOLE: tuple[tuple[str, Check], ...] = (
    ("docs/lab.md", check_targets_named),
    ("docs/lab.md", check_commands_named),
    ("docs/variables.md", check_variables_listed),
    ("docs/variables.md", check_defaults),
)
"""Which document has all of what there is."""
