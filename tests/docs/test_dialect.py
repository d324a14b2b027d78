"""The lab's code is in one dialect, which CONTRIBUTING.md describes; ruff holds the rest of it."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from tests.docs.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCRIPTS, LAB = ROOT / "scripts", ROOT / "scripts" / "lab"
NO_VERBS = frozenset(
    {"a", "all", "an", "any", "each", "every", "everything", "how", "it", "most", "no", "nobody"}
    | {"nothing", "of", "one", "that", "the", "these", "they", "this", "those", "what", "whatever"}
    | {"when", "where", "whether", "which", "who", "whose", "why"}
)
MANY = 3
"""Fields that a value may have and still be made by position."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def list_modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


OVERRIDDEN = {"_new_conn"}
"""Names of a library that has no other way (docs/adr/0029): how urllib3 connects."""


def is_private(name: str) -> bool:
    return (
        name.startswith("_")
        and name != "_"
        and not name.startswith("__")
        and name not in OVERRIDDEN
    )


def private_names(tree: ast.AST) -> Iterator[str]:
    """Yield what has an underscore; an argument or a local may have one: it is not used."""
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef) and is_private(node.name):
            yield node.name
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            yield node.attr
        elif isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                targets = getattr(statement, "targets", [getattr(statement, "target", None)])
                if isinstance(statement, ast.Assign | ast.AnnAssign):
                    yield from (
                        each.id
                        for each in targets
                        if isinstance(each, ast.Name) and is_private(each.id)
                    )


def docstrings_without_verb(tree: ast.AST) -> Iterator[str]:
    """Yield functions, methods and properties whose docstring does not begin with a verb."""
    for node in ast.walk(tree):
        if isinstance(node, Function) and (text := ast.get_docstring(node)):
            word = text.split()[0].strip(",.:;").lower()
            if word in NO_VERBS:
                yield f"{node.name}: {text.splitlines()[0]}"


def values_by_position(tree: ast.AST) -> Iterator[str]:
    """Yield dataclasses of many fields that may be made by position."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            marks = [ast.unparse(each) for each in node.decorator_list]
            fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            is_value = any(mark.startswith("dataclass") for mark in marks)
            if is_value and len(fields) > MANY and not any("kw_only" in mark for mark in marks):
                yield node.name


def public_names(tree: ast.Module) -> list[str]:
    return [
        node.name
        for node in tree.body
        if isinstance(node, Function | ast.ClassDef) and node.name != "main"
    ]


RULES = {
    private_names: LAB,
    docstrings_without_verb: SCRIPTS,
    values_by_position: LAB,
}


@pytest.mark.parametrize("rule", RULES)
def test_the_lab_is_in_one_dialect(rule: Callable[[ast.AST], Iterator[str]]) -> None:
    modules = list_modules(RULES[rule])
    assert len(modules) > 50
    found = {
        str(path.relative_to(ROOT)): faults
        for path in modules
        if (faults := [*rule(ast.parse(path.read_text("utf-8")))])
    }
    assert not found


def test_no_two_modules_of_the_lab_have_a_function_or_a_class_of_one_name() -> None:
    owners = defaultdict(list)
    for path in list_modules(LAB):
        for name in public_names(ast.parse(path.read_text("utf-8"))):
            owners[name].append(str(path.relative_to(LAB)))
    assert {name: paths for name, paths in owners.items() if len(paths) > 1} == {}


SAMPLE = '''
_HIDDEN = 1

@dataclass(frozen=True)
class Value:
    one: int
    two: int
    three: int
    four: int

    def _reveal(self) -> int:
        """Whether it is seen."""
        return self._four

    @property
    def size(self) -> int:
        """Return how big it is."""

def use(_context: object) -> None:
    """The use of it."""
    _unused, used = 1, 2
'''


def test_each_rule_is_broken_by_a_sample() -> None:
    tree = ast.parse(SAMPLE)
    assert sorted(private_names(tree)) == ["_HIDDEN", "_four", "_reveal"]
    assert sorted(docstrings_without_verb(tree)) == [
        "_reveal: Whether it is seen.",
        "use: The use of it.",
    ]
    assert [*values_by_position(tree)] == ["Value"]
    assert public_names(tree) == ["Value", "use"]
