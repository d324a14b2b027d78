"""The storage for a project's own tests takes what production takes, and nothing else."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template import Context, Engine
from django.test import Client, override_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.skewproof.project import Project

STORAGES = {"staticfiles": {"BACKEND": "skewproof.testing.FinderStorage"}}
FILES = {
    "css/site.css": "@import 'base.css';\n",
    "css/base.css": "b {}",
    "fonts/a file.eot": "font",
    "ünïcode.txt": "u",
    "percent%20sign.txt": "p",
    "percent sign.txt": "s",
    "no_extension": "n",
}
NAMES = [
    *FILES,
    "css/site.css?v=1",
    "css/site.css#top",
    "fonts/a%20file.eot?#iefix",
    " css/site.css ",
    "css/",
]
WRONG = [
    "nope.css",
    "css",
    "css/../css/site.css",
    "../source/no_extension",
    "/no_extension",
    "..",
    "",
]


@pytest.fixture
def tested(directory_project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project within its own tests, which nobody has given a release id."""
    directory_project.write(FILES)
    with directory_project.active("v1", STORAGES=STORAGES):
        monkeypatch.delenv("RELEASE_ID")
        yield directory_project


@pytest.fixture
def settings_changed() -> Iterator[Callable[..., None]]:
    """Return a way to change settings until the end of the test."""
    with ExitStack() as changes:
        yield lambda **values: changes.enter_context(override_settings(**values))


def in_production(project: Project, name: str) -> str | None:
    """Return the URL without the hash, or None where the name is an error."""
    with project.active("v1"):
        storage = project.storage()
        try:
            return re.sub(r"\.[0-9a-f]{12}(?=$|[.?#])", "", storage.url(name))
        except ValueError:
            return None


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_it_is_in_production_without_the_hash(name: str, tested: Project) -> None:
    tested.publish("v1")
    expected = in_production(tested, name)
    assert expected is not None
    assert staticfiles_storage.url(name) == expected


@pytest.mark.parametrize("is_debug", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_no_finder_knows_is_an_error_as_in_production(
    name: str, is_debug: bool, tested: Project, settings_changed: Any
) -> None:
    tested.publish("v1")
    assert in_production(tested, name) is None
    settings_changed(DEBUG=is_debug)
    with pytest.raises(
        ValueError, match=f"no finder knows the static file {re.escape(repr(name))}"
    ):
        staticfiles_storage.url(name)


def test_a_template_that_names_a_missing_file_fails(tested: Project) -> None:
    assert tested.source.is_dir()
    engine = Engine(libraries={"static": "django.templatetags.static"})
    page = "{% load static %}{% static name %}"
    render = engine.from_string(page).render
    assert render(Context({"name": "no_extension"})) == "/static/no_extension"
    with pytest.raises(ValueError, match="STATICFILES_DIRS"):
        render(Context({"name": "nope.js"}))


@pytest.mark.usefixtures("tested")
def test_a_test_client_gets_pages_without_a_release() -> None:
    answer = Client().get("/readyz")
    assert answer.json() == {"ready": True, "release": None}
    assert "X-Release" not in answer.headers


def test_a_file_that_comes_later_is_found(tested: Project) -> None:
    with pytest.raises(ValueError, match="no finder knows"):
        staticfiles_storage.url("later.js")
    (tested.source / "later.js").write_text("x")
    assert staticfiles_storage.url("later.js") == "/static/later.js"


def test_it_needs_no_static_url(directory_project: Project) -> None:
    with directory_project.active("v1", STORAGES=STORAGES, STATIC_URL=None):
        assert staticfiles_storage.url("css/site.css") == "/static/css/site.css"


def test_a_file_that_another_finder_hides_by_a_folder_is_found(
    tested: Project, tmp_path: Path, settings_changed: Any
) -> None:
    other = tmp_path / "other"
    (other / "no_extension").mkdir(parents=True)
    settings_changed(STATICFILES_DIRS=[other, tested.source])
    assert finders.find("no_extension") == str(other / "no_extension")
    assert staticfiles_storage.url("no_extension") == "/static/no_extension"
