"""What the names of assets tell of releases that nobody has a record of.

A release has one manifest, and a manifest one name for each file. So pages of one release that name
two versions of a file did not both read their own release's manifest. Which release a page is of,
the page has to say; otherwise a new name may be the gotcha, or may be the next release.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.hashed import find_hash, source_of

from .evidence import Judged, broken, describe_need, has_come, iterate_assets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.history import Fetch, Run


def changed_names(run: Run) -> set[str]:
    """Return the files, by their URLs without a hash, that had more than one name."""
    urls: defaultdict[str, set[str]] = defaultdict(set)
    for _index, fetch in _named_assets(run):
        urls[source_of(fetch.url)].add(_path(fetch))
    return {source for source, names in urls.items() if len(names) > 1}


def one_name_a_release(run: Run) -> Iterator[Judged]:
    """Judge every asset whose name changed: within a release it stays what it was at first."""
    changed = changed_names(run)
    first: dict[tuple[str | None, str], str] = {}
    for _index, fetch in _named_assets(run):
        first.setdefault((fetch.release, source_of(fetch.url)), _path(fetch))
    for index, fetch in _named_assets(run):
        source = source_of(fetch.url)
        if source not in changed:
            continue
        if fetch.release is None:
            yield Judged(index, doubt=_doubt(source))
        elif first[fetch.release, source] == _path(fetch):
            yield Judged(index)
        else:
            yield _second_name(index, run, fetch, first)


def _named_assets(run: Run) -> Iterator[tuple[int, Fetch]]:
    """Yield the assets under hashed names that are Django's: the hash is that of the body."""
    for index, fetch in iterate_assets(run):
        said = find_hash(_path(fetch))
        if said and has_come(fetch) and (fetch.answer.md5 or "").startswith(said):
            yield index, fetch


def _path(fetch: Fetch) -> str:
    return urlsplit(fetch.url).path


def _doubt(source: str) -> str:
    return (
        f"{urlsplit(source).path} had more than one name, and no answer says of which release its "
        "page is: tell how to know by --release-header or --release-pattern"
    )


def _second_name(
    index: int, run: Run, fetch: Fetch, first: Mapping[tuple[str | None, str], str]
) -> Judged:
    name, own = _path(fetch), first[fetch.release, source_of(fetch.url)]
    owner = next((release for (release, _), other in first.items() if other == name), None)
    sentence = (
        f"{describe_need(run, fetch)} answered {fetch.answer.status}, but is "
        f"{f'what {owner} has' if owner else 'another version'} of what pages of {fetch.release} "
        f"had as {own} before; it should have been that"
    )
    kind = f"{owner or 'another'}'s {fetch.how}"
    return broken(index, run, fetch, kind=kind, came=name, expected=own, sentence=sentence)
