from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.stacks.traffic import parse_weights, render_traffic

DEFAULT = Path(__file__).parents[3] / "nginx" / "traffic.conf"


def test_the_gateways_default_is_what_the_lab_would_write_for_half_and_half() -> None:
    servers = {"v1": ["web-v1:8000 resolve"], "v2": ["web-v2:8000 resolve"]}
    assert render_traffic({"v1": 50, "v2": 50}, servers) == DEFAULT.read_text()


def test_a_release_without_weight_can_be_asked_for_but_is_never_drawn() -> None:
    conf = render_traffic({"v1": 100, "v2": 0}, {"v1": ["a:1"], "v2": ["b:1", "b:2"]})
    assert "split_clients $request_id $drawn { * v1; }" in conf
    assert 'map $asked $pinned { default ""; v1 v1; v2 v2; }' in conf
    assert "server b:1; server b:2;" in conf


def test_weights_are_read_as_they_are_typed() -> None:
    assert parse_weights("v1=90, v2=10", ["v1", "v2"]) == {"v1": 90, "v2": 10}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", 'no weights: ""'),
        ("v1", 'no weights: "v1"'),
        ("v1=ten,v2=90", 'no weights: "v1=ten"'),
        ("v1=-10,v2=110", 'no weights: "v1=-10"'),
        ("v1=50,v1=50", "release v1 stands twice"),
        ("v1=50,v3=50", "unknown release v3"),
        ("v1=50,v2=49", "add up to 99"),
    ],
)
def test_what_is_no_weight_is_refused_with_the_part_that_is_wrong(
    text: str, complaint: str
) -> None:
    with pytest.raises(LabError, match=complaint):
        parse_weights(text, ["v1", "v2"])
