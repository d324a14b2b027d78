"""What goes with an object, as the libraries of Google and Azure name what HTTP calls headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skewproof.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from skewproof.stores.store import Headers

HEADERS = {
    "cache_control": "Cache-Control",
    "content_disposition": "Content-Disposition",
    "content_encoding": "Content-Encoding",
    "content_language": "Content-Language",
    "content_type": "Content-Type",
}
UNKNOWN = "application/octet-stream"


def name_headers(headers: Headers) -> dict[str, Any]:
    """Return headers by the libraries' names, without a type that only says that none is known."""
    return {
        name: headers[header]
        for name, header in HEADERS.items()
        if headers.get(header, UNKNOWN) != UNKNOWN
    }


def find_headers(parameters: Mapping[str, Any]) -> Headers:
    """Return the headers that parameters ask for."""
    return {
        header: str(parameters[name])
        for name, header in HEADERS.items()
        if parameters.get(name) is not None
    }


def refuse_unknown(parameters: Mapping[str, Any], is_known: Callable[[str], bool]) -> None:
    """Raise OptionError for what the library would leave out in silence."""
    unknown = ", ".join(name for name in sorted(parameters) if not is_known(name))
    if unknown:
        raise OptionError(
            f"publishing cannot send {unknown} (option object_parameters), which the storage's "
            "library does not know; take it out"
        )
