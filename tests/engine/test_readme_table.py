"""The README's table of strategies says what a rollout on every engine comes to."""

from __future__ import annotations

import pytest
from tests.docs.gotcha_table import find_stale
from tests.docs.test_gotcha_table import stated
from tests.engine.journeys import MADE, Journeys, as_parameter

from lab.judge.checkers import CHECKERS

HOW = "write it again: .venv/bin/lab gotcha --json | .venv/bin/python -m tests.docs.gotcha_table"


@pytest.mark.parametrize(("engine", "strategy"), [as_parameter(*made) for made in MADE])
def test_the_table_in_the_readme_is_what_a_rollout_comes_to(
    journeys: Journeys, engine: str, strategy: str
) -> None:
    verdict = journeys.get(engine, strategy).verdicts["rollout"]
    came = {checker.name: str(verdict.finding(checker.name).status) for checker in CHECKERS}
    came["**verdict**"] = str(verdict.status)

    checkers = verdict.to_json()["checkers"]
    assert find_stale(stated()[strategy], came, strategy) == [], f"{HOW}\n{checkers}"
