"""`lab probe` as a process on sites that mean it harm: it ends, stays small, says what it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.unit.lab_probe.hostile import SITES, Hostile, Site, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Nothing of it needs an engine; it takes a minute, which `make check` has not.
pytestmark = pytest.mark.engine
MEBIBYTES = 300
HANGS = 45.0
"""Seconds after its time in which it ends on the slowest machine; a probe that hangs takes more."""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
AS_A_PERSON_TYPES_IT = """
import atexit, pathlib, sys
from lab import checkout, cli
checkout.WORK = pathlib.Path(sys.argv.pop(1))
def tell_peak():
    (line,) = [each for each in open("/proc/self/status") if each.startswith("VmHWM")]
    (checkout.WORK / "peak").write_text(line.split()[1])
atexit.register(tell_peak)
cli.main()
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    said: str
    seconds: float
    peak: float
    asked: tuple[str, ...]


def probe(hostile: Hostile, folder: Path) -> Outcome:
    folder.mkdir()
    with serve(hostile) as site:
        began = time.monotonic()
        ended = subprocess.run(
            [
                sys.executable,
                "-c",
                AS_A_PERSON_TYPES_IT,
                folder,
                "probe",
                url_of(hostile, site),
                *hostile.options,
            ],
            capture_output=True,
            timeout=240,
            check=False,
            env=os.environ | {"COLUMNS": "400", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        seconds = time.monotonic() - began
        asked = tuple(site.asked)
    said = (ended.stdout + ended.stderr).decode()
    peak = int((folder / "peak").read_text()) / 1024
    return Outcome(ended.returncode, said, seconds, peak, asked)


def url_of(hostile: Hostile, site: Site) -> str:
    return f"{hostile.scheme}://127.0.0.1:{site.port}/"


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Outcome]]]:
    """Those that were selected, several at a time, for most of them wait."""
    calls = [each.callspec for each in request.session.items if hasattr(each, "callspec")]
    wanted = [call.params["hostile"] for call in calls if "hostile" in call.params]
    folder = tmp_path_factory.mktemp("hostile")
    with ThreadPoolExecutor(8) as pool:
        yield {each.name: pool.submit(probe, each, folder / each.name) for each in wanted}


@pytest.mark.parametrize("hostile", SITES, ids=lambda each: each.name)
def test_a_hostile_site_is_survived(hostile: Hostile, outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes[hostile.name].result()
    print(hostile.name, outcome.code, round(outcome.seconds, 1), round(outcome.peak))
    assert outcome.code in hostile.codes, outcome.said
    length = float(hostile.options[1].removesuffix("s"))
    assert outcome.seconds < length + HANGS
    assert outcome.peak < MEBIBYTES
    assert "Traceback" not in outcome.said
    assert hostile.says in outcome.said
    assert CONTROL.search(outcome.said) is None
