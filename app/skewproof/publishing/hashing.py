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
import posixpath
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.contrib.staticfiles.utils import matches_patterns
from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.base import ContentFile

from skewproof.publishing.content import Content, Shelf
from skewproof.publishing.references import substitute
from skewproof.stores.store import md5

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Mapping

HASH_LENGTH = 12
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
        new = {key: self._keep(key, self._storage.read_copy(key)) for key in plain}
        visit_depth_first(self._adjustable, self._adjust)
        new |= dict.fromkeys(self._adjustable, True)
        return [(self._sources[key], self.names[key], is_new) for key, is_new in new.items()]

    def _adjust(self, key: str) -> list[str]:
        """Put hashed names into one file; return what must have its hashed name before."""
        source = self._storage.read_source(key)
        text = source.decode("utf-8")
        rewritten = self._rewritten(self._sources[key], text)
        wanted = self.names.take_wanted()
        if not wanted:
            is_same = rewritten == text
            self._keep(
                key,
                self._storage.read_copy(key, source)
                if is_same
                else self._storage.shelf.keep(rewritten.encode()),
            )
        return wanted

    def _rewritten(self, name: str, content: str) -> str:
        """Return the content of a file with its references replaced, pattern by pattern."""
        _, path = self._paths[name]
        for extension, patterns in self._storage._patterns.items():
            if matches_patterns(path, (extension,)):
                for pattern, template, *ignored in patterns:
                    convert = self._converter(name, template, content, ignored)
                    content = substitute(pattern, convert, content)
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

    def _keep(self, key: str, content: Content) -> bool:
        """Name a file by its content; return whether no other file has that name."""
        storage: Any = self._storage
        hashed = storage.clean_name(storage.hashed_name(self._sources[key], content))
        if hashed in self._paths:
            raise UnusualError(hashed)
        self.names.add(key, hashed)
        return self._storage.add_asset(hashed, content)


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
    """Hashes what is in it in one pass; its directory must be empty at first.

    Sources stay where they lie. Where the pass finds a circle or a reference that leads nowhere,
    Django's own passes have the last word, so that it fails as Django does, or does not.

    Attributes:
        sources: Where each collected file lies, by source name.
        assets: The files by hashed name.
        shelf: Holds what has been rewritten.
    """

    _patterns: dict[str, list[tuple[Any, ...]]]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.sources: dict[str, str] = {}
        self.assets: dict[str, Content] = {}
        self.shelf = Shelf(Path(self.location).with_name("rewritten"))
        self._copies: dict[str, Content] = {}
        self._urls: dict[str, str] = {}

    def stage(self, name: str, source: str) -> None:
        """Have a file in here that stays where it lies."""
        self.sources[self.clean_name(name)] = source

    def read_source(self, name: str) -> bytes:
        """Return the bytes of a collected file."""
        with open(self.sources[name], "rb", buffering=0) as file:  # noqa: PTH123 - see Content
            return file.read()

    def read_copy(self, name: str, source: bytes | None = None) -> Content:
        """Return the content of a collected file, whose bytes may be known."""
        if name not in self._copies:
            path = self.sources[name]
            found = Content.of_file(path) if source is None else Content.of(source, path)
            self._copies[name] = found
        return self._copies[name]

    def add_asset(self, name: str, content: Content) -> bool:
        """Keep a content under a hashed name; return False if there is one already."""
        if ".." in name or name.startswith("/"):
            super().path(name)  # raises for a name that leads out of the directory
        if name in self.assets:
            return False
        self.assets[name] = content
        return True

    def _url(self, function: Any, name: str, force: bool = False, hashed_files: Any = None) -> str:
        """Return Django's URL of a reference; a plain one is final once nothing waits."""
        key = posixpath.normpath(name)
        if key in self._urls and is_plain(name):
            return self._urls[key]
        found = str(super()._url(function, name, force, hashed_files))  # type: ignore[misc] # untyped
        if isinstance(hashed_files, Names) and not hashed_files.wanted and is_plain(name):
            self._urls[key] = found
        return found

    def file_hash(self, name: str, content: Any = None) -> Any:
        """Return the hash of a content, which is the begin of its MD5."""
        if isinstance(content, Content):
            return content.digest[:HASH_LENGTH]
        return super().file_hash(name, content)

    def exists(self, name: str) -> bool:
        """Return whether a file is in here, wherever it lies."""
        return self.clean_name(name) in self.sources or super().exists(name)

    def path(self, name: str | os.PathLike[str]) -> str:
        """Return the path of a file for whoever wants to see it: that of a copy."""
        path, key = super().path(name), self.clean_name(os.fspath(name))
        source = self.sources.get(key, path)
        if source != path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self.sources[key] = shutil.copyfile(source, path)
        return path

    def _open(self, name: str, mode: str = "rb") -> Any:
        """Open a file where it lies, if it is only to be read."""
        source = self.sources.get(self.clean_name(name))
        if source is None or mode != "rb":
            return super()._open(name, mode)  # type: ignore[misc] # untyped
        return File(open(source, mode))  # noqa: PTH123 - as Django does

    def delete(self, name: str) -> None:
        """Forget a file, and delete its copy in here; its source stays."""
        self.sources.pop(self.clean_name(name), None)
        super().delete(name)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Copy a file that does not lie on the disk."""
        name = super().save(name, content, max_length)
        self.stage(name, super().path(name))
        return name

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
        self._urls.clear()
        for name in self.sources:
            self.path(name)
        for name, hashed, processed in super().post_process(dict(paths)):
            if cycle and isinstance(processed, RuntimeError):
                yield name, hashed, RuntimeError(str(cycle))
            else:
                yield name, hashed, processed
        find = super().path
        self.assets = {name: Content.of_file(find(name)) for name in self.hashed_files.values()}


def is_plain(reference: str) -> bool:
    """Return whether a reference is the path of a file and nothing else."""
    return not ("#" in reference or "?" in reference or reference.endswith("/"))


@functools.cache
def begins_md5() -> bool:
    """Return whether Django's hash of a content is the begin of its MD5, as it has always been."""
    data = b"skewproof"
    found = ManifestStaticFilesStorage.file_hash(cast("Any", None), "", ContentFile(data))
    return bool(found == md5(data)[:HASH_LENGTH])


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
    bases = (StagingStorage if is_stock(cls) and begins_md5() else NamingStorage, cls)
    # ADR 29: the class of the project is not known before. An intermediate file is in no manifest,
    # and would be published as an unhashed copy.
    return type("LocalStorage", bases, {"keep_intermediate_files": False})
