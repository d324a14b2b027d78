"""A v3 whose publish forgot a file, rolled out under guard, on plain processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.checkouts import Checkout, Done

from lab.history import Run, read_history
from lab.stacks.ports import free_port

FORGOTTEN = "css/product.css"
"""A stylesheet of some pages, and not of the first."""
FORGET = f"""
import json, boto3
if "collectstatic" in sys.argv:
    name = json.load(open("record.json"))["paths"]["{FORGOTTEN}"]
    s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT_URL"])
    s3.delete_object(Bucket=os.environ["S3_BUCKET"], Key=f"static/{{name}}")
"""
"""What v3's publish job does in the end: as if it had never sent that file."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with a third release, on a stack where v2 serves."""
    checkout = Checkout(tmp_path_factory.mktemp("guard"))
    sources = checkout.folder / "app" / "releases"
    shutil.copytree(sources / "v2", sources / "v3")
    append(sources / "v3" / "static" / FORGOTTEN, "\nmain { outline: 0 }\n")
    assert checkout.lab("build", "v2", "v3", "--engine", "embedded").code == 0
    append(checkout.work / "build" / "v3" / "manage.py", FORGET)
    port = free_port()
    place = ("--port", port, "--replicas", 1, "--engine", "embedded")
    assert checkout.lab("up", "--weights", "v2=100", *place).code == 0
    yield checkout
    checkout.lab("down")
    assert not checkout.left()


@pytest.fixture(scope="module")
def rollout(shop: Checkout) -> Done:
    return shop.lab("rollout", "--guard", "--visitors", 2, "--json")


@pytest.fixture(scope="module")
def history(rollout: Done) -> Run:
    return read_history(Path(rollout.to_json()["history"]))


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def test_the_guard_stops_at_the_forgotten_file_and_goes_back(rollout: Done, history: Run) -> None:
    assert rollout.code == 1, rollout
    assert rollout.to_json()["verdict"] == "FAIL"
    guard = [event for event in history.events if event.event.startswith("guard-")]
    *_, stopped, checked, back = guard
    assert stopped.event == "guard-stopped"
    assert stopped.detail["when"] == "before traffic: v2 0%, v3 100%"
    assert "css/product." in stopped.detail["why"]
    assert (checked.release, checked.detail["verdict"]) == ("v2", "PASS")
    assert back.event == "guard-rolled-back"


def test_no_visitor_met_the_release_that_was_broken(history: Run) -> None:
    visitors = [each for each in history.fetches if each.visitor != "guard"]
    assert {each.release for each in visitors if each.role == "page"} == {"v2"}
    assert {each.answer.status for each in visitors if each.how != "absent"} == {200}
    assert {each.answer.status for each in history.fetches if each.release == "v3"} == {200, 404}


def test_afterwards_the_old_release_serves_whole(shop: Checkout, rollout: Done) -> None:
    assert rollout.code == 1
    done = shop.lab("probe", "--json")
    assert done.code == 0, done
    assert [*done.to_json()["releases"]] == ["v2"]
