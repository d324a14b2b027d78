"""What the code of skewproof has that its users meet: errors, checks, commands, options …"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import pkgutil
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from django.core.management import load_command_class
from django.core.management.base import BaseCommand

import skewproof.storage
from skewproof.errors import SkewproofError
from skewproof.storage import ReleaseManifestMixin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

GAP = "…"
"""What stands in a message's shape for what differs from case to case."""


@cache
def modules() -> tuple[ModuleType, ...]:
    """Import all modules of the package, those of its extras as well."""
    found = pkgutil.walk_packages(skewproof.__path__, "skewproof.")
    return (skewproof, *(importlib.import_module(each.name) for each in found))


@cache
def nodes() -> tuple[tuple[ModuleType, ast.AST], ...]:
    """Return everything that stands in the code, with its module."""
    return tuple(
        (module, node)
        for module in modules()
        for node in ast.walk(ast.parse(inspect.getsource(module)))
    )


def subclasses(base: type) -> Iterator[type]:
    """Yield a class and all that derive from it in the package."""
    if base.__module__.partition(".")[0] == "skewproof":
        yield base
    for each in base.__subclasses__():
        yield from subclasses(each)


def errors() -> set[str]:
    """Return the names of all classes of errors."""
    modules()
    return {each.__name__ for each in subclasses(SkewproofError)}


def constant(module: ModuleType, node: ast.AST | None) -> Any:
    """Return what a constant, or a name of the module, stands for; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return getattr(getattr(module, node.value.id, None), node.attr, None)
    return None


def shapes(module: ModuleType, node: ast.AST | None) -> Iterator[str]:
    """Yield a message as the code makes it, with gaps for what is put in."""
    if isinstance(node, ast.IfExp):
        yield from shapes(module, node.body)
        yield from shapes(module, node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values
        )
    elif isinstance(found := constant(module, node), str):
        yield found


def messages() -> set[str]:
    """Return the shapes of all messages of errors that the code itself writes out."""
    raised = errors() | {"CommandError"}
    found = {
        message
        for module, node in nodes()
        if isinstance(node, ast.Call) and node.args and called(node) in raised
        for message in shapes(module, node.args[-1])
    }
    return {each for each in found if each.strip(f"{GAP}; ")}


def called(node: ast.Call) -> str:
    """Return the bare name of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def reasons() -> set[str]:
    """Return the reasons of /readyz: those of manifests, and those that stand in the view."""
    given = {
        f"manifest {constant(module, node.args[0])}"
        for module, node in nodes()
        if isinstance(node, ast.Call)
        and called(node) in ("no_manifest", "ManifestError")
        and isinstance(constant(module, node.args[0]), str)
    }
    written = {
        value.value
        for module, node in nodes()
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if constant(module, key) == "reason" and isinstance(value, ast.Constant)
    }
    return given | {str(each) for each in written}


def checks() -> set[str]:
    """Return the ids of all checks."""
    text = "\n".join(inspect.getsource(module) for module in modules())
    return set(re.findall(r'"(skewproof\.[EWI]\d{3})"', text))


def commands() -> dict[str, set[str]]:
    """Return the options of each command, of Django's kind and of Python's, but everybody's."""
    found = importlib.import_module("skewproof.management.commands")
    names = [each.name for each in pkgutil.iter_modules(found.__path__)]
    managed = {name: load_command_class("skewproof", name) for name in names}
    everybodys = flags(BaseCommand().create_parser("manage.py", "command"))
    programs = {each.__name__.rpartition(".")[2]: each for each in modules() if is_program(each)}
    parsers = {
        **{name: each.create_parser("manage.py", name) for name, each in managed.items()},
        **{name: each.make_parser() for name, each in programs.items()},
    }
    return {name: flags(parser) - everybodys for name, parser in parsers.items()}


def is_program(module: ModuleType) -> bool:
    """Return whether a module is there to be run by python -m."""
    return 'if __name__ == "__main__":' in inspect.getsource(module)


def flags(parser: argparse.ArgumentParser) -> set[str]:
    """Return the long options, and the names of what stands alone."""
    return {
        max(action.option_strings, key=len) if action.option_strings else action.dest
        for action in parser._actions
    }


def storages() -> set[str]:
    """Return the storages that a project can configure: those that say so, in their module."""
    return {name for name in skewproof.storage.__all__ if name.endswith("Storage")}


def options() -> set[str]:
    """Return the OPTIONS that the code takes for itself or refuses, beside the backend's own."""
    modules()
    found: set[str] = set()
    own = {
        each
        for storage in subclasses(ReleaseManifestMixin)
        for each in storage.__mro__
        if each.__module__.startswith("skewproof.")
    }
    for each in own:
        parameters = inspect.signature(each.__init__).parameters.values()
        found |= {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
        text = inspect.getsource(each)
        found |= set(re.findall(r'\boptions(?:\.pop\(|\.get\(|\[)"(\w+)"', text))
        found |= set(re.findall(r'"(\w+)" in options', text))
        # What is added to the options of django-storages.
        found |= set(re.findall(r'get_default_settings\(\), "(\w+)"', text))
    return found


def settings() -> set[str]:
    """Return the settings that the code reads, Django's own as well."""
    found: set[str] = set()
    for module, node in nodes():
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "settings":
            found.add(node.attr)
        asked = isinstance(node, ast.Call) and called(node) in ("getattr", "hasattr")
        if asked and getattr(node.args[0], "id", "") == "settings":
            found.add(str(constant(module, node.args[1])))
    return {each for each in found if each.isupper()} - {"SETTINGS_MODULE"}


def own_settings() -> set[str]:
    """Return those that nothing else knows."""
    return {each for each in settings() if each.startswith("SKEWPROOF_")}


def variables() -> set[str]:
    """Return the environment variables that the code reads by name."""
    found: set[Any] = set()
    for module, node in nodes():
        if isinstance(node, ast.Call) and called(node) in ("get", "getenv"):
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            if is_environment(owner) or called(node) == "getenv":
                found.add(constant(module, node.args[0]))
        if isinstance(node, ast.Subscript) and is_environment(node.value):
            found.add(constant(module, node.slice))
    return {str(each) for each in found if each}


def is_environment(node: ast.AST | None) -> bool:
    """Return whether an expression is os.environ, or is called as it is."""
    return isinstance(node, ast.Attribute | ast.Name) and (
        getattr(node, "attr", None) or getattr(node, "id", None)
    ) in ("environ", "environment")
