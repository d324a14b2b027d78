from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.deadline import wait_until
from lab.errors import UnavailableError, describe_error


def test_an_error_is_described_by_what_is_at_its_bottom() -> None:
    def fail() -> None:
        try:
            Path("/no/such/file").read_text()
        except OSError as error:
            raise RuntimeError("around it") from error

    with pytest.raises(RuntimeError) as caught:
        fail()
    assert describe_error(caught.value) == "No such file or directory (/no/such/file)"


def test_of_many_files_that_could_not_be_copied_one_is_named() -> None:
    failed = [("a", f"b{number}", f"No space left: 'b{number}'") for number in range(99)]
    assert describe_error(shutil.Error(failed)) == "No space left: 'b0'"


def test_a_description_has_one_line() -> None:
    assert describe_error(ValueError("one\n  two")) == "one two"
    assert describe_error(ValueError()) == "ValueError"


def test_what_never_becomes_true_ends_with_what_was_waited_for_and_the_state() -> None:
    with pytest.raises(UnavailableError, match=r"the moon is not full after 0 s; .*\nnew moon"):
        wait_until(lambda: False, 0.1, "the moon is not full", lambda: "new moon")


def test_a_wait_ends_as_soon_as_it_is_over() -> None:
    answers = iter([False, False, True])
    wait_until(lambda: next(answers), 60, "never", lambda: "")
