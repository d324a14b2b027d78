"""The local directory in which the files of a release are collected and hashed."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

from skewproof.hashing import Pass, UnusualError
from skewproof.references import CycleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from django.core.files import File


@dataclass(frozen=True)
class Written:
    """A file in the directory, and the hash that was taken while it was written."""

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


class StagingStorage(ManifestStaticFilesStorage):
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
        self.copies: dict[str, Written] = {}
        self.assets: dict[str, Path] = {}
        self._directories: set[str] = set()

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:  # noqa: ARG002 - Django's signature
        """Copy a file, in parts, and take its hash from the same reading."""
        name = self.clean_name(str(name))
        self.copies[name] = self._write(name, content)
        return name

    def add_asset(self, name: str, content: Written | File[bytes]) -> bool:
        """Keep a content under a hashed name; return False if there is one already."""
        self.path(name)  # raises for a name that leads out of the directory
        if name in self.assets:
            return False
        written = content if isinstance(content, Written) else self._write(name, content)
        self.assets[name] = written.path
        return True

    def file_hash(self, name: str, content: Any = None) -> Any:
        """Return the hash of a content, which for a written file is known."""
        return content.hash if isinstance(content, Written) else super().file_hash(name, content)

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

    def _write(self, name: str, content: File[bytes]) -> Written:
        path = Path(self.path(name))
        directory = str(path.parent)
        if directory not in self._directories:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._directories.add(directory)
        with path.open("xb") as target:
            copying: Any = Copying(content, target)
            return Written(path, super().file_hash(name, copying))


def is_stock(cls: type[ManifestStaticFilesStorage]) -> bool:
    """Return whether a class has all methods from Django, and differs in attributes at most."""
    stock = ManifestStaticFilesStorage
    return all(
        inspect.getattr_static(cls, name, None) is value
        for name in dir(stock)
        for value in [inspect.getattr_static(stock, name)]
        if not name.startswith("__") and (callable(value) or hasattr(value, "__get__"))
    )
