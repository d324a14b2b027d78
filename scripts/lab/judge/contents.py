"""Checkers of what came: whose it is, whether it is whole, and of which type.

Without a record, names tell of releases: a release has one manifest, and a manifest one name for
each file. So pages of one release that name two versions of a file did not both read their own
release's manifest. Which release a page is of, the page has to say; otherwise a new name may be the
gotcha, or may be the next release.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab.judge.evidence import (
    Judged,
    asset_name,
    broken,
    describe_need,
    display_asset,
    has_come,
    is_foreign,
    iterate_assets,
    static_of,
)
from lab.judge.mime import find_misfit
from lab.judge.names import find_hash, remove_hash, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.history import Fetch, Record, Run


def asset_of_release(run: Run) -> Iterator[Judged]:
    """Judge every static file that came: the page's release must have been built with it."""
    if not run.records:
        yield from one_name_a_release(run)
        return
    for index, fetch in iterate_assets(run):
        name = asset_name(run, fetch.url)
        if name is None or not has_come(fetch):
            continue
        record = run.records.get(fetch.release or "")
        if record is None:
            yield Judged(index, doubt=_doubt_release(fetch))
        elif name not in record.assets:
            if not (is_foreign(run) and (name in record.paths or not find_hash(name))):
                yield _wrong_name(index, run, fetch, name, record)
        elif record.assets[name].sha256 is None:
            yield Judged(index)  # a manifest knows names only; the body is for the next checker
        elif fetch.answer.sha256 is None:
            yield Judged(index, doubt=f"{name} was too big to be compared with its record")
        elif fetch.answer.sha256 != record.assets[name].sha256:
            yield _wrong_body(index, run, fetch, name, record)
        else:
            yield Judged(index)


def excuse_without_records(run: Run) -> str | None:
    """Return why nothing can be said of releases: a foreign site has no records.

    Then only a file whose name changes while one looks says something.
    """
    if run.records or not run.header or run.header.action != "probe" or changed_names(run):
        return None
    return "no record says what a release consists of"


def _doubt_release(fetch: Fetch) -> str:
    if fetch.release:
        return f"no record of release {fetch.release}"
    return f"no answer named the release of {fetch.page or fetch.url}"


def _wrong_name(index: int, run: Run, fetch: Fetch, name: str, record: Record) -> Judged:
    """Return the fault of an asset that the page's release was not built with."""
    owner, source = _find_owner(run, name)
    own = record.paths.get(source or remove_hash(name))
    came = f"{owner}'s {name}" if owner else f"{name}, which no release was built with"
    whose = record.release or "the manifest"
    expected = f"{whose}'s {own}" if own else f"no such file in {whose}"
    sentence = (
        f"{describe_need(run, fetch)} answered {fetch.answer.status}, but is "
        f"{f'of {owner}' if owner else 'of no release'}; it should have been {expected}"
    )
    kind = f"{owner or 'no release'}'s {fetch.how}"
    return broken(index, run, fetch, kind=kind, came=came, expected=expected, sentence=sentence)


def _wrong_body(index: int, run: Run, fetch: Fetch, name: str, record: Record) -> Judged:
    """Return the fault of an asset whose body is not that of the record."""
    digest, wanted = fetch.answer.sha256 or "", record.assets[name].sha256 or ""
    owner = next(
        (
            f"{other.release}'s {other_name}"
            for other in run.records.values()
            for other_name, asset in other.assets.items()
            if asset.sha256 == digest
        ),
        "no release's",
    )
    came, expected = f"sha256 {digest[:12]}… ({owner})", f"sha256 {wanted[:12]}…"
    need = describe_need(run, fetch)
    sentence = f"{need} came with the body {came}; it should have been {expected}"
    return broken(
        index, run, fetch, kind="another body", came=came, expected=expected, sentence=sentence
    )


def _find_owner(run: Run, name: str) -> tuple[str | None, str | None]:
    """Return a release that was built with an asset, and the asset's source name."""
    for record in run.records.values():
        for source, hashed in record.paths.items():
            if hashed == name:
                return record.release, source
    return None, None


def body_matches_hash(run: Run) -> Iterator[Judged]:
    """Judge every hashed asset that came: its name was made from its body."""
    for index, fetch, said in _hashed_assets(run):
        came = (fetch.answer.md5 or "")[:12]
        if came == said:
            yield Judged(index)
            continue
        need = describe_need(run, fetch)
        sentence = f"{need} came with a body of hash {came}; by its name it should have been {said}"
        kind = display_asset(run, fetch.url)
        yield broken(index, run, fetch, kind=kind, came=came, expected=said, sentence=sentence)


def excuse_other_hashes(run: Run) -> str | None:
    """Return why names say nothing of bodies: they are plain, or a foreign site's hashes."""
    if run.records:
        names = (name for record in run.records.values() for name in record.assets)
        return None if any(map(find_hash, names)) else "names carry no hash"
    if not run.header or run.header.action != "probe":
        return None
    hashed = _hashed_assets(run)
    if any((fetch.answer.md5 or "").startswith(said) for _index, fetch, said in hashed):
        return None
    return "no name carries Django's hash of its body"


def _hashed_assets(run: Run) -> Iterator[tuple[int, Fetch, str]]:
    """Yield the assets that came whole under a hashed name, with the hash that the name says."""
    for index, fetch in iterate_assets(run):
        knows = static_of(run) or run.prefixes
        name = asset_name(run, fetch.url) if knows else urlsplit(fetch.url).path
        said = find_hash(name or "")
        if said and has_come(fetch) and fetch.answer.md5:
            yield index, fetch, said


def mime_fits(run: Run) -> Iterator[Judged]:
    """Judge the Content-Type of every asset that came, by the rules of browsers."""
    for index, fetch in iterate_assets(run):
        answer = fetch.answer
        if not has_come(fetch):
            continue
        expected = find_misfit(answer.content_type, fetch.how, fetch.url, nosniff=answer.nosniff)
        if expected is None:
            yield Judged(index)
            continue
        came = answer.content_type or "no Content-Type"
        sentence = f"{describe_need(run, fetch)} came as {came}; it should have come as {expected}"
        yield broken(index, run, fetch, kind=came, came=came, expected=expected, sentence=sentence)


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
