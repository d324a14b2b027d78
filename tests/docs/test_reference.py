"""docs/reference.md names what the code has, and nothing else."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING

import pytest
from tests.docs import code
from tests.docs.project import ROOT, read_document

from skewproof import write_release
from skewproof.management.base import Exit
from skewproof.stores.bucket import Client
from skewproof.stores.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

REFERENCE = read_document("docs/reference.md")
# Of the storages beneath: what a publish treats in another way than they do.
INHERITED = {
    "location",
    "default_acl",
    "object_parameters",
    "gzip",
    "client_config",
    "cache_control",
    "client_options",
    "custom_endpoint",
    "expiration_secs",
    "querystring_auth",
}


def headings(section: str) -> set[str]:
    return set(REFERENCE.section(section).headings)


def first_codes(section: str) -> set[str]:
    """The code in the first column of a section's tables."""
    rows = REFERENCE.section(section).rows
    return {found for row in rows for found in re.findall(r"`([^`]+)`", row[0])}


def differences(named: Iterable[str], there: Iterable[str]) -> list[str]:
    """Return what is only in the reference, and what is only in the code."""
    named, there = set(named), set(there)
    return [
        *(f"{each} is not in the code" for each in sorted(named - there)),
        *(f"{each} is not in the reference" for each in sorted(there - named)),
    ]


def uncovered(shapes: Iterable[str], messages: Iterable[str]) -> list[str]:
    """Return the messages that begin like no shape, and the shapes that begin no message."""
    shapes = set(shapes)
    known = {
        message: {each for each in shapes if message.startswith(each.rstrip(f" {code.GAP}"))}
        for message in messages
    }
    used = set().union(*known.values())
    return [
        *(f"{message} is not in the reference" for message in sorted(known) if not known[message]),
        *(f"{each} is not in the code" for each in sorted(shapes - used)),
    ]


def test_every_storage_is_in_the_table() -> None:
    named = {name for name in first_codes("Storages") if name.endswith("Storage")}
    assert differences(named, code.storages()) == []


def test_every_option_has_a_heading() -> None:
    assert differences(headings("Options") - INHERITED, code.options()) == []


def test_every_setting_of_ours_has_a_heading_and_every_other_one_a_line() -> None:
    named = {name for name in headings("Settings") if name.isupper()}
    assert differences(named, code.own_settings()) == []
    others = code.settings() - code.own_settings()
    assert others <= first_codes("Settings of others that are read")


def test_every_environment_variable_has_a_heading() -> None:
    named = {name for name in headings("Environment variables") if name.isupper()}
    assert differences(named - {"TMPDIR"}, code.variables()) == []
    assert differences(first_codes("Variables of platforms"), write_release.COMMITS) == []


def test_every_command_has_a_heading() -> None:
    assert differences(headings("Commands") - {"Exit codes"}, code.commands()) == []


@pytest.mark.parametrize("command", sorted(code.commands()))
def test_every_option_of_a_command_is_in_its_table(command: str) -> None:
    named = {each for each in first_codes(command) if not re.fullmatch("-.", each)}
    assert differences(named, code.commands()[command]) == []


def test_the_guide_counts_the_methods_of_a_store_and_of_a_client() -> None:
    words = {8: "eight", 12: "twelve"}
    text = " ".join((ROOT / "docs" / "guide.md").read_text().split())
    for protocol, said in ((Store, "{} methods for assets"), (Client, "a client of {} methods")):
        methods = [each for each in vars(protocol).values() if inspect.isfunction(each)]
        count = len([each for each in methods if not each.__name__.startswith("_")])
        assert said.format(words[count]) in text


def test_every_exit_code_is_in_the_table() -> None:
    there = {code.value for code in Exit}
    named = {int(row[0]) for row in REFERENCE.section("Exit codes").rows if row[0].isdigit()}
    assert named == there | {0, 1, 2}


def test_every_check_has_a_heading() -> None:
    assert differences(headings("Checks"), code.checks()) == []


def test_every_reason_is_in_the_table() -> None:
    assert differences(first_codes("Reasons of /readyz"), code.reasons()) == []


def test_every_error_has_a_heading() -> None:
    assert differences(headings("Errors") - {"CommandError"}, code.errors()) == []


def test_every_message_is_in_the_table_of_an_error() -> None:
    assert uncovered(first_codes("Errors"), code.messages()) == []


def test_every_public_name_can_be_imported_and_is_one() -> None:
    public = importlib.import_module("skewproof.storage").__all__
    named = first_codes("Python")
    assert {f"skewproof.storage.{name}" for name in public} <= named
    for name in named:
        module, _, attribute = name.rpartition(".")
        if not hasattr(importlib.import_module(module), attribute):
            importlib.import_module(name)


def test_what_is_missing_or_made_up_is_seen() -> None:
    assert differences({"a", "b"}, {"b", "c"}) == [
        "a is not in the code",
        "c is not in the reference",
    ]
    assert uncovered({"no … here", "made up"}, {"no … here: …", "another"}) == [
        "another is not in the reference",
        "made up is not in the code",
    ]
