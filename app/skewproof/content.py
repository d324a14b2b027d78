"""What is sent with a file: its type, how long it may be cached, and its bytes."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import mmap
import posixpath
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMMUTABLE = "public, max-age=31536000, immutable"
DEFAULT = "application/octet-stream"
# Python's own table, without what the machine that publishes adds to it. It lacks some of ours.
OTHERS = mimetypes.MimeTypes()
MAPPED = 64 * 2**10  # bytes; what threads read from here on, malloc would keep for each of them
TYPES = {
    ".avif": "image/avif",
    ".css": "text/css",
    ".cur": "image/vnd.microsoft.icon",
    ".eot": "application/vnd.ms-fontobject",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}


@dataclass(frozen=True)
class Upload:
    """One file that is to be in the store under one name."""

    name: str
    file: Path
    headers: dict[str, str] = field(default_factory=dict)
    compress: bool = False

    @cached_property
    def size(self) -> int:
        """Return the bytes of the file, which is ours alone and does not change."""
        return self.file.stat().st_size

    def body(self) -> bytes:
        """Return the bytes as they are stored."""
        content = self.file.read_bytes()
        return gzip.compress(content, mtime=0) if self.compress else content

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Yield the bytes as they are stored; a large file is mapped, and takes no memory."""
        if self.compress or self.size < MAPPED:
            yield self.body()
            return
        with self.file.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            yield content
        finally:
            with suppress(BufferError):  # a failed request may still hold it
                content.close()


def upload(storage: Any, name: str, file: Path, *, hashed: bool) -> Upload:
    """Return the upload of a file, with the headers that the storage's options ask for.

    A hashed name always gets the same Cache-Control: its content can never change.
    """
    headers = {**guessed(name), **storage.asset_headers(name)}
    if hashed:
        headers["Cache-Control"] = IMMUTABLE
    compress = (
        getattr(storage, "gzip", False)
        and "Content-Encoding" not in headers
        and headers["Content-Type"] in storage.gzip_content_types
    )
    if compress:
        headers["Content-Encoding"] = "gzip"
    return Upload(name, file, headers, compress)


def guessed(name: str) -> dict[str, str]:
    """Return type and encoding by the name's ending."""
    known = TYPES.get(posixpath.splitext(name)[1].lower())
    if known:
        return {"Content-Type": known}
    found, encoding = OTHERS.guess_type(name)
    headers = {"Content-Type": found or DEFAULT}
    return {**headers, "Content-Encoding": encoding} if encoding else headers


def md5(content: bytes) -> str:
    """Return the MD5 of the content, which is what S3 gives as ETag."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
