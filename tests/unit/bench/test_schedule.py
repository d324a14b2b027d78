from __future__ import annotations

from pathlib import Path

import pytest

from bench.peers import AGAIN, COLD, LIMIT, OWN, OWN_HASHING, SITUATIONS, STOCK_PEER
from bench.runs import Cell, Run, Runs, append
from bench.schedule import Schedule, belongs

SMALL, LARGE = Cell("300", 0), Cell("1000", 0)
PEERS = (STOCK_PEER, OWN, LIMIT)


def run(cell: Cell, peer: str, repeat: int, seconds: float, situation: str = COLD) -> Run:
    return Run(cell, peer, situation, repeat, seconds, 0.5, 1000, {"GET": 2}, None, 3)


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    return Schedule((SMALL, LARGE), PEERS, SITUATIONS, 5, 60, 500, tmp_path / "x" / "runs.jsonl")


def names(schedule: Schedule, cell: Cell, repeat: int, turn: int = 0) -> list[str]:
    return [each.peer.name for each in schedule.sequences(cell, repeat, turn)]


def test_in_each_repeat_another_peer_comes_first(schedule: Schedule) -> None:
    assert names(schedule, SMALL, 1, 0) == ["stock", "skewproof", "s5cmd"]
    assert names(schedule, SMALL, 2, 1) == ["skewproof", "s5cmd", "stock"]


def test_what_was_run_is_not_run_again(schedule: Schedule) -> None:
    append(schedule.file, [run(SMALL, "stock", 1, 20), run(SMALL, "stock", 1, 9, AGAIN)])
    append(schedule.file, [run(LARGE, "s5cmd", 1, 1)])
    assert names(schedule, SMALL, 1) == ["skewproof", "s5cmd"]
    assert names(schedule, SMALL, 2) == ["stock", "skewproof", "s5cmd"]
    assert names(schedule, LARGE, 1) == ["stock", "skewproof"]


def test_repeats_end_when_the_next_one_would_be_over_the_budget(schedule: Schedule) -> None:
    append(schedule.file, [run(SMALL, "stock", 1, 31), run(SMALL, "skewproof", 1, 30)])
    assert names(schedule, SMALL, 2) == ["skewproof", "s5cmd"]


def test_the_first_repeat_is_made_whatever_the_budget_but_not_whatever_the_time(
    schedule: Schedule,
) -> None:
    append(schedule.file, [run(SMALL, "stock", 1, 190), run(SMALL, "skewproof", 1, 180)])
    # 1,127 files instead of 427 are 2.64 times as many: 501 s and 475 s.
    assert names(schedule, LARGE, 1) == ["skewproof", "s5cmd"]


def test_hashing_knows_no_latency_and_the_films_are_for_our_own_memory() -> None:
    films, late = Cell("films", 0), Cell("300", 20)
    assert [belongs(films, peer) for peer in (*PEERS, OWN_HASHING)] == [False, True, False, False]
    assert [belongs(late, peer) for peer in (*PEERS, OWN_HASHING)] == [True, True, True, False]


def test_runs_are_read_as_they_were_written(tmp_path: Path) -> None:
    runs = (run(SMALL, "stock", 1, 20.25), run(LARGE, "skewproof", 2, 0.5, AGAIN))
    append(tmp_path / "runs.jsonl", runs)
    assert Runs.read(tmp_path / "runs.jsonl") == Runs(runs)
    assert Runs.read(tmp_path / "none.jsonl") == Runs(())
    assert runs[0].total == 2
