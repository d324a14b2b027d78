"""What the hosts of a site let robots ask for: robots.txt, read by Protego.

https://www.rfc-editor.org/rfc/rfc9309
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protego import Protego

from lab.probe.links import read_origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.history import Answer

NAME = "skewproof-probe"
"""What a group of robots.txt may call the probe."""
SIZE = 500 * 1024
"""Bytes of a robots.txt that have to be read, by section 2.5."""
NOTHING, EVERYTHING = "", "User-agent: *\nDisallow: /"
"""What is forbidden where there is none (section 2.3.1.3), and where nobody can say (2.3.1.4)."""


class Robots:
    """The robots.txt of each origin, asked for once."""

    def __init__(self, get: Callable[[str], tuple[Answer, bytes]]) -> None:
        self._get = get
        self._known: dict[str, Protego] = {}

    def allow(self, url: str) -> bool:
        """Say whether a URL may be asked for."""
        return self._of(url).can_fetch(url, NAME)

    def delay(self, url: str) -> float:
        """Return the seconds between two requests that the host of a URL asks for."""
        return float(self._of(url).crawl_delay(NAME) or 0.0)

    def _of(self, url: str) -> Protego:
        origin = read_origin(url)
        if origin not in self._known:
            self._known[origin] = Protego.parse(self._fetch(f"{origin}/robots.txt"))
        return self._known[origin]

    def _fetch(self, url: str) -> str:
        answer, content = self._get(url)
        if answer.status is None or answer.status >= 500:
            return EVERYTHING
        return content[:SIZE].decode("utf-8-sig", "replace") if answer.status == 200 else NOTHING
