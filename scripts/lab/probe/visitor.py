"""One visit: every page of a site, breadth first, and everything that each page names, to the end.

A file is requested once a visit, as by a browser with its cache, but its relation to every page
that needs it is written down: the same file may fit one page and not the next.
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
    from lab.probe.javascript import ImportMap
    from lab.probe.site import Site


@dataclass(frozen=True, slots=True)
class Got:
    """What one request of this visit brought, by its id in the history."""

    number: int
    answer: Answer
    document: Document


@dataclass(slots=True, kw_only=True)
class Need:
    """What one page needs, while it is followed."""

    page: Fetch
    number: int
    import_map: ImportMap
    reused: list[Reuse] = field(default_factory=list)


class Visit:
    """One visitor's walk over a site.

    Args:
        site: what to walk over.
        client: the HTTP of this visitor.
        documents: reads what comes.
        history: where each fetch is written.
        visitor: who it is.
        stopping: whether to end as soon as the next answer has come.
        ending: whether to end with the page that the visitor is at.
        manners: how visitors of this site behave.
    """

    def __init__(
        self,
        site: Site,
        client: Client,
        documents: Documents,
        history: History,
        visitor: str,
        *,
        stopping: Callable[[], bool] = lambda: False,
        ending: Callable[[], bool] = lambda: False,
        manners: Manners | None = None,
    ) -> None:
        self.site = site
        self.manners = manners or Manners(site)
        self.client = client
        self.documents = documents
        self.history = history
        self.visitor = visitor
        self.stopping = stopping
        self.ending = ending
        self.pages: deque[tuple[Link, str | None, int]] = deque()
        """Those that are still to be visited; none, when the visit is complete."""
        self.depth = 0
        self.known: set[str] = set()
        self.variants: Counter[str] = Counter()
        self.got: dict[str, Got] = {}
        self.hops: dict[str, int] = {}
        self.fetches: list[Fetch] = []

    def run(self) -> None:
        """Visit every page, up to the bounds, unless the visit is to end before."""
        for url in self.site.entrances():
            self.enqueue(Link(url, "seed", page=True), None)
        while self.pages and not (self.stopping() or self.ending()):
            link, via, self.depth = self.pages.popleft()
            self.visit_page(link, via)

    def enqueue(self, link: Link, via: str | None) -> None:
        """Plan to visit a page, unless it is known, no page of the site, or beyond a bound."""
        limits, path = self.site.limits, link.url.partition("?")[0]
        depth = 0 if via is None else self.depth + 1
        if link.url in self.known or depth > limits.depth:
            return
        if len(self.known) >= limits.pages or self.variants[path] >= limits.queries:
            return
        if not self.manners.admits_page(link.url):
            return
        self.known.add(link.url)
        self.variants[path] += 1
        self.pages.append((link, via, depth))

    def visit_page(self, link: Link, via: str | None) -> None:
        """Fetch a page through its redirects, then everything that it names."""
        chain = set()
        end = self.client.clock() + self.site.limits.total
        for _hop in range(self.site.limits.redirects):
            chain.add(link.url)
            got = self.fetch_page(link, via, end)
            if got is None:
                return
            page, number, body = got
            target = page.answer.redirected_to
            if target is None or not self.manners.admits_page(target):
                self.follow(page, number, body)
                return
            if target in self.known and target not in chain:
                return  # a page of its own in this visit
            self.known.add(target)
            link, via = Link(target, link.how, page=True), link.url
        self.write_failure(link, via, "other: redirects without end")

    def fetch_page(
        self, link: Link, via: str | None, end: float
    ) -> tuple[Fetch, int, bytes] | None:
        """Fetch a page until a moment; return the fetch, its id in the history and the body.

        None where nobody can say what it would have been.
        """
        t = self.history.now()
        answer, body = self.client.get(link.url, excerpt=True, end=end)
        if self.manners.has_unseen(link.url, answer):
            return None
        page = self.make_fetch(t, link, via, answer)
        return page, self.write(page), body

    def write_failure(self, link: Link, via: str | None, error: str) -> None:
        """Write down that a page could not be fetched."""
        answer = Answer(error=error)
        t = self.history.now()
        self.write(self.make_fetch(t, link, via, answer))

    def follow(self, page: Fetch, number: int, body: bytes) -> None:
        """Fetch everything that a page names, and what that names, until nothing is left."""
        document = self.documents.read(page, body)
        need = Need(page=page, number=number, import_map=document.import_map)
        if document.cut:
            self.manners.miss(page.url, document.cut)
        links = self.manners.arrange(self.iterate_links(document, need, page.how))
        queue = deque((link, page.url) for link in links)
        seen: set[str] = set()
        while queue and not self.stopping():
            link, via = queue.popleft()
            if link.page and via == page.url:
                self.enqueue(link, via)
            elif not link.page and link.url not in seen and self.manners.admits_asset(link, via):
                seen.add(link.url)
                got = self.obtain(link, via, need)
                if got is not None and len(queue) < self.site.limits.queue:
                    queue.extend(
                        (child, link.url) for child in self.iterate_children(got, link, need)
                    )
        self.history.add_reuse(page, need.reused)

    def iterate_children(self, got: Got, link: Link, need: Need) -> Iterator[Link]:
        """Yield what an asset leads to: by a redirect, and by what it names."""
        target = got.answer.redirected_to
        if target and self.hops.get(link.url, 0) < self.site.limits.redirects:
            self.hops.setdefault(target, self.hops.get(link.url, 0) + 1)
            self.manners.vouch(target)
            yield Link(target, link.how)
        yield from self.iterate_links(got.document, need, link.how)

    def iterate_links(self, document: Document, need: Need, how: str) -> Iterator[Link]:
        """Yield the links of a file; its imports mean what the page's import map says.

        A classic script cannot import statically: what looks so would be a syntax error.
        """
        yield from document.links
        for wanted in document.imports:
            if how != "script" or wanted.how == "js-dynamic":
                url = need.import_map.resolve(wanted)
                if url:
                    yield Link(url, wanted.how)

    def obtain(self, link: Link, via: str, need: Need) -> Got | None:
        """Return what this visit has of an asset; fetch it when it has nothing yet."""
        known = self.got.get(link.url)
        if known is None:
            return self.fetch_asset(link, via, need)
        source = need.number if via == need.page.url else self.got[via].number
        need.reused.append(Reuse(known.number, link.how, source))
        t = self.history.now()
        fetch = self.make_fetch(t, link, via, known.answer, need.page, cached=True)
        self.fetches.append(fetch)
        return known

    def fetch_asset(self, link: Link, via: str, need: Need) -> Got | None:
        """Fetch an asset, unless this visit has fetched as many as it may."""
        if len(self.got) >= self.site.limits.assets:
            return None
        t = self.history.now()
        answer, body = self.client.get(link.url)
        if self.manners.has_unseen(link.url, answer):
            return None
        self.manners.prove(link.url, answer)
        fetch = self.make_fetch(t, link, via, answer, need.page)
        number = self.write(fetch)
        document = self.documents.read(fetch, body)
        if document.cut:
            self.manners.miss(link.url, document.cut)
        got = self.got[link.url] = Got(number, answer, document)
        return got

    def make_fetch(
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
        how, visitor = link.how, self.visitor
        return Fetch(
            t=t,
            role=role,
            url=link.url,
            page=owner,
            via=via,
            how=how,
            release=release,
            visitor=visitor,
            answer=answer,
            cached=cached,
        )

    def write(self, fetch: Fetch) -> int:
        """Write a fetch into the history; return its id there."""
        self.fetches.append(fetch)
        return self.history.add_fetch(fetch)
