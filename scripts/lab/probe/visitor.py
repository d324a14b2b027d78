"""One visit: every page of a site, breadth first, and everything that each page names, to the end.

A file is requested once a visit, as by a browser with its cache, but its relation to every page
that needs it is recorded: the same file may fit one page and not the next.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.history import Answer, Fetch, Reuse
from lab.probe.links import Link
from lab.probe.manners import Manners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.history import History, Role
    from lab.probe.client import Client
    from lab.probe.documents import Document, Documents
    from lab.probe.importmap import ImportMap
    from lab.probe.site import Site


@dataclass(frozen=True, slots=True)
class _Got:
    """What one request of this visit brought, by its id in the history."""

    number: int
    answer: Answer
    document: Document


@dataclass(slots=True)
class _Need:
    """What one page needs, while it is followed."""

    page: Fetch
    number: int
    import_map: ImportMap
    reused: list[Reuse] = field(default_factory=list)


class Visit:
    """One visitor's walk over a site."""

    def __init__(
        self,
        site: Site,
        client: Client,
        documents: Documents,
        history: History,
        visitor: str,
        *,
        stopping: Callable[[], bool] = lambda: False,
        manners: Manners | None = None,
    ) -> None:
        self._site = site
        self._manners = manners or Manners(site)
        self._client = client
        self._documents = documents
        self._history = history
        self._visitor = visitor
        self._stopping = stopping
        self._pages: deque[tuple[Link, str | None, int]] = deque()
        self._depth = 0
        self._known: set[str] = set()
        self._variants: Counter[str] = Counter()
        self._got: dict[str, _Got] = {}
        self.fetches: list[Fetch] = []

    def run(self) -> None:
        """Visit every page, until there are no more, the bound is reached or the probe stops."""
        for url in self._site.entrances():
            self._enqueue(Link(url, "seed", page=True), None)
        while self._pages and not self._stopping():
            link, via, self._depth = self._pages.popleft()
            self._visit_page(link, via)

    def _enqueue(self, link: Link, via: str | None) -> None:
        """Plan to visit a page, unless it is known, no page of the site, or beyond a bound."""
        limits, path = self._site.limits, link.url.partition("?")[0]
        depth = 0 if via is None else self._depth + 1
        if link.url in self._known or depth > limits.depth:
            return
        if len(self._known) >= limits.pages or self._variants[path] >= limits.queries:
            return
        if not self._manners.admits_page(link.url):
            return
        self._known.add(link.url)
        self._variants[path] += 1
        self._pages.append((link, via, depth))

    def _visit_page(self, link: Link, via: str | None) -> None:
        """Fetch a page through its redirects, then everything that it names."""
        chain = set()
        for _hop in range(self._site.limits.redirects):
            chain.add(link.url)
            page, number, body = self._fetch_page(link, via)
            target = page.answer.redirected_to
            if target is None or not self._manners.admits_page(target):
                self._follow(page, number, body)
                return
            if target in self._known and target not in chain:
                return  # a page of its own in this visit
            self._known.add(target)
            link, via = Link(target, link.how, page=True), link.url
        self._fail(link, via, "other: redirects without end")

    def _fetch_page(self, link: Link, via: str | None) -> tuple[Fetch, int, bytes]:
        t = self._history.now()
        answer, body = self._client.get(link.url, excerpt=True)
        page = self._fetch(t, link, via, answer)
        return page, self._write(page), body

    def _fail(self, link: Link, via: str | None, error: str) -> None:
        answer = Answer(error=error)
        t = self._history.now()
        self._write(self._fetch(t, link, via, answer))

    def _follow(self, page: Fetch, number: int, body: bytes) -> None:
        """Fetch everything that a page names, and what that names, until nothing is left."""
        document = self._documents.read(page, body)
        need = _Need(page, number, document.import_map)
        self._manners.notice(document.links)
        queue = deque((link, page.url) for link in self._links_of(document, need, page.how))
        seen: set[str] = set()
        while queue and not self._stopping():
            link, via = queue.popleft()
            if link.page and via == page.url:
                self._enqueue(link, via)
            elif not link.page and link.url not in seen and self._manners.admits_asset(link):
                seen.add(link.url)
                got = self._obtain(link, via, need)
                if got is not None:
                    queue.extend((child, link.url) for child in self._children_of(got, link, need))
        self._history.reuse(page, need.reused)

    def _children_of(self, got: _Got, link: Link, need: _Need) -> Iterator[Link]:
        if got.answer.redirected_to:
            self._manners.vouch(got.answer.redirected_to)
            yield Link(got.answer.redirected_to, link.how)
        yield from self._links_of(got.document, need, link.how)

    def _links_of(self, document: Document, need: _Need, how: str) -> Iterator[Link]:
        """Yield the links of a file; its imports mean what the page's import map says.

        A classic script cannot import statically: what looks so would be a syntax error.
        """
        yield from document.links
        for wanted in document.imports:
            if how != "script" or wanted.how == "js-dynamic":
                url = need.import_map.resolve(wanted)
                if url:
                    yield Link(url, wanted.how)

    def _obtain(self, link: Link, via: str, need: _Need) -> _Got | None:
        """Return what this visit has of an asset; fetches it when it has nothing yet."""
        known = self._got.get(link.url)
        if known is None:
            return self._fetch_asset(link, via, need)
        source = need.number if via == need.page.url else self._got[via].number
        need.reused.append(Reuse(known.number, link.how, source))
        t = self._history.now()
        fetch = self._fetch(t, link, via, known.answer, need.page, cached=True)
        self.fetches.append(fetch)
        return known

    def _fetch_asset(self, link: Link, via: str, need: _Need) -> _Got | None:
        if len(self._got) >= self._site.limits.assets:
            return None
        t = self._history.now()
        answer, body = self._client.get(link.url)
        fetch = self._fetch(t, link, via, answer, need.page)
        number = self._write(fetch)
        got = self._got[link.url] = _Got(number, answer, self._documents.read(fetch, body))
        return got

    def _fetch(
        self,
        t: float,
        link: Link,
        via: str | None,
        answer: Answer,
        page: Fetch | None = None,
        *,
        cached: bool = False,
    ) -> Fetch:
        """Return a fetch of an asset for a page, or of a page itself."""
        role: Role = "asset" if page else "page"
        owner, release = (page.url, page.release) if page else (link.url, answer.release)
        how, visitor = link.how, self._visitor
        return Fetch(t, role, link.url, owner, via, how, release, visitor, answer, cached)

    def _write(self, fetch: Fetch) -> int:
        self.fetches.append(fetch)
        return self._history.fetch(fetch)
