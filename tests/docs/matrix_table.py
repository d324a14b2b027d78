"""The README's table of strategies and scenarios, and docs/matrix.md, from a real run.

    .venv/bin/lab matrix --json | .venv/bin/python -m tests.docs.matrix_table

What is the same in every run is kept in docs/matrix.json: what each cell came to, and why. A run
that is not as expected, or not whole, is refused.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from tests.docs.markdown import marked_part
from tests.docs.project import ROOT

from lab.judge.findings import Status
from lab.matrix.scenarios import SCENARIOS, Scenario
from lab.strategies import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Outcomes = Mapping[str, Mapping[str, str]]
    """What each cell came to, by scenario and strategy."""

README, PAGE, RESULTS = ROOT / "README.md", ROOT / "docs/matrix.md", ROOT / "docs/matrix.json"
BEGIN = "<!-- matrix: begin. It is written by tests/docs/matrix_table.py. -->\n"
END = "<!-- matrix: end -->\n"
HEAD = """\
# The matrix

What `lab matrix` found for every strategy under every scenario, on the embedded engine.
`tests/docs/matrix_table.py` writes this page;
[ADR 25](adr/0025-a-race-is-paused-not-awaited.md) says which events are real, and which arranged.

## Strategies

"""


def read(document: Mapping[str, Any]) -> Outcomes:
    """Return what matters of the JSON that `lab matrix` prints.

    Raises:
        ValueError: the run is not as expected, or not whole.
    """
    outcomes: dict[str, dict[str, str]] = {name: {} for name in SCENARIOS}
    for cell in document["cells"]:
        outcomes[cell["scenario"]][cell["strategy"]] = cell["status"]
    if document["verdict"] != Status.PASS or any(
        set(found) != set(STRATEGIES) for found in outcomes.values()
    ):
        raise ValueError(f"no run to show: {document['verdict']}: {document['why']}")
    return outcomes


def render_table(outcomes: Outcomes) -> str:
    """Return the table as it stands in the README, with its marks."""
    head = ["", *(f"`{name}`" for name in STRATEGIES)]
    rows = (
        [f"[{name}](docs/matrix.md#{name})", *(strong(found[each]) for each in STRATEGIES)]
        for name, found in outcomes.items()
    )
    lines = [head, ["---"] * len(head), *rows]
    return BEGIN + "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n" + END


def render_page(outcomes: Outcomes) -> str:
    """Return docs/matrix.md."""
    strategies = "".join(f"- **{each.name}**: {each.what}\n" for each in STRATEGIES.values())
    scenarios = (render_scenario(SCENARIOS[name], found) for name, found in outcomes.items())
    return HEAD + strategies + "\n## Scenarios\n\n" + "\n".join(scenarios)


def render_scenario(scenario: Scenario, found: Mapping[str, str]) -> str:
    """Return what happens in a scenario, and what each strategy comes to."""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(scenario.steps, start=1))
    passed = [name for name, status in found.items() if status == Status.PASS]
    lines = [
        f"### {scenario.name}\n\nWhat happens: {scenario.what}.\n\n{steps}\n",
        *grouped(scenario.fails, "FAIL"),
        *grouped(scenario.without, "n/a"),
        f"- PASS: {', '.join(passed)}\n",
    ]
    return lines[0] + "\n" + "".join(lines[1:])


def grouped(reasons: Mapping[str, str], status: str) -> Iterable[str]:
    """Return a line for each reason, with the strategies that it is of."""
    for reason in dict.fromkeys(reasons.values()):
        names = ", ".join(name for name in STRATEGIES if reasons.get(name) == reason)
        yield f"- {status}: {names} — {reason}\n"


def strong(text: str) -> str:
    """Make a failure stand out."""
    return f"**{text}**" if text == Status.FAIL else text


def section(text: str) -> str:
    """Return the marked part of the README, marks and all."""
    return marked_part(text, BEGIN, END, "lab matrix")


def write(outcomes: Outcomes, readme: Path = README, page: Path = PAGE) -> None:
    """Put the table into the README, and write the page."""
    text = readme.read_text()
    readme.write_text(text.replace(section(text), render_table(outcomes)))
    page.write_text(render_page(outcomes))


if __name__ == "__main__":
    came = read(json.load(sys.stdin))
    RESULTS.write_text(json.dumps(came, indent=1) + "\n")
    write(came)
