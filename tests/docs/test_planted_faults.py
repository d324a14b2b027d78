"""Each check of the documentation sees the fault that it is there for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.docs.checks import (
    Check,
    check_commands,
    check_commands_named,
    check_defaults,
    check_links,
    check_paths,
    check_targets_named,
    check_variables,
    check_variables_listed,
)
from tests.docs.markdown import Document
from tests.docs.project import (
    Project,
    of_compose,
    of_makefile,
    of_program,
    read_project,
    read_targets,
)

RIGHT = """
# A right one

See [the licence](LICENSE), [the table](#a-right-one),
[a part](docs/guide.md#retention), `app/shop/settings.py`, `Makefile`,
`docs/adr/`, `.lab/error.log` and `static/css/site.css`. Set `GATEWAY_PORT=8081`,
`INSTALLED_APPS` or `SKEWPROOF_RELEASE_FILE`; `PASS` and `GET` are no variables. There is
`make rollout STRATEGY=shared`.

```console
$ make rollout ENGINE=embedded
» a line of output: make nothing
$ STATICFILES_STRATEGY=shared docker compose -p other up -d --wait
$ .venv/bin/lab up --weights v1=90,v2=10 && lab probe | head
```

```sh
# make a_comment
lab check .lab/lab/some.jsonl --json
```
"""
FAULTS: list[tuple[Check, str, str]] = [
    (check_links, "[a](docs/nothing.md)", "the link docs/nothing.md leads nowhere"),
    (check_links, "![a](docs/images/no.png)", "the link docs/images/no.png leads nowhere"),
    (check_links, '<img src="no.png">', "the link no.png leads nowhere"),
    (check_links, "[a](http://example.com/)", "the link http://example.com/ leads nowhere"),
    (check_links, "[a](#nowhere)", "the link #nowhere leads to no heading"),
    (check_links, "[a](docs/guide.md#no)", "the link docs/guide.md#no leads to no heading"),
    (check_paths, "`app/shop/setings.py`", "there is no app/shop/setings.py"),
    (check_paths, "`scripts/labb/`", "there is no scripts/labb/"),
    (check_paths, "`docker-composer.yml`", "there is no docker-composer.yml"),
    (check_variables, "`GATEWAY_PROT`", "nothing reads GATEWAY_PROT"),
    (check_variables, "`STATICFILES_STORAGE_DIR=x`", "nothing reads STATICFILES_STORAGE_DIR"),
    (check_commands, "`make rolout`", "there is no target make rolout"),
    (check_commands, "`make up PROT=1`", "make PROT=1: nothing reads PROT"),
    (check_commands, "```sh\nmake rolout\n```", "there is no target make rolout"),
    (check_commands, "```console\n$ lab upp\n```", "there is no command lab upp"),
    (check_commands, "`lab up --prot 1`", "lab up --prot 1: No such option"),
    (check_commands, "`lab rollout --visitors 1`", "lab rollout --visitors 1: Invalid value"),
    (check_commands, "```sh\ntrue && lab probe --visit\n```", "lab probe --visit: No such option"),
    (check_commands, "`docker compose upp`", "docker compose upp is not known here"),
]


@pytest.fixture(scope="module")
def project() -> Project:
    return read_project()


def written(text: str) -> Document:
    return Document(Path("README.md"), text)


@pytest.mark.parametrize("check", [check_links, check_paths, check_variables, check_commands])
def test_a_right_document_has_no_fault(check: Check, project: Project) -> None:
    assert list(check(written(RIGHT), project)) == []


@pytest.mark.parametrize(("check", "text", "fault"), FAULTS, ids=[fault for *_, fault in FAULTS])
def test_a_fault_is_seen(check: Check, text: str, fault: str, project: Project) -> None:
    (found,) = check(written(f"{RIGHT}\n{text}\n"), project)
    assert found.startswith(fault)


def test_what_a_document_leaves_out_is_seen(project: Project) -> None:
    small = replace(
        project,
        targets={"up": "start", "hidden": ""},
        variables={"ENGINE": "auto", "UNTOLD": None},
        commands={name: project.commands[name] for name in ("up", "down")},
    )
    document = written("`lab up`\n\n| variable | default |\n|---|---|\n| `ENGINE` | `auto` |\n")

    assert list(check_targets_named(document, small)) == ["make up is not in README.md"]
    assert list(check_commands_named(document, small)) == ["lab down is not in README.md"]
    assert list(check_variables_listed(document, small)) == ["UNTOLD is in no table of README.md"]


def test_a_wrong_default_is_seen(project: Project) -> None:
    text = "| variable | default |\n|---|---|\n| `GATEWAY_PORT` | `8000` |\n| `DJANGO` | `5.2` |\n"
    assert list(check_defaults(written(text), project)) == [
        "the default of GATEWAY_PORT is 8080, not `8000`"
    ]


def test_every_way_to_read_a_variable_is_known() -> None:
    compose = "a: ${ONE:-1}\nb: ${TWO}\nc: ${THREE:-x:${FOUR-4}}\nargs: {FIVE: , SIX: 6, SEVEN: }\n"
    assert dict(of_compose(compose)) == {
        "ONE": "1",
        "TWO": None,
        "THREE": None,
        "FOUR": "4",
        "FIVE": None,
        "SEVEN": None,
    }
    assert dict(of_makefile("ONE ?= 1\nTWO := 2\n")) == {"ONE": "1"}
    program = 'os.environ["ONE"], environ.get("TWO", ""), environ["HOME"], mapping["THREE"]'
    assert of_program(program) == ["ONE", "TWO"]


def test_targets_are_those_that_are_no_files() -> None:
    makefile = ".PHONY: up\nBIN := x\nup: deps ## start\n\ttrue\ndeps:\n\ttrue\nlock: ## pin\n"
    assert read_targets(makefile) == {"up": "start", "lock": "pin"}
