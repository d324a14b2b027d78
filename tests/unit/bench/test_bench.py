"""The benchmark as one types it, on the smallest of what it measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.runs import Runs

SCRIPTS = Path(bench.__file__).parents[1]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        env={**os.environ, "PYTHONPATH": f"{SCRIPTS}:{SCRIPTS.parent / 'app'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.engine
def test_a_short_benchmark_counts_measures_and_prints_its_tables(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    done = run(
        *("--tree", "admin", "--latency", "0", "--peer", "skewproof", "--peer", "own_hashing"),
        *("--repeats", "1", "--results", file),
    )
    assert done.returncode == 0, done.stderr
    found = {(each.peer, each.situation): each for each in Runs.read(file).runs}
    cold, again = found["skewproof", "cold"], found["skewproof", "again"]
    assert found.keys() == {
        ("skewproof", "cold"),
        ("skewproof", "again"),
        ("skewproof", "renamed"),
        ("own_hashing", "cold"),
    }
    assert cold.total == cold.claimed == cold.objects + 7
    assert dict(again.requests) == {"GET": 3}
    assert all(20 << 20 < each.peak < 200 << 20 for each in found.values())
    assert all(0 < each.cpu < 60 and each.seconds > 0 for each in found.values())
    assert found["own_hashing", "cold"].inner is not None
    assert "| nothing changed, 129 objects: requests | at most 3 | 3 | yes |" in done.stdout
    rest = json.loads((tmp_path / "rest.json").read_text())
    assert rest["lookups"].keys() == {"stock", "skewproof"}
    assert [way["name"] for way in rest["ways"]] == ["store", "gateway", "gateway, 20 ms"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tree", "7"], "Invalid value for '--tree'"),
        (["--latency", "5", "--latency", "20"], "there can be one --latency beside 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
