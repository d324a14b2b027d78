from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Python = Callable[..., subprocess.CompletedProcess[str]]

RELEASES = Path(__file__).parents[3] / "app" / "releases"


def test_a_record_names_release_django_paths_and_assets(records: dict[str, dict[str, Any]]) -> None:
    import django

    for release, record in records.items():
        assert (record["release"], record["django"]) == (release, django.get_version())
        assert set(record["assets"]) == set(record["paths"].values())
        assert "css/site.css" in record["paths"]
        assert "admin/css/login.css" in record["paths"]


def test_a_file_that_django_only_copies_is_recorded_with_its_own_digest(
    records: dict[str, dict[str, Any]],
) -> None:
    content = (RELEASES / "v1" / "static" / "img" / "map.png").read_bytes()
    record = records["v1"]
    name = record["paths"]["img/map.png"]
    assert hashlib.md5(content, usedforsecurity=False).hexdigest()[:12] in name
    digest = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert record["assets"][name] == digest


def test_a_record_is_the_same_for_every_strategy_and_in_development(
    python: Python, records: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    for changed in ({"STATICFILES_STRATEGY": "shared"}, {"DEBUG": "true"}):
        file = tmp_path / "v2.json"
        done = python("manage.py", "record", str(file), RELEASE_ID="v2", **changed)
        assert done.returncode == 0, done.stderr
        assert json.loads(file.read_text("utf-8")) == records["v2"]
        assert [path.name for path in tmp_path.iterdir()] == ["v2.json"]


def test_a_record_that_cannot_be_written_is_one_line_and_leaves_nothing(
    python: Python, tmp_path: Path
) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    done = python("manage.py", "record", str(target), RELEASE_ID="v1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"CommandError: cannot write the record to {target}: ")
    assert list(tmp_path.iterdir()) == [target]
