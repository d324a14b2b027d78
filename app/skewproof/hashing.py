"""Hashed names and contents that are Django's own, in one pass instead of up to six.

Django writes every stylesheet and script anew, pass after pass, until no name changes any more.
Here a file is hashed once, after all that it refers to, which ends in the same names: there is
only one way to name files that do not refer to each other in a circle. The rules (what is a
reference, what it becomes, how a name is made) are not repeated here: Django's own methods are
called for each. Where they fail, or a circle is found, Django's own passes have the last word.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.contrib.staticfiles.utils import matches_patterns
from django.core.files.base import ContentFile

from skewproof.references import CycleError, Names, in_depth_first_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from django.core.files import File

Result = tuple[str, str, bool]


class UnusualError(Exception):
    """Something that depends on the order in which Django writes its files."""


@dataclass(frozen=True)
class Written:
    """A file in the local directory, and the hash that was taken while it was written."""

    path: Path
    hash: str | None


class Copying:
    """Content that is copied while Django's hash reads it."""

    def __init__(self, content: File[bytes], target: BinaryIO) -> None:
        self._content = content
        self._target = target

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in parts, each of them written already."""
        for chunk in self._content.chunks():
            self._target.write(chunk)
            yield chunk


class SinglePassStorage(ManifestStaticFilesStorage):
    """Hashes what is saved to it in one pass; its location must be empty at first.

    Attributes:
        copies: The collected files by source name.
        assets: The files by hashed name. What has no references is not written a second time.
    """

    _patterns: dict[str, list[tuple[Any, ...]]]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.copies: dict[str, Written] = {}
        self.assets: dict[str, Path] = {}
        self._directories: set[str] = set()

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:  # noqa: ARG002 - Django's signature
        """Copy a file, in parts, and take its hash from the same reading."""
        name = str(name)
        self.copies[name] = self._write(name, content)
        return name

    def _write(self, name: str, content: File[bytes]) -> Written:
        path = Path(self.path(name))
        directory = str(path.parent)
        if directory not in self._directories:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._directories.add(directory)
        with path.open("xb") as target:
            copying: Any = Copying(content, target)
            return Written(path, super().file_hash(name, copying))

    def file_hash(self, name: str, content: Any = None) -> Any:
        """Return the hash of a content, which for a written file is known."""
        return content.hash if isinstance(content, Written) else super().file_hash(name, content)

    def post_process(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Yield source name and hashed name of every file, in Django's order."""
        paths: Mapping[str, Any] = args[0]
        cycle = None
        if options.get("dry_run"):
            return
        try:
            results = self._hash(paths)
        except CycleError as error:
            cycle = error
        except (ValueError, UnusualError):
            pass
        else:
            self.save_manifest()
            yield from results
            return
        yield from self._as_django_does(paths, cycle)

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

    def _hash(self, paths: Mapping[str, Any]) -> list[Result]:
        """Hash all files; what has references comes after that which it refers to."""
        by_depth = sorted(paths, key=lambda name: name.count(os.sep), reverse=True)
        adjustable = [name for name in by_depth if matches_patterns(name, self._patterns)]
        names = Names(adjustable)
        results: list[Result] = []
        for name in by_depth:
            if name not in names.later:
                is_new = self._keep(name, self.copies[name], paths, names)
                results.append((name, names[name], is_new))

        def attempt(name: str) -> list[str]:
            return self._adjust(name, paths, names)

        in_depth_first_order(adjustable, attempt)
        self.hashed_files = {name: names[name] for name in by_depth}
        return results + [(name, names[name], True) for name in adjustable]

    def _adjust(self, name: str, paths: Mapping[str, Any], names: Names) -> list[str]:
        """Put hashed names into one file; return what must have its hashed name before."""
        copy = self.copies[name]
        source = copy.path.read_bytes().decode("utf-8")
        content = self._rewritten(name, paths[name][1], source, names)
        wanted = names.take_wanted()
        if not wanted:
            changed = None if content == source else ContentFile(content.encode())
            self._keep(name, copy, paths, names, changed)
        return wanted

    def _rewritten(self, name: str, path: str, content: str, names: Names) -> str:
        """Return the content with its references replaced, by Django's own patterns."""
        for extension, patterns in self._patterns.items():
            if not matches_patterns(path, (extension,)):
                continue
            for pattern, template, *ignored in patterns:
                convert = self._converter(name, names, template, content, *ignored)
                content = pattern.sub(convert, content)
        return content

    def _converter(
        self, name: str, names: Names, template: str, content: str, *ignored: re.Pattern[str]
    ) -> Callable[[re.Match[str]], str]:
        """Return Django's converter, made when something matches, as most patterns never do.

        Args:
            name: The file whose references are replaced.
            names: What they are replaced by.
            template: How a reference is written.
            content: The content of the file.
            ignored: What must not be looked into; since Django 6 every pattern brings one along.
        """

        @functools.cache
        def converter() -> Callable[[re.Match[str]], str]:
            blocks = [self.get_ignored_blocks(content, each) for each in ignored]
            return self.url_converter(name, names, template, *blocks)

        return lambda match: converter()(match)

    def _keep(
        self,
        name: str,
        copy: Written,
        paths: Mapping[str, Any],
        names: Names,
        changed: ContentFile[bytes] | None = None,
    ) -> bool:
        """Name a file by its content; return whether no other file has that name."""
        content: Any = changed or copy
        hashed = self.clean_name(self.hashed_name(name, content))
        self.path(hashed)  # raises for a name that leads out of the directory
        if hashed in paths or "\\" in name:
            raise UnusualError(name)
        names.add(name, hashed)
        if hashed in self.assets:
            return False
        self.assets[hashed] = self._write(hashed, changed).path if changed else copy.path
        return True


def is_stock(cls: type[ManifestStaticFilesStorage]) -> bool:
    """Return whether a class has all methods from Django, and differs in attributes at most."""
    stock = ManifestStaticFilesStorage
    return all(
        inspect.getattr_static(cls, name, None) is value
        for name in dir(stock)
        for value in [inspect.getattr_static(stock, name)]
        if not name.startswith("__") and (callable(value) or hasattr(value, "__get__"))
    )
