"""HTML as its elements, one after another, in a time and a memory that grow with its length only.

A parser that builds the tree of https://html.spec.whatwg.org/multipage/parsing.html cannot promise
that: formatting elements that nobody closes are opened again in every paragraph. What a page names
stands in its tags, so tags are all that is read, by the rules of the standard's tokenizer
(docs/adr/0040).
"""

from __future__ import annotations

import html
import re
from html.entities import html5
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

RAW = ("iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp")
"""Elements whose content is text. What is in `<noscript>` counts, for some visitors load it."""
ENDS = {name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE) for name in RAW}
FOREIGN = ("svg", "math")
"""Elements in which a tag may close itself."""
ATTRIBUTES = 500
"""Attributes of one element that are read."""

TAG_NAME = re.compile(r"/?[A-Za-z][^\t\n\f\r />]*")
BETWEEN = re.compile(r"[\t\n\f\r /]*")
NAME = re.compile(r"=?[^\t\n\f\r />=]*")
EQUALS = re.compile(r"[\t\n\f\r ]*=[\t\n\f\r ]*")
UNQUOTED = re.compile(r"[^\t\n\f\r >]*")
COMMENT_END = re.compile(r"--!?>")
REFERENCE = re.compile(r"&(?:#[0-9]{1,9};?|#[xX][0-9a-fA-F]{1,9};?|[A-Za-z][A-Za-z0-9]*;?)")

Attributes = dict[str, str]


class Element(NamedTuple):
    """A start tag, and the text in the element where that is no markup."""

    tag: str
    attributes: Attributes
    text: str


def iterate_elements(text: str) -> Iterator[Element]:
    """Yield the elements of a page in their order.

    What has no end, such as a comment, goes to the end of the page.
    """
    position, foreign = 0, 0
    while (position := text.find("<", position)) >= 0:
        named = TAG_NAME.match(text, position + 1)
        if named is None:
            position = skip_other(text, position, foreign)
            continue
        tag = named[0].lower()
        attributes, position = scan_attributes(text, named.end())
        if not position:
            return
        closes_itself = text[position - 2] == "/" and foreign > 0
        foreign += (tag in FOREIGN and not closes_itself) - (tag[1:] in FOREIGN and foreign > 0)
        if tag.startswith("/"):
            continue
        content = ""
        if tag in RAW and not closes_itself:
            end = ENDS[tag].search(text, position)
            stop = end.start() if end else len(text)
            content, position = text[position:stop], stop
        yield Element("img" if tag == "image" and not foreign else tag, attributes, content)


def skip_other(text: str, position: int, foreign: int) -> int:
    """Return where the markup goes on after a `<` that begins no tag."""
    if text.startswith("<!--", position):
        end = COMMENT_END.search(text, position + 2)
        return end.end() if end else len(text)
    if foreign and text.startswith("<![CDATA[", position):
        return find_mark(text, "]]>", position)
    if text[position + 1 : position + 2] in ("!", "?", "/"):
        return find_mark(text, ">", position)
    return position + 1


def find_mark(text: str, mark: str, position: int) -> int:
    """Return where the text goes on after a mark; its end, where there is none."""
    found = text.find(mark, position)
    return found + len(mark) if found >= 0 else len(text)


def scan_attributes(text: str, position: int) -> tuple[Attributes, int]:
    """Return the attributes of a tag and where it ends; 0 for a tag that does not."""
    found: Attributes = {}
    while True:
        position = match_end(BETWEEN, text, position)
        if position >= len(text):
            return found, 0
        if text[position] == ">":
            return found, position + 1
        begin, position = position, match_end(NAME, text, position)
        name, value = text[begin:position].lower(), ""
        if equals := EQUALS.match(text, position):
            value, position = read_value(text, equals.end())
            if not position:
                return found, 0
        if len(found) < ATTRIBUTES:
            found.setdefault(name, value)


def read_value(text: str, position: int) -> tuple[str, int]:
    """Return the value of an attribute and where it ends; 0 where it does not."""
    quote = text[position : position + 1]
    if quote and quote in "\"'":
        end = text.find(quote, position + 1)
        return decode_references(text[position + 1 : end]), end + 1
    end = match_end(UNQUOTED, text, position)
    return decode_references(text[position:end]), end


def match_end(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where a pattern ends that matches at a position, and if it is nothing."""
    found = pattern.match(text, position)
    return found.end() if found else position


def decode_references(value: str) -> str:
    """Return the value of an attribute without its character references."""
    return REFERENCE.sub(decode_reference, value) if "&" in value else value


def decode_reference(found: re.Match[str]) -> str:
    """Return the character that is meant; in `?a&copy=b` it is none."""
    said = found[0]
    if said.startswith("&#"):
        return html.unescape(said)
    is_query = not said.endswith(";") and found.string[found.end() : found.end() + 1] == "="
    return said if is_query else html5.get(said[1:], said)
