"""The guide's "Your tests", done word for word to a new project."""

from __future__ import annotations

import re
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from tests.docs.newcomer import Newcomer, first_line
from tests.docs.project import ROOT, read_document

if TYPE_CHECKING:
    from pathlib import Path

SECTION = read_document("docs/guide.md").section("Your tests")
TESTS = """
from django.template import engines
from django.test import SimpleTestCase

class Pages(SimpleTestCase):
    def test_health(self):
        self.assertTrue(self.client.get("/readyz").json()["ready"])

    def test_page(self):
        page = engines["django"].from_string("{% load static %}{% static 'NAME' %}").render()
        self.assertEqual(page, "/static/NAME")
"""


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    """A project that has adopted a directory as the README says."""
    made = Newcomer(tmp_path / "shop", {"PYTHONPATH": str(ROOT / "app")})
    made.start_project()
    adoption = read_document("README.md").section("Adopt it in five minutes")
    made.follow(adoption, "settings.py")
    made.follow(adoption, "settings.py, without S3")
    baked = "STORAGES['staticfiles']['OPTIONS'] = {'baked_manifest': BASE_DIR / 'staticfiles.json'}"
    made.append("mysite/settings.py", baked)
    made.follow(adoption, "urls.py")
    made.follow(SECTION, "settings_test.py")
    return made


def commands() -> list[str]:
    return [command for fence in SECTION.fences for command in fence.commands]


def run_tests(newcomer: Newcomer, name: str) -> tuple[int, str]:
    """Run the tests of a project one of which renders a page with this file."""
    newcomer.append("mysite/tests.py", TESTS.replace("NAME", name))
    (command,) = (each for each in commands() if "manage.py test" in each)
    done = newcomer.try_to_run(sys.executable, *command.split()[1:])
    return done.returncode, done.stderr


def test_a_projects_tests_pass_without_a_release_and_without_collectstatic(
    newcomer: Newcomer,
) -> None:
    code, said = run_tests(newcomer, "admin/css/base.css")
    assert (code, "Ran 2 tests" in said) == (0, True), said


def test_a_page_that_names_a_missing_file_fails_its_test(newcomer: Newcomer) -> None:
    code, said = run_tests(newcomer, "css/stie.css")
    assert code == 1
    (shown,) = (each for each in SECTION.codes if each.startswith("no finder knows"))
    assert shown in said


def test_pytest_is_told_the_same_settings() -> None:
    (block,) = (fence for fence in SECTION.fences if fence.language == "toml")
    options = tomllib.loads(block.content)["tool"]["pytest"]["ini_options"]
    assert first_line(block) == "# pyproject.toml"
    assert f"--settings {options['DJANGO_SETTINGS_MODULE']}" in "\n".join(commands())


def test_ci_sees_what_tests_do_not_and_asks_no_store(newcomer: Newcomer) -> None:
    steps = [each for each in commands() if each.startswith("RELEASE_ID=")]
    assert len(steps) == 2
    for step in steps:
        variable, program, *arguments = step.split()
        assert program == "python"
        newcomer.run(sys.executable, *arguments, **dict([variable.split("=")]))
    assert re.search('"admin/css/base.css"', (newcomer.folder / "staticfiles.json").read_text())
    assert not (newcomer.folder / "static").exists()
