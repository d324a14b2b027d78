"""The bytes of one file: where they lie, and that they are still those that were hashed.

Sources are read where they lie, and what is sent is read once more: so a build that still writes
into them must not change what a name promises.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from skewproof.errors import SkewproofError
from skewproof.stores.store import md5

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAPPED = 64 * 2**10  # bytes; what threads read from here on, malloc would keep for each of them
LARGE = 2**20  # bytes; what is larger is hashed in parts
KEPT = 16 * 2**20  # bytes of rewritten files that stay in memory


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    Attributes:
        source: The path of a file with these bytes, or the bytes themselves.
        size: How many bytes they are.
        digest: Their MD5.
    """

    source: str | bytes
    size: int
    digest: str

    @classmethod
    def of(cls, data: bytes, source: str | None = None) -> Content:
        """Return the content of bytes, which may lie in a file as well."""
        return cls(data if source is None else source, len(data), md5(data))

    @classmethod
    def of_file(cls, path: str) -> Content:
        """Return the content of a file, of which a part at a time is in memory."""
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs more than that
            if os.fstat(file.fileno()).st_size < LARGE:
                return cls.of(file.read(), path)
            digest = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False))
            return cls(path, file.tell(), digest.hexdigest())

    def read(self) -> bytes:
        """Return the bytes.

        Raises:
            SkewproofError: They are no more what they were.
        """
        with self.open() as data:
            return bytes(data)

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Yield the bytes; a large file is mapped, and takes no memory.

        Raises:
            SkewproofError: They are no more what they were.
        """
        if isinstance(self.source, bytes):
            yield self.source
            return
        with open(self.source, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            is_large = self.size >= MAPPED
            data: Any = map_file(file.fileno()) if is_large else file.read()
        try:
            if len(data) != self.size or md5(data) != self.digest:
                raise SkewproofError(
                    f"{self.source} was changed while it was being published; no manifest was "
                    "written, and every other release is as it was: publish when the build is done"
                )
            yield data
        finally:
            if isinstance(data, mmap.mmap):
                with suppress(BufferError):  # a failed request may still hold it
                    data.close()


def map_file(number: int) -> mmap.mmap | bytes:
    """Return an open file as bytes that are read when they are looked at."""
    try:
        return mmap.mmap(number, 0, access=mmap.ACCESS_READ)
    except ValueError:  # it has become empty
        return b""


class Shelf:
    """Contents that no source has: kept in memory up to a limit, and from there on in files.

    Args:
        directory: Where the files come; it is made when there are any.
        limit: Bytes in memory.
    """

    def __init__(self, directory: Path, limit: int = KEPT) -> None:
        self._directory = directory
        self._free = limit
        self._files = 0

    def keep(self, data: bytes) -> Content:
        """Return the content of bytes, wherever they are from now on."""
        if len(data) <= self._free:
            self._free -= len(data)
            return Content.of(data)
        self._directory.mkdir(exist_ok=True)
        self._files += 1
        path = self._directory / str(self._files)
        path.write_bytes(data)
        return Content.of(data, str(path))
