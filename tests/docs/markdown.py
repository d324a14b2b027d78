"""What a Markdown file names: links, pictures, code, blocks of code, tables, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable("table")
PROMPT = "$ "


@dataclass(frozen=True)
class Fence:
    """A block of code: its language, what it says, and the line that it begins on."""

    language: str
    content: str
    line: int

    @property
    def commands(self) -> list[str]:
        """The command lines: those after a prompt, or every line of a block that is a script."""
        lines = self.content.replace("\\\n", " ").splitlines()
        if self.language == "console":
            return [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
        if self.language == "sh":
            return [line for line in lines if line.strip() and not line.startswith("#")]
        return []


@dataclass(frozen=True)
class Document:
    """A Markdown file; `path` is relative to the checkout."""

    path: Path
    text: str

    @cached_property
    def tokens(self) -> list[Token]:
        """Everything that the parser found, in order."""
        return PARSER.parse(self.text)

    def inline(self) -> Iterator[Token]:
        """Yield what stands inside paragraphs, headings and cells."""
        for token in self.tokens:
            yield from token.children or ()

    @property
    def targets(self) -> list[str]:
        """The targets of links and pictures, those in HTML too."""
        found = [
            str(token.attrs.get("href") or token.attrs.get("src"))
            for token in self.inline()
            if token.type in ("link_open", "image")
        ]
        html = "".join(
            token.content
            for token in (*self.tokens, *self.inline())
            if token.type in ("html_block", "html_inline")
        )
        return found + re.findall(r'(?:src|href)="([^"]+)"', html)

    @property
    def codes(self) -> list[str]:
        """What stands between backticks."""
        return [token.content for token in self.inline() if token.type == "code_inline"]

    @property
    def fences(self) -> list[Fence]:
        """The blocks of code."""
        return [
            Fence(token.info.strip(), token.content, (token.map or [0])[0] + 1)
            for token in self.tokens
            if token.type == "fence"
        ]

    @property
    def anchors(self) -> set[str]:
        """The anchors that GitHub gives to the headings."""
        return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in self.headings}

    @property
    def headings(self) -> list[str]:
        """The headings, without their marks."""
        return [
            plain(after)
            for token, after in zip(self.tokens, self.tokens[1:], strict=False)
            if token.type == "heading_open"
        ]

    @property
    def rows(self) -> list[list[str]]:
        """The rows of all tables; the source of each cell."""
        rows: list[list[str]] = []
        for token, after in zip(self.tokens, self.tokens[1:], strict=False):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                rows[-1].append(after.content)
        return rows

    def section(self, heading: str) -> Document:
        """Return the part below a heading, up to the next one of its level or above."""
        found = re.search(rf"^(#+) {re.escape(heading)}$", self.text, re.MULTILINE)
        if not found:
            raise LookupError(f"{self.path} has no section {heading}")
        level = len(found[1])
        rest = self.text[found.end() :]
        end = re.search(rf"^#{{1,{level}}} ", blank_fences(rest), re.MULTILINE)
        return Document(self.path, rest[: end.start()] if end else rest)


def plain(token: Token) -> str:
    """Return a heading's words, without emphasis and backticks."""
    return "".join(child.content for child in token.children or ())


def blank_fences(text: str) -> str:
    """Return the text with its blocks of code blanked: a comment in one looks like a heading."""
    return re.sub(
        r"^```.*?^```$", lambda found: " " * len(found[0]), text, flags=re.MULTILINE | re.DOTALL
    )


def marked_part(text: str, begin: str, end: str, command: str) -> str:
    """Return what a command writes into a text, marks and all.

    Raises:
        LookupError: there is no such part, or more than one.
    """
    found: list[str] = re.findall(f"{re.escape(begin)}.*?{re.escape(end)}", text, re.DOTALL)
    if len(found) != 1:
        raise LookupError(f"README.md has {len(found)} parts marked as the table of {command}")
    return found[0]
