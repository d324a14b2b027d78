from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.stacks.state import State, locked, stack_names


def test_what_is_written_down_is_read_again() -> None:
    state = State(name="mine", engine="embedded", strategy="shared", port=8081)
    state.claim()
    state.details = {"ports": {"web-v1-1": 20000}}
    state.save()
    assert State.load("mine") == state
    assert state.base == "http://127.0.0.1:8081/"
    assert stack_names() == ["mine"]


def test_a_stack_that_is_gone_has_no_state(work: Path) -> None:
    state = State(name="mine", engine="embedded", strategy="shared", port=8081)
    state.claim()
    state.forget()
    state.forget()
    assert State.load("mine") is None
    assert stack_names() == []
    assert [*work.glob("mine/*")] == []


def test_of_many_labs_that_claim_one_name_at_once_one_gets_it() -> None:
    start, refused, given = threading.Barrier(8), list[str](), list[int]()

    def claim(port: int) -> None:
        state = State(name="mine", engine="embedded", strategy="shared", port=port)
        state.folder.mkdir(parents=True, exist_ok=True)
        start.wait()
        try:
            state.claim()
            given.append(port)
        except LabError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=claim, args=(port,)) for port in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = State.load("mine")
    assert state
    assert given == [state.port]
    assert len(refused) == 7


def test_a_state_of_another_kind_is_refused(work: Path) -> None:
    (work / "mine").mkdir(parents=True)
    (work / "mine" / "stack.json").write_text('{"engine": "embedded"}')
    with pytest.raises(LabError, match=r"stack mine: .*stack.json is damaged"):
        State.load("mine")


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock"),
        pytest.raises(BlockingIOError),
        locked(tmp_path / "lock", wait=False),
    ):
        pass
    with locked(tmp_path / "lock", wait=False):
        pass
