"""The storage in the guide, as somebody writes one for a store that this package does not know."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from django.core.management import CommandError
from tests.docs.markdown import Document
from tests.docs.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.skewproof.project import Project


class GuidesPlace:
    """What the guide's storage keeps in memory."""

    environ: ClassVar[dict[str, str]] = {}

    def __init__(self, storage: Any) -> None:
        self.memory = storage.MEMORY

    def configured(self, **options: Any) -> dict[str, Any]:
        options = {"base_url": "https://cdn.test/", **options}
        return {"BACKEND": "own_storage.MemoryReleaseStorage", "OPTIONS": options}

    def read(self, name: str) -> bytes:
        return bytes(self.memory.get(name).bytes())

    def names(self) -> set[str]:
        return {each["path"] for page in self.memory.list() for each in page}


@pytest.fixture
def guides(
    new_project: Callable[[Any], Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    guide = Document(ROOT / "docs/guide.md", (ROOT / "docs/guide.md").read_text(encoding="utf-8"))
    (code,) = guide.section("A storage of your own").fences
    file = tmp_path / "own_storage.py"
    file.write_text(code.content, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("own_storage", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "own_storage", module)
    spec.loader.exec_module(module)
    return new_project(GuidesPlace(module))


def test_the_guides_storage_keeps_the_promises(guides: Project, next_tree: dict[str, str]) -> None:
    place: Any = guides.place
    early = guides.storage()
    with guides.active("v1"), pytest.raises(Exception, match="no manifest from releases/v1/"):
        early.url("css/site.css")
    assert "14 new" in guides.publish("v1")
    with guides.active("v1"):
        url = guides.storage().url("css/site.css")
        assert url == f"https://cdn.test/{guides.manifest('v1')['paths']['css/site.css']}"
    there = place.names()
    assert "0 new" in guides.publish("v1")
    guides.write(next_tree)
    with pytest.raises(CommandError, match="with other content"):
        guides.publish("v1")
    assert place.names() == there
    guides.publish("v2")
    assert place.names() > there
    for release in ("v1", "v2"):
        guides.assert_whole(release)
