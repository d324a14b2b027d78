"""Our one pass names and fills assets as Django's repeated ones do, and fails as they do."""

from __future__ import annotations

import posixpath
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.skewproof.comparison import (
    CLASSES,
    PACKAGES,
    TREES,
    Aggregating,
    Outcome,
    by_django,
    by_us,
    collecting,
    compare,
    static_folders,
    written,
)

from skewproof.publishing.content import Content
from skewproof.publishing.hashing import CycleError, StagingStorage, add_staging, visit_depth_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.unit.skewproof.comparison import Tree

RELEASES = Path(__file__).parents[3] / "app" / "releases"
GAVE_UP = "Max post-process passes exceeded."


def compare_on(tree: Tree, cls: Any = ManifestStaticFilesStorage, **options: Any) -> Any:
    with written(tree) as directory:
        return compare([directory], cls, **options)


def assert_same(tree: Tree, cls: Any = ManifestStaticFilesStorage, **options: Any) -> Outcome:
    """Compare; return what both came to."""
    djangos, ours = compare_on(tree, cls, **options)
    assert djangos.differences(ours) == []
    result: Outcome = ours
    return result


@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("package", PACKAGES)
def test_a_big_package_is_hashed_as_by_django(package: str, cls: Any) -> None:
    djangos, ours = compare(static_folders(package), cls)
    assert not djangos.error
    assert len(djangos.paths) >= PACKAGES[package]
    assert djangos.differences(ours) == []


@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("release", ["v1", "v2"])
def test_the_demo_is_hashed_as_by_django(release: str, cls: Any) -> None:
    djangos, ours = compare([RELEASES / release / "static"], cls)
    assert djangos.differences(ours) == []
    assert djangos.paths or djangos.error


@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("name", TREES)
def test_what_django_has_a_rule_for_comes_out_as_by_django(name: str, cls: Any) -> None:
    assert_same(TREES[name], cls)


LINES = (
    "a {{ background: url({0}) }}",
    "b {{ background: url('{0}?v=1#x'), url(\"{0}#x\") }}",
    "@import '{0}';",
    "/* url({0}) */ c {{}}",
    "/*# sourceMappingURL={0} */",
    "import x from './{0}';",
    "import './{0}'",
    'export {{ y }} from "./{0}";',
    "const z = import('./{0}'); // import './{0}';",
    "//# sourceMappingURL={0}",
    "export const w = 1;",
)
NAMES = ("a.css", "b.css", "d/c.css", "d/e/f.css", "a.js", "b.js", "d/c.js", "i.svg", "d/j.svg")


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    """Files that refer to each other, mostly to those that come after them in some order."""
    names = draw(st.permutations(draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))))
    tree = {}
    for index, name in enumerate(names):
        later = names[index + 1 :]
        targets = st.sampled_from(later) if later else st.nothing()
        targets |= st.sampled_from([*names[: index + 1], "gone.svg"]) if draw(rarely) else targets
        lines = draw(st.lists(st.tuples(st.sampled_from(LINES), st.none() | targets), max_size=3))
        tree[name] = "".join(referring(line, name, target) + "\n" for line, target in lines)
    return tree


rarely = st.integers(0, 9).map(lambda number: number == 0)


def referring(line: str, name: str, target: str | None) -> str:
    """Return the line with a reference from one file to another, or without one."""
    if target is None:
        return "nothing"
    return line.format(posixpath.relpath(target, posixpath.dirname(name) or "."))


@given(tree=trees(), cls=st.sampled_from(list(CLASSES.values())))
@example(tree={"a.css": "@import 'a.css';"}, cls=ManifestStaticFilesStorage)
@settings(max_examples=80, deadline=None)
def test_files_that_refer_to_each_other_anyhow_come_out_as_by_a_patient_django(
    tree: dict[str, str], cls: Any
) -> None:
    patient = type("Patient", (cls,), {"max_post_process_passes": len(NAMES) + 2})
    djangos, ours = compare_on(dict(tree), patient)
    if djangos.error == GAVE_UP:
        assert "refer to each other in a circle" in ours.error
    else:
        assert djangos.differences(ours) == []


def test_a_chain_that_django_gives_up_on_is_followed_to_its_end() -> None:
    length = 1500  # more than Python would recurse
    tree: Tree = {f"{n}.css": f"@import '{n + 1}.css';" for n in range(length)}
    tree[f"{length}.css"] = "b {}"
    with written(tree) as directory, collecting([directory]):
        ours = by_us(ManifestStaticFilesStorage)
    assert not ours.error
    for asset, digest in ours.assets.items():
        assert asset.split(".")[1] == digest[:12]
    end: Tree = {f"{n}.css": tree[f"{n}.css"] for n in range(length - 3, length + 1)}
    djangos, _ = compare_on(end)
    assert {name: ours.paths[name] for name in end} == djangos.paths


CIRCLE: Tree = {
    "m/a.js": "import './b.js';\n",
    "m/b.js": "import './c.js';\n",
    "m/c.js": "import './b.js';\n",
}


def test_a_circle_is_an_error_that_names_it() -> None:
    djangos, ours = compare_on(CIRCLE, Aggregating)
    assert djangos.error == GAVE_UP
    assert "m/b.js -> m/c.js -> m/b.js" in ours.error
    assert "\n" not in ours.error


def test_a_file_that_refers_to_itself_is_a_circle() -> None:
    _, ours = compare_on({"a.css": "@import 'a.css';"})
    assert ours.error.startswith("a.css -> a.css:")


def test_what_is_wrong_elsewhere_is_said_before_a_circle_as_by_django() -> None:
    assert "gone.png" in assert_same({**CIRCLE, "m/d.css": "url(gone.png)"}, Aggregating).error


def test_a_circle_that_ends_by_a_pattern_of_the_project_is_none() -> None:
    pattern = (r"(?P<matched>see (?P<url>\w+\.txt))", "seen")
    cls = type("Own", (ManifestStaticFilesStorage,), {"patterns": (("*.txt", (pattern,)),)})
    assert assert_same({"a.txt": "see b.txt", "b.txt": "see a.txt"}, cls).paths


def test_the_first_of_several_places_wins_and_messages_are_those_of_django(tmp_path: Path) -> None:
    for name, content in {
        "one/a.css": "b { background: url(p/x.svg) }",
        "one/left.out": "",
        "two/a.css": "not used",
        "two/y.svg": "y",
        "prefixed/x.svg": "x",
        "prefixed/sub/z.css": "url(../x.svg)",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "one" / "link.svg").symlink_to(tmp_path / "two" / "y.svg")
    (tmp_path / "one" / "folder").symlink_to(tmp_path / "two")
    places = [tmp_path / "one", tmp_path / "two", ("p", tmp_path / "prefixed")]
    djangos, ours = compare(places, ManifestStaticFilesStorage, ignore_patterns=["left*"])
    assert djangos.differences(ours) == []
    assert "Found another file with the destination path 'a.css'" in ours.said
    assert {"p/sub/z.css", "link.svg", "folder/y.svg"} < ours.paths.keys()
    djangos, ours = compare(places, ManifestStaticFilesStorage, post_process=False, verbosity=1)
    assert djangos.differences(ours) == []
    assert ours.copies
    assert not ours.paths


@pytest.mark.parametrize("url", ["https://cdn.test/s/", "/deep/static/", "static/"])
def test_references_below_static_url_are_those_of_django(url: str) -> None:
    tree: Tree = {
        "a.css": "url(/deep/static/x.svg) url(https://cdn.test/s/x.svg) url(/x.svg) url(x.svg)",
        "x.svg": "",
    }
    with written(tree) as directory, collecting([directory], STATIC_URL=url):
        djangos, ours = (by(ManifestStaticFilesStorage) for by in (by_django, by_us))
    assert djangos.differences(ours) == []
    assert ours.paths


@pytest.mark.parametrize(
    "changed",
    [
        {"default_template": "URL(%(url)s)"},
        {"patterns": (("*.txt", (r"(?P<matched>url\((?P<url>.*?)\))",)),)},
        {"patterns": (("p/*.css", (r"(?P<matched>url\((?P<url>.*?)\))",)),)},
        {"patterns": (("x.*", ((r"(?P<matched>(?P<url>x))", "%(url)s"),)),)},
        {"manifest_strict": False},
    ],
)
def test_what_a_project_sets_is_honoured_without_giving_up_the_pass(changed: Any) -> None:
    cls = type("Own", (ManifestStaticFilesStorage,), changed)
    assert issubclass(add_staging(cls), StagingStorage)
    tree: Tree = {"p/a.css": "url(../b.txt) url(a.css.map)", "p/a.css.map": "", "b.txt": "url(c)"}
    assert_same({**tree, "c": "", "x.svg": "an x"}, cls)


def test_intermediate_files_are_not_published() -> None:
    cls = type("Own", (ManifestStaticFilesStorage,), {"keep_intermediate_files": True})
    tree: Tree = {"a.css": "@import 'b.css';", "b.css": "url(x.svg)", "x.svg": "x"}
    djangos, ours = compare_on(tree, cls)
    assert djangos.copies.keys() > tree.keys() == ours.copies.keys()
    assert replace(djangos, copies={}) == replace(ours, copies={})


class Forgiving(ManifestStaticFilesStorage):
    """Leaves references alone that lead nowhere, as many projects do."""

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        try:
            return str(super().hashed_name(name, content, filename))
        except ValueError:
            return name


def test_a_class_with_methods_of_its_own_is_left_to_django() -> None:
    assert not issubclass(add_staging(Forgiving), StagingStorage)
    assert assert_same({"a.css": "url(gone.png) url(b.svg)", "b.svg": ""}, Forgiving).paths


def test_a_source_is_read_once_and_again_only_if_it_has_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    plain_read = StagingStorage.read_source

    def noting(self: StagingStorage, name: str) -> bytes:
        opened.append(name)
        return plain_read(self, name)

    monkeypatch.setattr(StagingStorage, "read_source", noting)
    tree: Tree = {f"{name}.css": "url(hub.css)" for name in "abcz"} | {"hub.css": "url(x.svg)"}
    assert_same({**tree, "x.svg": "x"})
    waiting = [name for name, times in Counter(opened).items() if times > 1]
    assert len(waiting) <= 1
    assert sorted(opened) == sorted([*tree, *waiting])


def test_a_name_with_a_backslash_gets_the_asset_that_its_manifest_names() -> None:
    djangos, ours = compare_on({"a\\b.txt": "a"})
    assert ours.paths == djangos.paths
    assert ours.assets.keys() == set(ours.paths.values())  # Django writes it under another name


def test_the_comparison_sees_a_name_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_hash = StagingStorage.file_hash
    monkeypatch.setattr(
        StagingStorage, "file_hash", lambda *given: (plain_hash(*given) or "")[::-1]
    )
    djangos, ours = compare_on({"a.txt": "a"})
    assert any(line.startswith("paths: a.txt") for line in djangos.differences(ours))


def test_the_comparison_sees_a_byte_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_open = Content.open

    @contextmanager
    def damaging(self: Content) -> Iterator[bytes]:
        with plain_open(self) as body:
            yield bytes(body) + b" "

    monkeypatch.setattr(Content, "open", damaging)
    djangos, ours = compare_on({"a.txt": "a"})
    assert djangos.paths == ours.paths
    assert {line.split(":")[0] for line in djangos.differences(ours)} == {"assets", "copies"}


GRAPH = {"a": "bc", "b": "d", "c": "bd", "d": "", "e": "a"}


def test_what_is_waited_for_comes_first_and_nothing_is_done_twice() -> None:
    done: list[str] = []
    attempts: list[str] = []

    def attempt(name: str) -> Iterable[str]:
        attempts.append(name)
        before = [each for each in GRAPH[name] if each not in done]
        done.extend([] if before else name)
        return before

    visit_depth_first("ea", attempt)
    assert sorted(done) == sorted(GRAPH)
    for name, before in GRAPH.items():
        assert all(done.index(each) < done.index(name) for each in before)
    assert max(map(attempts.count, GRAPH)) == 2


def test_a_name_that_waits_for_itself_is_a_circle() -> None:
    graph = {"a": "b", "b": "cd", "c": "", "d": "eb", "e": ""}
    with pytest.raises(CycleError) as caught:
        visit_depth_first("a", lambda name: graph[name] if name in "abd" else "")
    assert caught.value.names == ["b", "d", "b"]
