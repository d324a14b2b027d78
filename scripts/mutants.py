"""Break the code in small ways, one at a time, and see whether a test fails: "make mutants".

Cosmic Ray makes the mutants; one operator is added, as it cannot leave a statement out. They are
made in copies of the checkout below .lab/mutants. Each module has a session there: a run goes on
where the last one has stopped, and begins again with modules that have changed since.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import parso
from cosmic_ray import plugins
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.operators.operator import Operator
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".lab" / "mutants"
SKEWPROOF, LAB = "tests/unit/skewproof/test_{}.py", "tests/unit/{}.py"
PYTEST = "-m pytest -x -q --tb=no -p no:randomly -p no:cacheprovider -m 'not engine'"
SHORTEST = 60  # seconds; a mutant that hangs is killed after this, or four times what tests take
# Of the replacements of one operator by any other, those that a person might write by mistake.
OPERATORS = {
    *("AddNot", "BreakContinue", "ExceptionReplacer", "NumberReplacer", "RemoveDecorator"),
    *("ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
    *(f"ReplaceBinaryOperator_{each}" for each in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul")),
    *(f"ReplaceBinaryOperator_{each}" for each in ("BitOr_BitAnd", "BitAnd_BitOr")),
    *(f"ReplaceComparisonOperator_{each}" for each in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot")),
    *(f"ReplaceComparisonOperator_{each}" for each in ("IsNot_Is", "Lt_LtE", "LtE_Lt")),
    *(f"ReplaceComparisonOperator_{each}" for each in ("Gt_GtE", "GtE_Gt")),
    *("ReplaceUnaryOperator_Delete_Not", "DeleteStatement"),
}


@dataclass(frozen=True)
class Part:
    """Modules of one package, and the tests that should notice: the quickest come first."""

    folder: str
    modules: str
    tests: tuple[str, ...]


def name_tests(pattern: str, names: str) -> tuple[str, ...]:
    """Return the files of tests with these names."""
    return tuple(pattern.format(name) for name in names.split())


# What talks to a service (clients of S3, GCS and Azure) is left out: its tests need a server.
PARTS = {
    "publishing": Part(
        "app/skewproof/publishing",
        "plan proof claim publish intents prune retention listing verify",
        name_tests(
            SKEWPROOF,
            "retention in_time content claim renewal verify publish prune publish_and_prune copies "
            "command messages interleavings",
        ),
    ),
    "hashing": Part(
        "app/skewproof/publishing",
        "collection content hashing references",
        name_tests(SKEWPROOF, "references names copies memory alias baked command hashing"),
    ),
    "stores": Part(
        "app/skewproof/stores",
        "store directory folders parameters either s3_allowed",
        name_tests(SKEWPROOF, "in_time folders directory options s3_direct rule ways power_loss"),
    ),
    "backends": Part(
        "app/skewproof/backends",
        "base credentials loader importing object_storage s3_direct",
        name_tests(
            SKEWPROOF,
            "loader options baked storage health own_storage testing s3_direct checks poisoning",
        ),
    ),
    "judge": Part(
        "scripts/lab/judge",
        "*",
        name_tests(
            LAB,
            "lab_probe/test_boundaries lab_probe/test_checkers lab_probe/test_asset_checkers "
            "lab_probe/test_unknown report/test_forms lab_probe/test_tables report/test_timeline",
        ),
    ),
}


class DeleteStatement(Operator):  # type: ignore[misc] # the library brings no types
    """Leave out a statement that is a call, adds to something, or raises."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Yield where the node can be mutated, if it can."""
        if node.type == "simple_stmt" and is_deletable(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002 - there is one way
        """Return the node with nothing to do in it."""
        node.children[0] = parso.parse(f"{node.children[0].get_first_leaf().prefix}pass")
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        """Return none; they would be for the tests of Cosmic Ray."""
        return ()


def is_deletable(statement: Any) -> bool:
    """Return whether a statement does something, and leaves no name undefined when it is gone."""
    if statement.type in ("atom_expr", "power"):
        return str(statement.children[-1].get_code()).startswith("(")
    if statement.type == "expr_stmt":
        return str(statement.children[1].get_code()).strip() in ("+=", "-=", "|=")
    return bool(statement.type == "raise_stmt")


def find_inert(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a module that never run: types, and what decorators of values say."""
    for node in ast.walk(tree):
        yield from filter(None, (getattr(node, "annotation", None), getattr(node, "returns", None)))
        yield from getattr(node, "decorator_list", ())
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield node


def is_inert(mutation: Any, inert: list[ast.AST]) -> bool:
    """Return whether a mutation is in a part that never runs."""
    start, end = mutation.start_pos, mutation.end_pos
    return any(
        (part.lineno, part.col_offset) <= start and end <= (part.end_lineno, part.end_col_offset)
        for part in inert
    )


def copy_checkout(folder: Path) -> None:
    """Make the folder the checkout as it is, without what git ignores."""
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def open_session(module: Path, folder: Path) -> WorkDB:
    """Return a module's session, a new one if the module has changed since it was made."""
    digest = hashlib.sha256(module.read_bytes() + repr(sorted(OPERATORS)).encode()).hexdigest()
    file = folder / f"{module.stem}-{digest[:12]}.sqlite"
    is_new = not file.exists()
    session = WorkDB(str(file), WorkDB.Mode.create)
    if is_new:
        init([module], session, {})
        inert = list(find_inert(ast.parse(module.read_text("utf-8"))))
        unwanted = [
            item.job_id
            for item in session.work_items
            for mutation in item.mutations
            if mutation.operator_name.partition("/")[2] not in OPERATORS
            or is_inert(mutation, inert)
        ]
        skipped = WorkResult(worker_outcome=WorkerOutcome.SKIPPED)
        session.set_multiple_results(unwanted, skipped)
    return session


def order_tests(part: Part, module: Path) -> str:
    """Return the command that runs the part's tests, those that are named like the module first."""
    own = [name for name in part.tests if name.endswith(f"test_{module.stem}.py")]
    files = dict.fromkeys([*own, *part.tests])
    return f"{shlex.quote(sys.executable)} {PYTEST} {' '.join(files)}"


def measure(part: Part) -> float:
    """Return how many seconds the tests take on what is whole."""
    began = time.monotonic()
    done = subprocess.run(shlex.split(order_tests(part, Path("none"))), capture_output=True)
    if done.returncode:
        raise click.ClickException(
            f"the tests of {part.folder} fail without any mutant; mend them first:\n"
            f"{done.stdout.decode()}{done.stderr.decode()}"
        )
    return time.monotonic() - began


def open_part(name: str) -> dict[Path, WorkDB]:
    """Return the sessions of a part's modules, which are below the working directory."""
    part = PARTS[name]
    patterns = [f"{each}.py" for each in part.modules.split()]
    modules = [file for each in patterns for file in sorted(Path(part.folder).glob(each))]
    return {
        module: open_session(module, WORK / name) for module in modules if module.stem != "__init__"
    }


def run_part(name: str, minutes: float, *, again: bool) -> None:
    """Try a part's mutants in a random order, which is the same in all runs, until it is time.

    With `again` those that have survived so far, and no others.
    """
    part, copy = PARTS[name], WORK / name / "checkout"
    copy_checkout(copy)
    os.chdir(copy)
    paths = os.pathsep.join(str(copy / each) for each in ("app", "scripts", "."))
    os.environ.update(PYTHONPATH=paths)
    sessions, limit = open_part(name), max(SHORTEST, 4 * measure(part))
    waiting = [
        (module, item)
        for module, each in sessions.items()
        for item in (find_survivors(each) if again else each.pending_work_items)
    ]
    waiting.sort(key=lambda each: hashlib.sha256(repr(each[1].mutations).encode()).digest())
    end = time.monotonic() + 60 * minutes
    for module, item in waiting:
        if time.monotonic() > end:
            break
        result = mutate_and_test(item.mutations, order_tests(part, module), limit)
        sessions[module].set_result(item.job_id, result)
        click.echo(
            f"{result.test_outcome.value} {module}:{item.mutations[0].start_pos[0]}", err=True
        )


def find_survivors(session: WorkDB) -> list[Any]:
    """Return the mutants that no test noticed."""
    results = dict(session.results)
    return [
        item
        for item in session.work_items
        if item.job_id in results and results[item.job_id].test_outcome == TestOutcome.SURVIVED
    ]


def list_part(name: str) -> None:
    """Print the survivors so far, and the numbers."""
    os.chdir(ROOT)
    sessions = open_part(name)
    for module, session in sessions.items():
        results = dict(session.results)
        for item in find_survivors(session):
            show(module, item, results[item.job_id])
    show_numbers(name, sessions)


def show(module: Path, item: Any, result: Any) -> None:
    """Print a survivor: where it is, and what was changed."""
    (mutation,) = item.mutations
    changed = [line for line in result.diff.splitlines() if line[:1] in "+-" and line[:3] != "---"]
    click.echo(f"{module}:{mutation.start_pos[0]} {mutation.operator_name}")
    click.echo("".join(f"    {line}\n" for line in changed if not line.startswith("+++")))


def show_numbers(name: str, sessions: dict[Path, WorkDB]) -> None:
    """Print how many mutants there are, were tried, and survived."""
    items = {module: list(each.work_items) for module, each in sessions.items()}
    results = {job: result for each in sessions.values() for job, result in each.results}
    tried = [each for each in results.values() if each.worker_outcome != WorkerOutcome.SKIPPED]
    total = sum(map(len, items.values())) - (len(results) - len(tried))
    survived = [each for each in tried if each.test_outcome == TestOutcome.SURVIVED]
    click.echo(f"{name}: {total:,} mutants, {len(tried):,} tried, {len(survived):,} survived")


@click.command(epilog='Example: make mutants MUTANTS="--part judge --minutes 30"')
@click.option("--part", "names", multiple=True, type=click.Choice([*PARTS]), default=[*PARTS])
@click.option("--minutes", type=float, default=float("inf"), help="Stop after so long, for now.")
@click.option("--again", is_flag=True, help="Try those once more that have survived so far.")
@click.option("--list", "only_list", is_flag=True, help="Show survivors so far, and try nothing.")
def main(names: tuple[str, ...], minutes: float, again: bool, only_list: bool) -> None:
    """Break the code in small ways, and show what no test notices."""
    plugins.OPERATOR_PROVIDERS["skewproof"] = {"DeleteStatement": DeleteStatement}
    for name in names:
        (WORK / name).mkdir(parents=True, exist_ok=True)
        if not only_list:
            run_part(name, minutes / len(names), again=again)
        list_part(name)


if __name__ == "__main__":
    main()
