"""How images get to the nodes: what the programs are told, and what pods name afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import UnavailableError
from lab.stacks.kubernetesimages import Brought, bring
from lab.stacks.kubernetesobjects import release_of

IMAGES = ["skewproof-nginx:latest", "skewproof-app:v1-django5.2"]
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def told(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:  # noqa: ARG001
    """Programs that only write down what they are told; Docker also says what it has pushed."""
    said = tmp_path / "said"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for program in ("kind", "k3d", "minikube", "docker"):
        file = tmp_path / program
        file.write_text(
            f'#!/bin/sh\necho "{program} $*" >> {said}\n'
            f'[ "$1" = inspect ] && cat {tmp_path}/digests\nexit 0\n'
        )
        file.chmod(0o755)
    return said


@pytest.mark.parametrize(
    ("way", "command"),
    [
        ("kind=shop", "kind load docker-image --name shop"),
        ("k3d=shop", "k3d image import --cluster shop"),
        ("minikube=shop", "minikube --profile shop image load"),
        ("minikube", "minikube image load"),
    ],
)
def test_a_program_is_told_the_cluster_and_the_images(way: str, command: str, told: Path) -> None:
    brought = bring(way, "shop", IMAGES)
    assert told.read_text() == f"{command} {' '.join(IMAGES)}\n"
    assert brought.images == {image: image for image in IMAGES}
    assert not brought.pull


def test_what_was_pushed_is_named_by_its_digest(told: Path) -> None:
    """A node that has an earlier build under the same name takes the one that was pushed."""
    place = "registry.example.com:5000/team"
    name = f"{place}/skewproof-app:v1-django5.2"
    digests = [f"elsewhere/skewproof-app@sha256:{'f' * 64}", f"{place}/skewproof-app@{DIGEST}"]
    (told.parent / "digests").write_text(" ".join(digests))
    brought = bring(f"registry={place}/", "production", IMAGES[1:])
    assert told.read_text().splitlines()[:2] == [
        f"docker tag {IMAGES[1]} {name}",
        f"docker push --quiet {name}",
    ]
    assert brought.images == {IMAGES[1]: f"{name}@{DIGEST}"}
    assert brought.pull
    assert Brought.load("production") == brought
    assert release_of({"spec": {"containers": [{"image": f"{name}@{DIGEST}"}]}}) == "v1"


def test_a_registry_that_gives_no_digest_is_refused(told: Path) -> None:
    (told.parent / "digests").write_text(f"elsewhere/skewproof-app@{DIGEST}")
    with pytest.raises(UnavailableError, match=r"r/skewproof-app:v1-django5\.2 no digest"):
        bring("registry=r", "production", IMAGES[1:])
