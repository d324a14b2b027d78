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


ASK = """
import sys
from pathlib import Path
import django
from django.conf import settings
django.setup()
settings.BASE_DIR = Path(sys.argv[1])
from django.test import Client
for method, path in (argument.split() for argument in sys.argv[2:]):
    answer = getattr(Client(headers={"Host": "127.0.0.1"}), method)(path)
    said = (answer.status_code, answer.get("Content-Type"), answer.get("Cache-Control"))
    print(*said, len(answer.cookies), answer.content == b'{"release": "v1"}', sep="|")
"""


def test_a_release_shows_the_record_of_its_build_and_no_other(
    python: Python, tmp_path: Path
) -> None:
    (tmp_path / "record.json").write_text('{"release": "v1"}')
    right, wrong = "/record.json?release=v1", ("?release=v2", "?release=", "?release=v1%0a")
    asked = ["get /record.json", f"get {right}", f"head {right}", f"post {right}"]
    asked += [f"get /record.json{query}" for query in wrong]
    environment = {"RELEASE_ID": "v1", "DJANGO_SETTINGS_MODULE": "shop.settings"}
    done = python("-c", ASK, str(tmp_path), *asked, **environment)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["200|application/json|no-store|0|True"] * 2
    assert lines[2] == "200|application/json|no-store|0|False"
    assert lines[3].startswith("405|")
    assert [line.partition("|")[0] for line in lines[4:]] == ["404"] * len(wrong)


def test_a_record_that_cannot_be_written_is_one_line_and_leaves_nothing(
    python: Python, tmp_path: Path
) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    done = python("manage.py", "record", str(target), RELEASE_ID="v1")
    assert done.returncode == 1
    assert done.stderr.startswith(f"CommandError: cannot write the record to {target}: ")
    assert list(tmp_path.iterdir()) == [target]
