"""Which Content-Type a browser takes for what: strictest for stylesheets and module scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://mimesniff.spec.whatwg.org/#javascript-mime-type
_JAVASCRIPT = frozenset(
    {"application/ecmascript", "application/javascript", "application/x-ecmascript"}
    | {"application/x-javascript", "text/ecmascript", "text/javascript", "text/jscript"}
    | {"text/livescript", "text/x-ecmascript", "text/x-javascript"}
    | {f"text/javascript1.{minor}" for minor in range(6)}
)
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_MODULES = frozenset({"module", "modulepreload", "js-import", "js-dynamic", "import-map"})
_STYLESHEETS = frozenset({"stylesheet", "css-import"})
_MAY_BE_PAGES = frozenset(
    {"object", "preload", "js-url", "attribute", "meta"} | {"a", "area", "iframe", "frame"}
)
"""Ways of naming a file that may well be HTML."""

EXTENSIONS: Mapping[str, str] = {
    "css": "css", "js": "javascript", "mjs": "javascript", "cjs": "javascript",
    "svg": "svg", "json": "json", "wasm": "wasm", "html": "html", "htm": "html",
    "png": "image", "jpg": "image", "jpeg": "image", "gif": "image", "webp": "image",
    "avif": "image", "ico": "image", "bmp": "image",
}  # fmt: skip


def read_essence(content_type: str | None) -> str:
    """Return `text/css` of `text/css; charset=utf-8`; empty when no type came."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_html(essence: str) -> bool:
    """Say whether a type is that of a page."""
    return essence in _HTML


def is_javascript(essence: str) -> bool:
    """Say whether a type is one of JavaScript's sixteen."""
    return essence in _JAVASCRIPT


def find_misfit(content_type: str | None, how: str, url: str, *, nosniff: bool) -> str | None:
    """Return the type that should have come, or None where a browser takes what came.

    Args:
        content_type: as it was served.
        how: how the file was named, as in a fetch.
        url: its URL; the extension says what a picture or a data file is.
        nosniff: whether `X-Content-Type-Options: nosniff` came with it.
    """
    essence, extension = read_essence(content_type), _extension_of(url)
    kind = EXTENSIONS.get(extension)
    if how in _STYLESHEETS:
        kind = "css"
    elif how in _MODULES and kind not in ("json", "css", "wasm"):
        kind = "javascript"
    elif how == "script":
        return _classic_misfit(essence, nosniff=nosniff)
    return _misfit(kind, essence, how)


def _extension_of(url: str) -> str:
    name = urlsplit(url).path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _misfit(kind: str | None, essence: str, how: str) -> str | None:
    fits = {
        "css": essence == "text/css",
        "javascript": essence in _JAVASCRIPT,
        "svg": essence == "image/svg+xml",
        "json": essence in ("application/json", "text/json") or essence.endswith("+json"),
        "wasm": essence == "application/wasm",
        # pictures are told by their bytes, https://mimesniff.spec.whatwg.org/#rules-for-sniffing-images-specifically
        "image": essence.startswith("image/") or essence in _UNTOLD,
        "html": True,
        None: not is_html(essence) or how in _MAY_BE_PAGES,
    }
    return None if fits[kind] else _NAMES.get(kind, "anything but a page")


def _classic_misfit(essence: str, *, nosniff: bool) -> str | None:
    """Judge a classic script: a browser runs most types unless nosniff came, but no HTML.

    https://fetch.spec.whatwg.org/#should-response-to-request-be-blocked-due-to-mime-type?
    """
    blocked = essence.startswith(("image/", "audio/", "video/")) or essence == "text/csv"
    if essence not in _JAVASCRIPT and (nosniff or blocked or is_html(essence)):
        return _NAMES["javascript"]
    return None


_UNTOLD = ("", "application/octet-stream", "binary/octet-stream")
_NAMES: Mapping[str | None, str] = {
    "css": "text/css",
    "javascript": "text/javascript",
    "svg": "image/svg+xml",
    "json": "application/json",
    "wasm": "application/wasm",
    "image": "an image type",
}
