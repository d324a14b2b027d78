"""The engine kubernetes on a machine that has no cluster."""

from __future__ import annotations

from tests.cli.checkouts import Checkout


def test_images_are_brought_to_kubernetes_alone(checkout: Checkout) -> None:
    done = checkout.lab("build", "--images", "there", "--engine", "embedded")
    assert (done.code, done.out) == (64, "")
    (complaint,) = done.complaints
    assert complaint.startswith("lab: --images goes with --engine kubernetes, not with")


def test_without_a_context_and_without_an_api_it_is_one_line(checkout: Checkout) -> None:
    missing = checkout.lab("up", "--engine", "kubernetes", KUBECONFIG="/nowhere/kubeconfig")
    (complaint,) = missing.complaints
    assert missing.code == 69
    assert complaint.startswith("lab: no Kubernetes context in /nowhere/kubeconfig: start one")
    assert not checkout.left()
