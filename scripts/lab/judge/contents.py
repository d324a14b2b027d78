"""Checkers of the assets that came: their release, their hash and their type.

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
    Judgement,
    blame,
    describe_need,
    display_asset,
    find_static_prefix,
    has_come,
    is_external,
    iterate_assets,
    name_asset,
)
from lab.judge.mime import find_misfit
from lab.judge.names import find_hash, remove_hash, remove_hash_of_url, remove_other_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.history import Fetch, Record, Run


def judge_releases(run: Run) -> Iterator[Judgement]:
    """Judge every static file that came: the page's release must have been built with it."""
    yield from doubt_other_names(run)
    if not run.records:
        yield from judge_names(run)
        return
    for index, fetch in iterate_assets(run):
        name = name_asset(run, fetch.url)
        if name is None or not has_come(fetch):
            continue
        record = run.records.get(fetch.release or "")
        if record is None:
            yield Judgement(index, doubt=doubt_release(fetch))
        elif name not in record.assets:
            if not (is_external(run) and (name in record.paths or not find_hash(name))):
                yield blame_name(index, run, fetch, name, record)
        elif record.assets[name].sha256 is None:
            yield Judgement(index)  # a manifest knows names only; the body is for the next checker
        elif fetch.answer.sha256 is None:
            yield Judgement(index, doubt=f"{name} was too big to be compared with its record")
        elif fetch.answer.sha256 != record.assets[name].sha256:
            yield blame_body(index, run, fetch, name, record)
        else:
            yield Judgement(index)


def excuse_without_records(run: Run) -> str | None:
    """Return why nothing can be said of releases: an external site has no records.

    Then only a file whose name changes while one looks says something.
    """
    if run.records or not run.header or run.header.action != "probe":
        return None
    if find_changed_names(run) or any(doubt_other_names(run)):
        return None
    return "no record says what a release consists of"


def doubt_release(fetch: Fetch) -> str:
    """Return why it is not known which release an asset should be of."""
    if fetch.release:
        return f"no record of release {fetch.release}"
    return f"no answer named the release of {fetch.page or fetch.url}"


def blame_name(index: int, run: Run, fetch: Fetch, name: str, record: Record) -> Judgement:
    """Return the fault of an asset that the page's release was not built with."""
    owner, source = find_owner(run, name)
    own = record.paths.get(source or remove_hash(name))
    came = f"{owner}'s {name}" if owner else f"{name}, which no release was built with"
    whose = record.release or "the manifest"
    expected = f"{whose}'s {own}" if own else f"no such file in {whose}"
    sentence = (
        f"{describe_need(run, fetch)} answered {fetch.answer.status}, but is "
        f"{f'of {owner}' if owner else 'of no release'}; it should have been {expected}"
    )
    kind = f"{owner or 'no release'}'s {fetch.how}"
    return blame(index, run, fetch, kind=kind, came=came, expected=expected, sentence=sentence)


def blame_body(index: int, run: Run, fetch: Fetch, name: str, record: Record) -> Judgement:
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
    return blame(
        index, run, fetch, kind="another body", came=came, expected=expected, sentence=sentence
    )


def find_owner(run: Run, name: str) -> tuple[str | None, str | None]:
    """Return a release that was built with an asset, and the asset's source name."""
    for record in run.records.values():
        for source, hashed in record.paths.items():
            if hashed == name:
                return record.release, source
    return None, None


def judge_bodies(run: Run) -> Iterator[Judgement]:
    """Judge every hashed asset that came: its name was made from its body."""
    for index, fetch, said in iterate_hashed_assets(run):
        came = (fetch.answer.md5 or "")[:12]
        if came == said:
            yield Judgement(index)
            continue
        need = describe_need(run, fetch)
        sentence = f"{need} came with a body of hash {came}; by its name it should have been {said}"
        kind = display_asset(run, fetch.url)
        yield blame(index, run, fetch, kind=kind, came=came, expected=said, sentence=sentence)


def excuse_other_hashes(run: Run) -> str | None:
    """Return why names say nothing of bodies: they are plain, or an external site's hashes."""
    if run.records:
        names = (name for record in run.records.values() for name in record.assets)
        return None if any(map(find_hash, names)) else "names carry no hash"
    if not run.header or run.header.action != "probe":
        return None
    hashed = iterate_hashed_assets(run)
    if any((fetch.answer.md5 or "").startswith(said) for _index, fetch, said in hashed):
        return None
    return "no name carries Django's hash of its body"


def iterate_hashed_assets(run: Run) -> Iterator[tuple[int, Fetch, str]]:
    """Yield the assets that came whole under a hashed name, with the hash that the name says."""
    for index, fetch in iterate_assets(run):
        knows = find_static_prefix(run) or run.prefixes
        name = name_asset(run, fetch.url) if knows else urlsplit(fetch.url).path
        said = find_hash(name or "")
        if said and has_come(fetch) and fetch.answer.md5:
            yield index, fetch, said


def judge_types(run: Run) -> Iterator[Judgement]:
    """Judge the Content-Type of every asset that came, by the rules of browsers."""
    for index, fetch in iterate_assets(run):
        answer = fetch.answer
        if not has_come(fetch):
            continue
        expected = find_misfit(answer.content_type, fetch.how, fetch.url, nosniff=answer.nosniff)
        if expected is None:
            yield Judgement(index)
            continue
        came = answer.content_type or "no Content-Type"
        sentence = f"{describe_need(run, fetch)} came as {came}; it should have come as {expected}"
        yield blame(index, run, fetch, kind=came, came=came, expected=expected, sentence=sentence)


def find_changed_names(run: Run) -> set[str]:
    """Return the files, by their URLs without a hash, that had more than one name."""
    urls: defaultdict[str, set[str]] = defaultdict(set)
    for _index, fetch in iterate_named_assets(run):
        urls[remove_hash_of_url(fetch.url)].add(read_path(fetch))
    return {source for source, names in urls.items() if len(names) > 1}


def judge_names(run: Run) -> Iterator[Judgement]:
    """Judge every asset whose name changed: within a release it stays what it was at first."""
    changed = find_changed_names(run)
    first: dict[tuple[str | None, str], str] = {}
    for _index, fetch in iterate_named_assets(run):
        first.setdefault((fetch.release, remove_hash_of_url(fetch.url)), read_path(fetch))
    for index, fetch in iterate_named_assets(run):
        source = remove_hash_of_url(fetch.url)
        if source not in changed:
            continue
        if fetch.release is None:
            yield Judgement(index, doubt=doubt_name(source))
        elif first[fetch.release, source] == read_path(fetch):
            yield Judgement(index)
        else:
            yield blame_second_name(index, run, fetch, first)


def iterate_named_assets(run: Run) -> Iterator[tuple[int, Fetch]]:
    """Yield the assets under hashed names that are Django's: the hash is that of the body."""
    for index, fetch in iterate_assets(run):
        said = find_hash(read_path(fetch))
        if said and has_come(fetch) and (fetch.answer.md5 or "").startswith(said):
            yield index, fetch


def read_path(fetch: Fetch) -> str:
    """Return the path of an asset's URL."""
    return urlsplit(fetch.url).path


def doubt_other_names(run: Run) -> Iterator[Judgement]:
    """Doubt names with a hash that is not Django's, where one release has several for one file.

    Whether they are of one file nobody can say: `main-BkHsQxTr.js` and `main-C3dlX9aZ.js` are two
    releases of it, `chunk-BkHsQxTr.js` and `chunk-C3dlX9aZ.js` two files. What one page names at
    once are two files, for a page has one manifest; then only what the same page names by turns
    is in doubt. See docs/adr/0041.
    """
    if not is_external(run):
        return
    views: defaultdict[tuple[str | None, str], dict[View, set[str]]] = defaultdict(dict)
    for _index, fetch in iterate_assets(run):
        stem = find_stem(fetch)
        if stem and fetch.page:
            view = (fetch.visitor, fetch.page)
            views[fetch.release, stem].setdefault(view, set()).add(read_path(fetch))
    for (_release, stem), seen in views.items():
        if varies(seen):
            yield Judgement(doubt=doubt_hash(stem))


View = tuple[str, str]
"""A visitor, and the page that it looked at."""


def varies(seen: Mapping[View, set[str]]) -> bool:
    """Say whether names may be two versions of one file."""
    if all(len(names) == 1 for names in seen.values()):
        return len(set().union(*seen.values())) > 1
    by_page: dict[str, set[str]] = {}
    return any(names != by_page.setdefault(page, names) for (_, page), names in seen.items())


def find_stem(fetch: Fetch) -> str | None:
    """Return what a name is without its hash, where that is another's than Django's."""
    path = read_path(fetch)
    said = find_hash(path)
    if not has_come(fetch) or (said and (fetch.answer.md5 or "").startswith(said)):
        return None
    return remove_hash(path) if said else remove_other_hash(path)


def doubt_hash(stem: str) -> str:
    """Return why it is not known whether a name with another's hash is a fault."""
    return (
        f"{stem} had more than one hash, which is not Django's, in one release: they may be two "
        "files, or two releases of one"
    )


def doubt_name(source: str) -> str:
    """Return why it is not known whether a file's new name is a fault."""
    return (
        f"{urlsplit(source).path} had more than one name, and no answer says of which release its "
        "page is: tell how to know by --release-header or --release-pattern"
    )


def blame_second_name(
    index: int, run: Run, fetch: Fetch, first: Mapping[tuple[str | None, str], str]
) -> Judgement:
    """Return the fault of an asset that had another name in its release before."""
    name, own = read_path(fetch), first[fetch.release, remove_hash_of_url(fetch.url)]
    owner = next((release for (release, _), other in first.items() if other == name), None)
    sentence = (
        f"{describe_need(run, fetch)} answered {fetch.answer.status}, but is "
        f"{f'what {owner} has' if owner else 'another version'} of what pages of {fetch.release} "
        f"had as {own} before; it should have been that"
    )
    kind = f"{owner or 'another'}'s {fetch.how}"
    return blame(index, run, fetch, kind=kind, came=name, expected=own, sentence=sentence)
