"""The candidates of a `srcset` or `imagesrcset` attribute, by the algorithm of the HTML standard.

https://html.spec.whatwg.org/multipage/images.html#parsing-a-srcset-attribute
"""

from __future__ import annotations

import re

SPACE = " \t\n\f\r"
_INTEGER = re.compile(r"[0-9]+\Z")
_FLOAT = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")


def parse_srcset(text: str) -> list[str]:
    """Return the URLs of the valid candidates, in order; a browser drops the others too."""
    urls: list[str] = []
    position = 0
    while True:
        position = _skip(text, position, SPACE + ",")
        if position == len(text):
            return urls
        end = _skip_until(text, position, SPACE)
        url, position = text[position:end], end
        if url.endswith(","):
            urls.append(url.rstrip(","))
            continue
        descriptors, position = _read_descriptors(text, _skip(text, position, SPACE))
        if _are_valid(descriptors):
            urls.append(url)


def _skip(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _skip_until(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] not in characters:
        position += 1
    return position


def _read_descriptors(text: str, position: int) -> tuple[list[str], int]:
    """Return the descriptors of one candidate and where the next begins.

    A comma ends the candidate, except within parentheses.
    """
    found, current, inside = [], "", False
    while position < len(text):
        character = text[position]
        position += 1
        if character == "," and not inside:
            break
        if character in SPACE and not inside:
            found.append(current)
            current = ""
            continue
        inside = character == "(" or (inside and character != ")")
        current += character
    found.append(current)
    return [descriptor for descriptor in found if descriptor], position


_VALID: tuple[set[str], ...] = (set(), {"w"}, {"x"}, {"w", "h"})


def _are_valid(descriptors: list[str]) -> bool:
    """Say whether a browser keeps a candidate: at most one width or density, a height beside it."""
    kinds = [_kind_of(descriptor) for descriptor in descriptors]
    return len(set(kinds)) == len(kinds) and set(kinds) in _VALID


def _kind_of(descriptor: str) -> str | None:
    number, unit = descriptor[:-1], descriptor[-1]
    if unit in "wh":
        return unit if _INTEGER.match(number) and number.strip("0") else None
    if unit == "x":
        return unit if _FLOAT.match(number) and float(number) >= 0 else None
    return None
