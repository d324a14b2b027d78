"""Which Content-Type a browser takes for what: strictest for stylesheets and module scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://mimesniff.spec.whatwg.org/#javascript-mime-type
JAVASCRIPT = frozenset(
    {"application/ecmascript", "application/javascript", "application/x-ecmascript"}
    | {"application/x-javascript", "text/ecmascript", "text/javascript", "text/jscript"}
    | {"text/livescript", "text/x-ecmascript", "text/x-javascript"}
    | {f"text/javascript1.{minor}" for minor in range(6)}
)
HTML = frozenset({"text/html", "application/xhtml+xml"})
MODULES = frozenset({"module", "modulepreload", "js-import", "js-dynamic", "import-map"})
STYLESHEETS = frozenset({"stylesheet", "css-import"})
MAY_BE_PAGES = frozenset(
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
    return essence in HTML


def is_javascript(essence: str) -> bool:
    """Say whether a type is one of JavaScript's sixteen."""
    return essence in JAVASCRIPT


def find_misfit(content_type: str | None, how: str, url: str, *, nosniff: bool) -> str | None:
    """Return the type that should have come, or None where a browser takes what came.

    Args:
        content_type: as it was served.
        how: how the file was named, as in a fetch.
        url: its URL; the extension says what a picture or a data file is.
        nosniff: whether `X-Content-Type-Options: nosniff` came with it.
    """
    essence, extension = read_essence(content_type), read_extension(url)
    kind = EXTENSIONS.get(extension)
    if how in STYLESHEETS:
        kind = "css"
    elif how in MODULES and kind not in ("json", "css", "wasm"):
        kind = "javascript"
    elif how == "script":
        return find_classic_misfit(essence, nosniff=nosniff)
    return find_misfit_of_kind(kind, essence, how)


def read_extension(url: str) -> str:
    """Return `css` of a URL that ends in `site.css`; empty where it has no extension."""
    name = urlsplit(url).path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def find_misfit_of_kind(kind: str | None, essence: str, how: str) -> str | None:
    """Return the type that a file of this kind should have come as, or None where it fits."""
    fits = {
        "css": essence == "text/css",
        "javascript": essence in JAVASCRIPT,
        "svg": essence == "image/svg+xml",
        "json": essence in ("application/json", "text/json") or essence.endswith("+json"),
        "wasm": essence == "application/wasm",
        # pictures are told by their bytes, https://mimesniff.spec.whatwg.org/#rules-for-sniffing-images-specifically
        "image": essence.startswith("image/") or essence in UNTOLD,
        "html": True,
        None: not is_html(essence) or how in MAY_BE_PAGES,
    }
    return None if fits[kind] else NAMES.get(kind, "anything but a page")


def find_classic_misfit(essence: str, *, nosniff: bool) -> str | None:
    """Judge a classic script: a browser runs most types unless nosniff came, but no HTML.

    https://fetch.spec.whatwg.org/#should-response-to-request-be-blocked-due-to-mime-type?
    """
    blocked = essence.startswith(("image/", "audio/", "video/")) or essence == "text/csv"
    if essence not in JAVASCRIPT and (nosniff or blocked or is_html(essence)):
        return NAMES["javascript"]
    return None


UNTOLD = ("", "application/octet-stream", "binary/octet-stream")
NAMES: Mapping[str | None, str] = {
    "css": "text/css",
    "javascript": "text/javascript",
    "svg": "image/svg+xml",
    "json": "application/json",
    "wasm": "application/wasm",
    "image": "an image type",
}
