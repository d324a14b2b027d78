"""Every page of the demo site, what each must be like, and what the shared manifest makes of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lab.history import Fetch, Record, Run

SITE, ADMIN = "css/site.css", "css/admin.css"

STYLESHEETS: Mapping[str, str | None] = {
    "/": SITE,
    "/about/": SITE,
    "/admin/login/": ADMIN,
    "/cart/": SITE,
    "/catalogue/": SITE,
    "/products/ember-teapot/": SITE,
    "/products/harbour-tumblers/": SITE,
    "/products/lantern-bottle/": SITE,
    "/products/larder-jar/": SITE,
    "/products/moon-jar/": SITE,
    "/products/quayside-mug/": SITE,
    "/products/supper-plates/": SITE,
    "/products/tide-bowl/": SITE,
    "/sitemap.xml": None,
    "/workshop/": SITE,
}
"""Every page of each release, with the stylesheet that makes it look as it should."""

PAGES = tuple(STYLESHEETS)


@dataclass(frozen=True)
class Broken:
    """A page of v1 that answers 500 once v2's manifest has taken the place of v1's."""

    missing: str
    """The source name of a file that v2 has removed or renamed."""


@dataclass(frozen=True)
class Disguised:
    """A page of v1 that answers 200, every URL of it too, and wears v2's stylesheet."""

    stylesheet: str


SHARED: Mapping[str, Broken | Disguised | None] = {
    "/": Disguised(SITE),
    "/about/": Broken("img/wood-kiln-480.jpg"),
    "/admin/login/": Disguised(ADMIN),
    "/cart/": Broken("js/promo.js"),
    "/catalogue/": Disguised(SITE),
    "/products/ember-teapot/": Disguised(SITE),
    "/products/harbour-tumblers/": Disguised(SITE),
    "/products/lantern-bottle/": Disguised(SITE),
    "/products/larder-jar/": Disguised(SITE),
    "/products/moon-jar/": Broken("js/zoom.js"),
    "/products/quayside-mug/": Disguised(SITE),
    "/products/supper-plates/": Disguised(SITE),
    "/products/tide-bowl/": Disguised(SITE),
    "/sitemap.xml": None,  # names no static file
    "/workshop/": Disguised(SITE),
}
"""What v1's processes make of each page when they load the manifest after v2 has been published."""


@dataclass(frozen=True)
class Sight:
    """One page of one release as it was seen, once or many times, with all that it needed."""

    pages: tuple[Fetch, ...]
    assets: tuple[Fetch, ...]

    def names(self) -> set[str]:
        """The assets that the page asked for, by name."""
        return {asset_name(fetch) for fetch in self.assets}


def look_at(run: Run, release: str) -> dict[str, Sight]:
    """Sort what was fetched for the pages of a release by page."""
    fetches: dict[str, list[Fetch]] = {}
    for fetch in run.fetches:
        if fetch.page and fetch.release == release:
            fetches.setdefault(urlsplit(fetch.page).path, []).append(fetch)
    return {
        path: Sight(
            tuple(fetch for fetch in found if fetch.role == "page"),
            tuple(fetch for fetch in found if fetch.role == "asset"),
        )
        for path, found in fetches.items()
    }


def faults(sight: Sight, record: Record) -> list[str]:
    """Say what is wrong with a page of the release that has this record; nothing when it is right.

    This knows nothing of the lab's checkers, so that each can be held against the other.
    """
    wrong = [
        f"the page answered {fetch.answer.status or fetch.answer.error}"
        for fetch in sight.pages
        if fetch.answer.status != 200
    ]
    return wrong + list(asset_faults(sight.assets, record))


def wrong_pages(seen: Mapping[str, Sight], record: Record) -> dict[str, list[str]]:
    """Say what is wrong with each page of the release; all pages must have been seen."""
    return {page: found for page in PAGES if (found := faults(seen[page], record))}


def asset_faults(assets: Iterable[Fetch], record: Record) -> Iterator[str]:
    """Say which assets did not come, are not of the release, or do not fit their names."""
    for fetch in assets:
        name, answer = asset_name(fetch), fetch.answer
        if answer.status != 200:
            yield f"{name} answered {answer.status or answer.error}"
        elif name not in record.assets:
            yield f"{name} is not of {record.release}"
        elif answer.sha256 != record.assets[name].sha256:
            yield f"{name} has another body than {record.release}'s record says"
        elif hash_in(name) != (answer.md5 or "")[:12]:
            yield f"{name} has a body that does not fit its name"


def asset_name(fetch: Fetch) -> str:
    """The name of an asset below /static/."""
    return unquote(urlsplit(fetch.url).path.removeprefix("/static/"))


def hash_in(name: str) -> str:
    """The hash that Django has put into the name of an asset."""
    found = re.search(r"\.([0-9a-f]{12})(\.[^./]+)?$", name)
    assert found, f"{name} is no name of an asset"
    return found[1]


def hash_of(body: bytes) -> str:
    """The hash that Django puts into the name of an asset with this body."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()[:12]
