"""What changes from v1 to v2 is what app/releases/README.md says, and each file has its page."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import requests

    Pages = dict[str, dict[str, requests.Response]]
    Records = dict[str, dict[str, Any]]

RELEASES = Path(__file__).parents[3] / "app" / "releases"
KINDS = ("unchanged", "changed", "added", "removed", "renamed")
HEAD = "| kind | files | used in v1 by | used in v2 by |\n|---|---|---|---|\n"
STATIC_URL = re.compile(r"/static/([^\s\"'<>()#]+)")
# In a stylesheet: url(), @import and the source map. In a script: the source map.
REFERENCE = re.compile(r"url\(\"([^\"]+)\"\)|@import \"([^\"]+)\"|sourceMappingURL=(\S+)")
SIZE = re.compile(r"-(\d+)\.")
# Every page of the shop itself, so that the table need not list them.
SHOP = re.compile(r"/(?!admin/|sitemap)")


def tree(release: str) -> dict[str, str]:
    """Return the digest of every static file of a release, by name."""
    root = RELEASES / release / "static"
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def differences() -> list[tuple[str, str | None, str | None]]:
    """Return kind, name in v1 and name in v2 of every file."""
    old, new = tree("v1"), tree("v2")
    gone = {digest: name for name, digest in old.items() if name not in new}
    rows: list[tuple[str, str | None, str | None]] = []
    for name, digest in new.items():
        if name in old:
            rows.append(("unchanged" if old[name] == digest else "changed", name, name))
        elif digest in gone:
            rows.append(("renamed", gone[digest], name))
        else:
            rows.append(("added", None, name))
    moved = {before for _, before, _ in rows}
    return rows + [("removed", name, None) for name in old if name not in moved]


def reached(release: str, name: str, seen: set[str]) -> None:
    """Add a file, and all that it names, to what is seen."""
    if name in seen:
        return
    seen.add(name)
    file = RELEASES / release / "static" / name
    if file.suffix in (".css", ".js"):
        for groups in REFERENCE.findall(file.read_text("utf-8")):
            target = (file.parent / "".join(groups)).resolve()
            reached(release, target.relative_to(RELEASES / release / "static").as_posix(), seen)


def users(release: str, pages: Pages, records: Records) -> dict[str, list[str]]:
    """Return the pages that use each file of a release, directly or not."""
    names = {asset: name for name, asset in records[release]["paths"].items()}
    found: dict[str, list[str]] = defaultdict(list)
    for path, page in sorted(pages[release].items()):
        seen: set[str] = set()
        for asset in STATIC_URL.findall(page.text):
            if not names[asset].startswith("admin/"):
                reached(release, names[asset], seen)
        for name in seen:
            found[name].append(path)
    return found


def in_words(paths: list[str], every: list[str]) -> str:
    """Return a list of pages as the table writes it."""
    if set(every) <= set(paths):
        rest = [path for path in paths if path not in every]
        return " and ".join(["every page of the shop", *rest])
    products = [path for path in every if path.startswith("/products/")]
    if set(products) <= set(paths):
        return ", ".join([*(p for p in paths if p not in products), "every product"])
    return ", ".join(paths)


def files_in_words(files: list[tuple[str | None, str | None]]) -> str:
    """Return files as the table writes them: the sizes of one picture together."""
    sizes: dict[str, list[str]] = defaultdict(list)
    for before, after in sorted(files, key=str):
        moved = before and after and before != after
        name = f"`{before}` → `{after}`" if moved else f"`{before or after}`"
        size = SIZE.search(name)
        sizes[SIZE.sub("-#.", name)] += [size[1]] if size else []
    return ", ".join(
        name.replace("#", in_braces(found)) if found else name for name, found in sizes.items()
    )


def in_braces(sizes: list[str]) -> str:
    """Return one size as it is, and several as a shell would take them."""
    return sizes[0] if len(sizes) == 1 else "{" + ",".join(sizes) + "}"


def table(pages: Pages, records: Records) -> str:
    """Return the table of the README, made from the trees and the pages."""
    old, new = (users(release, pages, records) for release in ("v1", "v2"))
    every = sorted(path for path in pages["v1"] if SHOP.match(path))
    groups: dict[tuple[int, str, str], list[tuple[str | None, str | None]]] = defaultdict(list)
    for kind, before, after in differences():
        in_v1 = in_words(old[before], every) if before else "no page"
        in_v2 = in_words(new[after], every) if after else "no page"
        groups[(KINDS.index(kind), in_v1, in_v2)].append((before, after))
    lines = [
        f"| {KINDS[kind]} | {files_in_words(files)} | {in_v1} | {in_v2} |\n"
        for (kind, in_v1, in_v2), files in sorted(groups.items())
    ]
    return HEAD + "".join(lines)


def test_the_readme_has_the_table_of_differences(pages: Pages, records: Records) -> None:
    expected = table(pages, records)
    readme = (RELEASES / "README.md").read_text("utf-8")
    assert expected in readme, f"app/releases/README.md is stale; its table is now:\n\n{expected}"


def test_there_are_files_of_every_kind() -> None:
    assert {kind for kind, _, _ in differences()} == set(KINDS)


@pytest.mark.parametrize("release", ["v1", "v2"])
def test_every_file_of_a_release_is_used_by_a_page_of_it(
    pages: Pages, records: Records, release: str
) -> None:
    unused = set(tree(release)) - set(users(release, pages, records))
    assert not unused


def test_what_went_is_used_by_some_pages_of_v1_but_not_by_the_home_page(
    pages: Pages, records: Records
) -> None:
    used = users("v1", pages, records)
    # Only what a template names can break a page; what a stylesheet names was settled at publish.
    named = {name for name in used if not name.startswith(("fonts/", "img/waves"))}
    gone = {
        before for kind, before, _ in differences() if kind in ("removed", "renamed") and before
    }
    broken = {path for name in gone & named for path in used[name]}
    assert broken == {"/about/", "/cart/", "/products/moon-jar/"}


def test_releases_are_of_a_realistic_size() -> None:
    for release in ("v1", "v2"):
        root = RELEASES / release / "static"
        total = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        assert 500_000 < total < 3 * 2**20
