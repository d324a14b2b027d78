"""Hashed names and contents that are Django's own, in one pass instead of up to six.

Django writes every stylesheet and script anew, pass after pass, until no name changes any more.
Here a file is hashed once, after all that it refers to, which ends in the same names: there is
only one way to name files that do not refer to each other in a circle. The rules (what is a
reference, what it becomes, how a name is made) are not repeated here: Django's own methods are
called for each of them.
"""

from __future__ import annotations

import functools
import inspect
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.contrib.staticfiles.utils import matches_patterns
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    from django.core.files import File


Result = tuple[str, str, bool]
"""Source name, asset name, and whether that was new; as Django's collectstatic wants it."""


class UnusualError(Exception):
    """What Django makes of the files depends on the order in which it writes them."""


class CycleError(Exception):
    """Files refer to each other in a circle, so that each name would hold the hash of the next."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"{' -> '.join(names)}: files that refer to each other in a circle have no hashed "
            "names, since each would depend on the other; take one of these references out"
        )
        self.names = names


class Names(dict[str, str]):
    """Asset names by source name; it keeps in mind which one was asked for before it has its own.

    Attributes:
        later: The source names that will be hashed, but are not yet.
        wanted: Those of them that were asked for, each once.
    """

    def __init__(self, later: Iterable[str]) -> None:
        super().__init__()
        self.later = set(later)
        self.wanted: dict[str, None] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return the asset name; for one that comes later the source name, as a stand-in."""
        if name in self.later:
            self.wanted[name] = None
            return name
        return super().get(name, default)

    def add(self, name: str, hashed: str) -> None:
        """Give a source name its asset name."""
        self[name] = hashed
        self.later.discard(name)

    def take_wanted(self) -> list[str]:
        """Return what was asked for too early, and forget it."""
        wanted, self.wanted = list(self.wanted), {}
        return wanted


def visit_depth_first(names: Iterable[str], attempt: Callable[[str], Iterable[str]]) -> None:
    """Attempt every name until it succeeds; those that it waits for come first.

    It needs no recursion, however long a chain of references is, and one attempt's content at a
    time is in memory.

    Args:
        names: Where to begin.
        attempt: Works on one name; returns the names that must be done before, none when it is
            done itself.

    Raises:
        CycleError: A name waits for itself.
    """
    done: set[str] = set()
    for first in names:
        waiting = [first]
        opened: dict[str, None] = {}  # the way from the first name to this one
        while waiting:
            name = waiting[-1]
            if name in done:
                waiting.pop()
                continue
            opened[name] = None
            before = list(attempt(name))
            for wanted in before:
                if wanted in opened:
                    raise CycleError(cut_circle(wanted, opened))
            waiting += before
            if not before:
                done.add(waiting.pop())
                del opened[name]


def cut_circle(name: str, opened: Iterable[str]) -> list[str]:
    """Return the way from a name to itself."""
    way = list(opened)
    return [*way[way.index(name) :], name]


class Pass:
    """One depth-first pass over the files that were collected.

    Memory holds the content of one file at a time, and of that only if it may have references.

    Attributes:
        names: The asset name of every source name that has one by now.
    """

    def __init__(self, storage: StagingStorage, paths: Mapping[str, Any]) -> None:
        """Prepare the pass.

        Args:
            storage: Holds the files, and has Django's methods.
            paths: By source name, where the file came from: its storage, and its path in there.
        """
        self._storage = storage
        self._paths = paths
        by_depth = sorted(paths, key=lambda name: name.count(os.sep), reverse=True)
        self._sources = {storage.clean_name(name): name for name in by_depth}
        adjustable = {name: matches_patterns(name, storage._patterns) for name in by_depth}
        self._adjustable = [key for key, name in self._sources.items() if adjustable[name]]
        self.names = Names(self._adjustable)

    def run(self) -> list[Result]:
        """Hash all files, and return them in Django's order.

        Raises:
            CycleError: Files refer to each other in a circle.
            UnusualError: Only Django can tell what comes of it.
            ValueError: A reference leads nowhere, or a file with references is not UTF-8.
        """
        plain = [key for key in self._sources if key not in self.names.later]
        new = {key: self._keep(key) for key in plain}
        visit_depth_first(self._adjustable, self._adjust)
        new |= dict.fromkeys(self._adjustable, True)
        return [(self._sources[key], self.names[key], is_new) for key, is_new in new.items()]

    def _adjust(self, key: str) -> list[str]:
        """Put hashed names into one file; return what must have its hashed name before."""
        name = self._sources[key]
        source = self._storage.copies[key].path.read_bytes().decode("utf-8")
        content = self._rewritten(name, source)
        wanted = self.names.take_wanted()
        if not wanted:
            self._keep(key, None if content == source else ContentFile(content.encode()))
        return wanted

    def _rewritten(self, name: str, content: str) -> str:
        """Return the content of a file with its references replaced, pattern by pattern."""
        _, path = self._paths[name]
        for extension, patterns in self._storage._patterns.items():
            if matches_patterns(path, (extension,)):
                for pattern, template, *ignored in patterns:
                    convert = self._converter(name, template, content, ignored)
                    content = pattern.sub(convert, content)
        return content

    def _converter(
        self, name: str, template: str, content: str, ignored: list[re.Pattern[str]]
    ) -> Callable[[re.Match[str]], str]:
        """Return Django's converter, made when something matches, as most patterns never do.

        Args:
            name: The file whose references are replaced.
            template: How a reference is written.
            content: The content of the file.
            ignored: What must not be looked into; since Django 6 every pattern brings one along.
        """
        storage: Any = self._storage

        @functools.cache
        def converter() -> Callable[[re.Match[str]], str]:
            blocks = [storage.get_ignored_blocks(content, each) for each in ignored]
            made: Callable[[re.Match[str]], str] = storage.url_converter(
                name, self.names, template, *blocks
            )
            return made

        return lambda match: converter()(match)

    def _keep(self, key: str, changed: ContentFile[bytes] | None = None) -> bool:
        """Name a file by its content; return whether no other file has that name."""
        storage = self._storage
        content: Any = changed or storage.copies[key]
        hashed = storage.clean_name(storage.hashed_name(self._sources[key], content))
        if hashed in self._paths:
            raise UnusualError(hashed)
        self.names.add(key, hashed)
        return storage.add_asset(hashed, content)


@dataclass(frozen=True)
class StagedFile:
    """A file in the directory, and the hash that was taken while it was written."""

    path: Path
    hash: str | None


class CopiedContent:
    """Content that is copied while Django's hash reads it."""

    def __init__(self, content: File[bytes], target: BinaryIO) -> None:
        self._content = content
        self._target = target

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in parts, each of them written already."""
        for chunk in self._content.chunks():
            self._target.write(chunk)
            yield chunk


class NamingStorage(ManifestStaticFilesStorage):
    """Says which file it is whose reference leads out of the directory."""

    def url_converter(self, name: str, *args: Any, **options: Any) -> Any:
        """Return Django's converter, with an error that Django reports as that of the file."""
        convert = super().url_converter(name, *args, **options)

        def naming(match: re.Match[str]) -> str:
            try:
                return str(convert(match))
            except SuspiciousFileOperation as error:
                raise ValueError(
                    f"{name}: the reference {match['url']!r} leads above the root of the static "
                    "files; mend it, or take it out"
                ) from error

        return naming


class StagingStorage(NamingStorage):
    """Hashes what is saved to it in one pass; its directory must be empty at first.

    Where that pass finds a circle or a reference that leads nowhere, Django's own passes have the
    last word, so that it fails as Django does, or does not.

    Attributes:
        copies: The collected files by source name.
        assets: The files by hashed name. What has no references is not written a second time.
    """

    _patterns: dict[str, list[tuple[Any, ...]]]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.copies: dict[str, StagedFile] = {}
        self.assets: dict[str, Path] = {}
        self._directories: set[str] = set()

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:  # noqa: ARG002 - Django's signature
        """Copy a file, in parts, and take its hash from the same reading."""
        name = self.clean_name(str(name))
        self.copies[name] = self._write(name, content)
        return name

    def add_asset(self, name: str, content: StagedFile | File[bytes]) -> bool:
        """Keep a content under a hashed name; return False if there is one already."""
        self.path(name)  # raises for a name that leads out of the directory
        if name in self.assets:
            return False
        written = content if isinstance(content, StagedFile) else self._write(name, content)
        self.assets[name] = written.path
        return True

    def file_hash(self, name: str, content: Any = None) -> Any:
        """Return the hash of a content, which for a written file is known."""
        return content.hash if isinstance(content, StagedFile) else super().file_hash(name, content)

    def post_process(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Hash the files; yield source name and hashed name of each, in Django's order."""
        if options.get("dry_run"):
            return
        cycle = None
        work = Pass(self, args[0])
        try:
            results = work.run()
        except CycleError as error:
            cycle = error
        except (ValueError, UnusualError):
            pass
        else:
            self.hashed_files = dict(work.names)
            self.save_manifest()
            yield from results
            return
        yield from self._as_django_does(args[0], cycle)

    def _as_django_does(self, paths: Mapping[str, Any], cycle: CycleError | None) -> Iterator[Any]:
        """Let Django's passes decide what is wrong, and how to say it."""
        copies = {copy.path for copy in self.copies.values()}
        for path in self.assets.values():
            if path not in copies:
                path.unlink()
        for name, hashed, processed in super().post_process(dict(paths)):
            if cycle and isinstance(processed, RuntimeError):
                yield name, hashed, RuntimeError(str(cycle))
            else:
                yield name, hashed, processed
        self.assets = {name: Path(self.path(name)) for name in self.hashed_files.values()}

    def _write(self, name: str, content: File[bytes]) -> StagedFile:
        path = Path(self.path(name))
        directory = str(path.parent)
        if directory not in self._directories:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._directories.add(directory)
        with path.open("xb") as target:
            copied: Any = CopiedContent(content, target)
            return StagedFile(path, super().file_hash(name, copied))


def is_stock(cls: type[ManifestStaticFilesStorage]) -> bool:
    """Return whether a class has all methods from Django, and differs in attributes at most."""
    stock = ManifestStaticFilesStorage
    return all(
        inspect.getattr_static(cls, name, None) is value
        for name in dir(stock)
        for value in [inspect.getattr_static(stock, name)]
        if not name.startswith("__") and (callable(value) or hasattr(value, "__get__"))
    )


def add_staging(cls: type[ManifestStaticFilesStorage]) -> type[ManifestStaticFilesStorage]:
    """Return the class with our pass, or with Django's if its methods are not all Django's."""
    bases = (StagingStorage if is_stock(cls) else NamingStorage, cls)
    # ADR 29: the class of the project is not known before. An intermediate file is in no manifest,
    # and would be published as an unhashed copy.
    return type("LocalStorage", bases, {"keep_intermediate_files": False})
